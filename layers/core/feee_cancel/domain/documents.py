"""The request documents: one order, or a batch of them with the rest in common."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, Self

_ORDER_NO = re.compile(r"[0-9]{1,32}")
_EXECUTION_ID = re.compile(r"[ -;=?-~]{1,256}")
_MAX_REASON = 200
_MAX_AHEAD = 30 * 86_400
MAX_BATCH = 100
MAX_DOCUMENT = 4_096
"""Bytes of a document with one order."""


class InvalidRequestError(ValueError):
    """The document isn't a request. `member` is the JSON member at fault, "" for the document itself."""

    def __init__(self, member: str, detail: str) -> None:
        super().__init__(detail)
        self.member = member
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class CancellationRequest:
    """The request document, the same for every way in. `not_before` is in unix seconds."""

    order_no: str
    not_before: int | None = None
    reason: str | None = None

    @classmethod
    def parse(cls, document: object, *, now: float) -> Self:
        """Validate a JSON document. Raises InvalidRequestError with the member at fault."""
        members = _members(document, "order_no")
        return cls(order_no=parse_order_no(members.get("order_no")), **_common(members, now))


def parse_json(text: bytes) -> object:
    """Read JSON as RFC 8259 has it: UTF-8, perhaps after a byte order mark. Raises InvalidRequestError.

    A member that is given twice is refused: readers differ in which of the two they take.
    """
    try:
        return json.loads(text.decode("utf-8-sig"), parse_constant=_refuse, object_pairs_hook=_once_each)
    except InvalidRequestError:
        raise
    except (ValueError, RecursionError):
        raise InvalidRequestError("", "must be a JSON document") from None


def parse_batch(document: object, *, now: float) -> list[CancellationRequest | InvalidRequestError]:
    """The requests of `{"order_nos": [...]}` with common members, in order; a bad order number spoils no other.

    Raises InvalidRequestError where the fault isn't in one order number.
    """
    members = _members(document, "order_nos")
    order_nos = members.get("order_nos")
    if not isinstance(order_nos, list) or not 1 <= len(order_nos) <= MAX_BATCH:
        raise InvalidRequestError("order_nos", f"is required: an array of 1 to {MAX_BATCH} order numbers")
    common = _common(members, now)
    return [_one(order_no, common) for order_no in order_nos]


def parse_event(document: object, *, now: float) -> tuple[list[CancellationRequest | InvalidRequestError], str | None]:
    """The requests of an event, one or a batch, and the `execution_id` that its schedule gave it.

    The id is the same for each delivery of one run of a schedule, where Lambda's request id isn't. Raises
    InvalidRequestError where the fault isn't in one order number of a batch.
    """
    execution = None
    if isinstance(document, dict) and "execution_id" in document:
        execution = _execution_id(document["execution_id"])
        document = {name: value for name, value in document.items() if name != "execution_id"}
    if isinstance(document, dict) and "order_nos" in document:
        return parse_batch(document, now=now), execution
    return [CancellationRequest.parse(document, now=now)], execution


def parse_order_no(value: object) -> str:
    """An order number is feee.io's own, a string of digits. Raises InvalidRequestError."""
    if isinstance(value, str) and _ORDER_NO.fullmatch(value):
        return value
    raise InvalidRequestError("order_no", "is required: a string of 1 to 32 digits, as feee.io gave it")


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _once_each(members: Sequence[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in members:
        if name in found:
            raise InvalidRequestError(name[:64], "is given twice")
        found[name] = value
    return found


def _members(document: object, subject: str) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise InvalidRequestError("", "must be a JSON object")
    for unknown in document.keys() - {subject, "not_before", "reason"}:
        raise InvalidRequestError(unknown[:64], "is not a member of a cancellation request")
    return document


def _one(order_no: object, common: dict[str, Any]) -> CancellationRequest | InvalidRequestError:
    try:
        return CancellationRequest(order_no=parse_order_no(order_no), **common)
    except InvalidRequestError as error:
        return error


def _common(members: dict[str, Any], now: float) -> dict[str, Any]:
    return {
        "not_before": _not_before(members["not_before"], now) if "not_before" in members else None,
        "reason": _reason(members["reason"]) if "reason" in members else None,
    }


def _not_before(value: object, now: float) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise InvalidRequestError("not_before", "must be a time in whole unix seconds")
    if value > now + _MAX_AHEAD:
        raise InvalidRequestError("not_before", "must be at most 30 days ahead")
    return value


def _execution_id(value: object) -> str:
    """Without the brackets of a keyword that nobody replaced: it would be every execution's id."""
    if isinstance(value, str) and _EXECUTION_ID.fullmatch(value):
        return value
    raise InvalidRequestError(
        "execution_id",
        "must be 1 to 256 printable ASCII characters without < and >, which EventBridge Scheduler replaces",
    )


def _reason(value: object) -> str:
    if not isinstance(value, str) or len(value) > _MAX_REASON:
        raise InvalidRequestError("reason", f"must be a string of at most {_MAX_REASON} characters")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise InvalidRequestError("reason", "must be valid Unicode text")
    return value
