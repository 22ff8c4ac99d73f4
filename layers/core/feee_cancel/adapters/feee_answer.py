"""What an answer of feee.io says: the documented envelope and nothing else counts as one (feee-api)."""

import json
from decimal import Decimal
from http import HTTPStatus
from typing import Any, NoReturn

from feee_cancel.domain.answer import Answer, AnswerKind
from feee_cancel.domain.order import MalformedOrderError, Order

_MISCONFIGURED_CODES = frozenset({10001, 20012, 20013})
_RATE_CODES = frozenset({11001})
_MISCONFIGURED_STATUSES = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
MAX_BODY = 1 << 20
_MAX_WORDS = 1_000


def interpret(http_status: int, body: bytes, order_no: str, key: str, *, seconds: float) -> Answer:
    """What an HTTP answer says; the documented envelope and nothing else counts as one."""
    try:
        envelope = _envelope(body, key)
    except (ValueError, RecursionError) as error:
        kind = _kind_of(http_status, None)
        return Answer(kind=kind, http_status=http_status, detail=_words(error), seconds=seconds)
    kind, order, detail = _kind_of(http_status, envelope["code"]), None, None
    if kind is AnswerKind.ACCEPTED:
        kind, order, detail = _read_order(envelope.get("data"), order_no)
    return Answer(
        kind=kind,
        order=order,
        http_status=http_status,
        code=envelope["code"],
        msg=_words(envelope.get("msg")),
        request_id=_words(envelope.get("request_id")),
        detail=detail,
        seconds=seconds,
    )


def _envelope(body: bytes, key: str) -> dict[str, Any]:
    """The envelope, its numbers exact, the key nowhere in it. Raises ValueError where it isn't one."""
    if len(body) > MAX_BODY:
        raise ValueError("longer than 1 MiB")
    try:
        text = body.decode()
        envelope = _JSON.decode(text)
    except ValueError:
        raise ValueError("not JSON") from None
    plain = json.dumps(envelope, default=str, ensure_ascii=False) if "\\" in text else text  # an escape may hide it
    if key in plain:
        envelope = _JSON.decode(plain.replace(key, "[key]"))
    code = envelope.get("code") if isinstance(envelope, dict) else None
    if not isinstance(code, int) or isinstance(code, bool) or abs(code) >= 10**15:
        raise ValueError("no code")
    return dict(envelope)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_JSON = json.JSONDecoder(parse_float=Decimal, parse_constant=_refuse_constant)
"""Numbers are exact, as `int` and `Decimal`."""


def _words(value: object) -> str | None:
    """feee.io's words as they are, at most 1,000 characters, in a form that every store takes."""
    return None if value is None else str(value)[:_MAX_WORDS].encode("utf-8", "replace").decode()


def _kind_of(http_status: int, code: int | None) -> AnswerKind:
    """The kind by status and code; `code` 0 is accepted until an order is read."""
    if http_status in _MISCONFIGURED_STATUSES or code in _MISCONFIGURED_CODES:
        return AnswerKind.MISCONFIGURED
    if http_status == HTTPStatus.TOO_MANY_REQUESTS or code in _RATE_CODES:
        return AnswerKind.RATE_EXCEEDED
    if code is None or http_status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return AnswerKind.NO_USABLE_ANSWER
    success = HTTPStatus.OK <= http_status < HTTPStatus.MULTIPLE_CHOICES
    if code == 0:
        return AnswerKind.ACCEPTED if success else AnswerKind.NO_USABLE_ANSWER
    return AnswerKind.REFUSED if success or http_status >= HTTPStatus.BAD_REQUEST else AnswerKind.NO_USABLE_ANSWER


def _read_order(data: object, order_no: str) -> tuple[AnswerKind, Order | None, str | None]:
    """What an accepted call shows: `data` is optional on cancel; where it is there, it must be this order."""
    if not data:
        return AnswerKind.ACCEPTED, None, None
    try:
        order = Order.parse(data)
    except (MalformedOrderError, RecursionError) as error:
        return AnswerKind.NO_USABLE_ANSWER, None, _words(error)
    if order.order_no != order_no:
        return AnswerKind.NO_USABLE_ANSWER, None, "data is another order"
    return AnswerKind.ORDER, order, None
