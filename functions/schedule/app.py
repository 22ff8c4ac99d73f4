"""The stack's own tick and wake-ups (the drain), requests by users' schedules, and the doctor's questions."""

import feee_cancel  # noqa: F401 - imported first: it sets how often Python collects garbage during the rest

# isort: split
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from feee_cancel.bootstrap.cancelling import Service, bootstrap

Handler = Callable[[dict[str, Any], LambdaContext], dict[str, Any] | None]

logger = Logger(service="feee_cancel", json_deserializer=str)  # a message is text, never JSON


def create(service: Service) -> Handler:
    """The handler over a service."""

    @service.published
    @logger.inject_lambda_context
    def lambda_handler(event: object, context: LambdaContext) -> dict[str, Any] | None:
        match event:
            case {"until": int(until), **others} if not others and not isinstance(until, bool):
                service.drain(until=until, seconds_left=_seconds_left(context))
            case dict() if not event:
                service.tick(seconds_left=_seconds_left(context))
            case {"diagnose": wanted, **others} if not others:
                return service.diagnose(wanted, seconds_left=_seconds_left(context))
            case _:
                _request(service, event, context.aws_request_id)
        return None

    return lambda_handler


def _request(service: Service, event: object, request_id: str) -> None:
    """Accept a user's event. What is wrong with it fails loudly: in the metric, the log and the on-failure queue."""
    try:
        service.enqueue_event(event, invocation=request_id)
    except ValueError:
        service.count("MalformedEvent")
        raise


def _seconds_left(context: LambdaContext) -> float:
    return context.get_remaining_time_in_millis() / 1000


lambda_handler = create(bootstrap())
