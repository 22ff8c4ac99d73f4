"""The request documents: one order, or a batch of them with the rest in common."""

import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, Self, TypeVar

from feee_cancel.domain.faults import InvalidRequestError, PastTimeError
from feee_cancel.domain.foreign_events import kind
from feee_cancel.domain.times import SENT_AGAIN, parse_not_before, scheduled_at

_ORDER_NO = re.compile(r"[0-9]{1,32}")
_EXECUTION_ID = re.compile(r"[ -;=?-~]{1,256}")
_MAX_REASON = 200
_MEMBERS = frozenset({"order_no", "order_nos", "not_before", "reason", "execution_id"})
MAX_BATCH = 100
MAX_DOCUMENT = 4_096
"""Bytes of a document with one order."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class CancellationRequest:
    """The request document, the same for every way in. `not_before` is in unix seconds."""

    order_no: str
    not_before: int | None = None
    reason: str | None = None

    @classmethod
    def parse(cls, document: object, *, now: float, earliest: float | None = None) -> Self:
        """Validate a JSON document. Raises InvalidRequestError with the member at fault.

        Raises PastTimeError for a time before `earliest`, which is a minute ago unless it is given.
        """
        members = _members(document, "order_no")
        return cls(order_no=parse_order_no(members.get("order_no")), **_common(members, now, earliest))


Asked = CancellationRequest | InvalidRequestError
"""One of a batch: a request, or what is wrong with its order number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRequest:
    """What an event asks for. `execution_id` is its schedule's, `scheduled_at` the time in that id (unix seconds)."""

    asked: Sequence[Asked]
    execution_id: str | None = None
    scheduled_at: float | None = None


def parse_json(text: bytes) -> object:
    """Read JSON as RFC 8259 has it: UTF-8, perhaps after a byte order mark. Raises InvalidRequestError.

    A member that is given twice is refused: readers differ in which of the two they take.
    """
    try:
        return json.loads(text.decode("utf-8-sig"), parse_constant=_refuse, object_pairs_hook=_once_each)
    except InvalidRequestError:
        raise
    except (ValueError, RecursionError):
        raise InvalidRequestError(None, "must be a JSON document") from None


def parse_batch(document: object, *, now: float, earliest: float | None = None) -> list[Asked]:
    """The requests of `{"order_nos": [...]}` with common members, in order; a bad order number spoils no other.

    Raises InvalidRequestError if the fault isn't in one order number; PastTimeError as above.
    """
    members = _members(document, "order_nos")
    order_nos = members.get("order_nos")
    if not isinstance(order_nos, list) or not 1 <= len(order_nos) <= MAX_BATCH:
        raise InvalidRequestError("order_nos", f"is required: an array of 1 to {MAX_BATCH} order numbers")
    common = _common(members, now, earliest)
    return [_one(order_no, common) for order_no in order_nos]


def parse_event(document: object, *, now: float, earliest: float | None = None) -> EventRequest:
    """The requests of an event, one or a batch, and the `execution_id` that its schedule gave it.

    Unlike Lambda's request id, this id is the same for each delivery of one run of a schedule. Raises
    InvalidRequestError if the fault isn't in one order number of a batch, PastTimeError for a time that was already
    past when the event was due.
    """
    if not isinstance(document, dict) or not document.keys() & {"order_no", "order_nos"}:
        raise InvalidRequestError(None, f"is {kind(document)}, and has neither order_no nor order_nos")
    execution_id = _execution_id(document.get("execution_id"))
    due_at = scheduled_at(execution_id or "")
    if earliest is None:
        earliest = min(now, due_at or now) - SENT_AGAIN
    rest = {name: value for name, value in document.items() if name != "execution_id"}
    if rest.get("order_nos") is None:
        asked: Sequence[Asked] = [CancellationRequest.parse(rest, now=now, earliest=earliest)]
    else:
        asked = parse_batch(rest, now=now, earliest=earliest)
    return EventRequest(asked=asked, execution_id=execution_id, scheduled_at=due_at)


def unless_past(parse: Callable[[float | None], T], repeats: Callable[[T], bool], earliest: float | None = None) -> T:
    """Read a document, whose time may be no earlier than `earliest` (None: as `parse` has it).

    Raises PastTimeError for an earlier time, unless the document repeats a request that was accepted.
    """
    try:
        return parse(earliest)
    except PastTimeError:
        asked = parse(-math.inf)
        if not repeats(asked):
            raise
        return asked


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
    """The members that have a value: serialisers write null for those that nobody set."""
    if not isinstance(document, dict):
        raise InvalidRequestError(None, "must be a JSON object")
    for name, value in document.items():
        if name not in _MEMBERS or (value is not None and name not in {subject, "not_before", "reason"}):
            raise InvalidRequestError(name[:64], "is not a member of a cancellation request")
    return {name: value for name, value in document.items() if value is not None}


def _one(order_no: object, common: dict[str, Any]) -> Asked:
    try:
        return CancellationRequest(order_no=parse_order_no(order_no), **common)
    except InvalidRequestError as error:
        return error


def _common(members: dict[str, Any], now: float, earliest: float | None) -> dict[str, Any]:
    common: dict[str, Any] = {}
    if "not_before" in members:
        common["not_before"] = parse_not_before(members["not_before"], now=now, earliest=earliest)
    if "reason" in members:
        common["reason"] = _reason(members["reason"])
    return common


def _execution_id(value: object) -> str | None:
    """The id. Angle brackets are refused: a keyword in them that nobody replaced would be every execution's id."""
    if value is None or (isinstance(value, str) and _EXECUTION_ID.fullmatch(value)):
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
