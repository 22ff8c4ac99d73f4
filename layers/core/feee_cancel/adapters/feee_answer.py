"""What an answer of feee.io says: the documented envelope and nothing else counts as one (feee-api)."""

import json
import re
import time
from dataclasses import replace
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from feee_cancel.adapters.feee_json import parse
from feee_cancel.domain.answer import Answer, AnswerKind
from feee_cancel.domain.order import MalformedOrderError, Order, json_number, whole

_MISCONFIGURED_CODES = frozenset({10001, 20012, 20013})
_RATE_CODES = frozenset({11001})
_MISCONFIGURED_STATUSES = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_NO_DATA: tuple[object, ...] = (None, {}, [], "")
_MAX_WORDS = 1_000
_SECONDS = re.compile(r"[0-9]{1,9}")
_MAX_RETRY_AFTER = 300.0


def interpret(
    http_status: int, body: bytes, order_no: str, key: str, *, content_type: str = "", retry: str = "", seconds: float
) -> Answer:
    """What an HTTP answer says, its headers `Content-Type` and `Retry-After` included."""
    rest = believed_rest(retry, now=time.time())
    try:
        told = envelope(parse(body, key, content_type=content_type))
    except ValueError as error:
        kind = kind_of(http_status, None)
        return Answer(kind=kind, http_status=http_status, detail=str(error), retry_after=rest, seconds=seconds)
    said = Answer(
        kind=kind_of(http_status, told["code"]),
        http_status=http_status,
        code=told["code"],
        msg=words(told.get("msg")),
        request_id=words(told.get("request_id")),
        retry_after=rest,
        seconds=seconds,
    )
    return _with_order(said, told.get("data"), order_no) if said.kind is AnswerKind.ACCEPTED else said


def envelope(document: object) -> dict[str, Any]:
    """The envelope, its code a whole number. Raises ValueError if it isn't one."""
    try:
        if isinstance(document, dict):
            return document | {"code": whole(document.get("code"))}
    except TypeError:
        pass
    raise ValueError("no code")


def words(value: object) -> str | None:
    """feee.io's words as they are, at most 1,000 characters; as JSON if they aren't text."""
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value, default=json_number, ensure_ascii=False)
    return text[:_MAX_WORDS]


def kind_of(http_status: int, code: int | None) -> AnswerKind:
    """The kind of an answer. `code` is None if no envelope shows that feee.io itself answered.

    `code` 0 counts as ACCEPTED until an order is read.
    """
    if code in _MISCONFIGURED_CODES:
        return AnswerKind.MISCONFIGURED
    if code in _RATE_CODES or http_status == HTTPStatus.TOO_MANY_REQUESTS:
        return AnswerKind.RATE_EXCEEDED
    success = HTTPStatus.OK <= http_status < HTTPStatus.MULTIPLE_CHOICES
    if code == 0 and success:
        return AnswerKind.ACCEPTED
    if not code or http_status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return AnswerKind.NO_USABLE_ANSWER
    if http_status in _MISCONFIGURED_STATUSES:
        return AnswerKind.MISCONFIGURED
    return AnswerKind.REFUSED if success or http_status >= HTTPStatus.BAD_REQUEST else AnswerKind.NO_USABLE_ANSWER


def believed_rest(header: str, *, now: float) -> float:
    """Seconds that a `Retry-After` asks to wait (RFC 9110: seconds, or a date); 0 for none, or one that can't be read.

    At most five minutes, even if it asks for more.
    """
    try:
        seconds = float(header) if _SECONDS.fullmatch(header) else _date(header) - now
    except (ValueError, OverflowError):
        return 0
    return min(max(0.0, seconds), _MAX_RETRY_AFTER)


def _with_order(said: Answer, data: object, order_no: str) -> Answer:
    """What an accepted call shows: `data` is optional on cancel; if it is there, it must be this order."""
    if data in _NO_DATA:
        return said
    only = data[0] if isinstance(data, list) and len(data) == 1 else data
    try:
        order = Order.parse(only)
    except MalformedOrderError as error:
        return replace(said, kind=AnswerKind.NO_USABLE_ANSWER, detail=str(error))
    if order.order_no != order_no:
        return replace(said, kind=AnswerKind.NO_USABLE_ANSWER, detail="data is another order")
    return replace(said, kind=AnswerKind.ORDER, order=order)


def _date(header: str) -> float:
    """A date of HTTP, in unix seconds; one without a zone is in UTC (RFC 9110, obsolete formats). Raises ValueError."""
    date = parsedate_to_datetime(header)
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
