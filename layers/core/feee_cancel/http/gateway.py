"""What API Gateway's REST API passes to a function and expects back (Lambda proxy integration, payload format 1.0)."""

import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from typing import Any, Protocol

from feee_cancel.adapters.representation import to_json
from feee_cancel.domain.foreign_events import UnknownEventError

_SEGMENTS = re.compile(r"(?:/[^/]+)*")
_METHOD_OVERRIDE = "x-http-method-override"


class Context(Protocol):
    """Lambda's context, as far as it is used."""

    def get_remaining_time_in_millis(self) -> int:
        """What is left of the invocation."""
        ...


class Request:
    """One request. `method` and `resource` are those that API Gateway authorized; `path` alone decides nothing."""

    def __init__(self, event: object, context: Context) -> None:
        """Raises UnknownEventError if the event is no request of a REST API."""
        match event:
            case {
                "httpMethod": str(method),
                "resource": str(resource),
                "path": str(path),
                "requestContext": dict(context_of_gateway),
                **others,
            }:
                self.method, self.resource, self.path = method, resource, path
                self._gateway: Mapping[str, Any] = context_of_gateway
                self._event: Mapping[Any, Any] = others
                self._context = context
            case _:
                raise UnknownEventError("requests of its REST API", event)

    @property
    def exact(self) -> bool:
        """Whether the path is the resource's, to the letter, and nothing claims another method.

        API Gateway ignores extra slashes, and documents that a header overrides the method. A custom domain's base path
        may come first.
        """
        expected = self.resource.replace("{order_no}", self.order_no)
        return (
            self._gateway.get("httpMethod", self.method) == self.method
            and _METHOD_OVERRIDE not in self.headers
            and self.path.endswith(expected)
            and _SEGMENTS.fullmatch(self.path.removesuffix(expected)) is not None
        )

    @property
    def order_no(self) -> str:
        """The path's parameter, "" if it has none."""
        return _text(_object(self._event.get("pathParameters")).get("order_no"))

    @property
    def url_path(self) -> str:
        """The path that the client wrote: with the stage, or with a custom domain's base path."""
        return _text(self._gateway.get("path")) or self.path

    @property
    def query(self) -> Mapping[str, Sequence[str]]:
        """Every value of every parameter that has one."""
        single = self._event.get("queryStringParameters")
        given = _values(self._event.get("multiValueQueryStringParameters") or single)
        return {name: values for name, texts in given.items() if (values := [text for text in texts if text])}

    @cached_property
    def headers(self) -> Mapping[str, Sequence[str]]:
        """Every value of every header; names are in lower case, so those that differ only in case are one."""
        headers: dict[str, list[str]] = {}
        for name, values in _values(self._event.get("multiValueHeaders") or self._event.get("headers")).items():
            headers.setdefault(name.lower(), []).extend(values)
        return headers

    @property
    def caller(self) -> str | None:
        """The ARN of the AWS principal that signed; None if nobody did."""
        return _text(_object(self._gateway.get("identity")).get("userArn")) or None

    @property
    def seconds_left(self) -> float:
        """The seconds left of the invocation."""
        return self._context.get_remaining_time_in_millis() / 1000

    def body(self, most: int) -> bytes | None:
        """The body as it was sent; None if it has more than `most` bytes, which are then not decoded.

        Raises ValueError if the event doesn't hold it.
        """
        text = _text(self._event.get("body"))
        if self._event.get("isBase64Encoded") is not True:
            return None if len(text) > most else _at_most(most, text.encode())
        return None if len(text) > most * 4 // 3 + 4 else _at_most(most, binascii.a2b_base64(text, strict_mode=True))


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, marked as not to be cached."""

    status: HTTPStatus
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"

    def to_event(self) -> dict[str, Any]:
        """The answer as API Gateway expects it."""
        return {
            "statusCode": self.status.value,
            "headers": {"Content-Type": self.content_type, "Cache-Control": "no-store", **self.headers},
            "body": to_json(self.body),
            "isBase64Encoded": False,
        }


def _at_most(most: int, body: bytes) -> bytes | None:
    return body if len(body) <= most else None


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _values(given: object) -> dict[str, list[str]]:
    """Texts by their names, however many there are of each."""
    return {
        name: [text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)]
        for name, value in _object(given).items()
    }
