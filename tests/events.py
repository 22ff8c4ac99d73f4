"""Lambda's events and context, from the samples that users invoke with."""

import json
from pathlib import Path
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

EVENTS = Path(__file__).parents[1] / "events"


class Context(LambdaContext):
    """The context of an invocation with all its time left."""

    _function_name = "api"
    _memory_limit_in_mb = 512
    _invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:api"

    def __init__(self, request_id: str = "request-1") -> None:
        self._aws_request_id = request_id

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 25_000


def sample(name: str) -> dict[str, Any]:
    """A sample event by its name."""
    event: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return event


def post(body: str | None, content_type: str | None = "application/json", path: str = "") -> dict[str, Any]:
    """The sample request, or the one that is named by the end of its path, with another body."""
    headers = {"Content-Type": content_type} if content_type else {}
    return sample(f"api-{path or 'request'}") | {
        "body": body,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
    }


def at(path: str, *, order_no: str | None = None, resource: str | None = None, method: str = "GET") -> dict[str, Any]:
    """A request as API Gateway hands it over: its path, and the resource and the parameter that it was matched with."""
    event = sample("api-get")
    resource = resource or event["resource"]
    gateway = {"resourcePath": resource, "httpMethod": method, "path": f"/v1{path}"}
    return event | {
        "path": path,
        "resource": resource,
        "httpMethod": method,
        "pathParameters": {"order_no": order_no} if order_no is not None else None,
        "requestContext": event["requestContext"] | gateway,
    }
