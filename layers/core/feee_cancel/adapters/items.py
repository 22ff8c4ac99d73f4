"""The table's items: rows and numbers as DynamoDB has them, and its errors as ours."""

import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, fields
from decimal import Decimal
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from botocore.exceptions import BotoCoreError, ClientError

from feee_cancel.domain import rank
from feee_cancel.domain.answer import AnswerKind
from feee_cancel.domain.cancellation import UNREADABLE_TIME, Cancellation, Requested, State, StateReason
from feee_cancel.domain.times import EARLIEST, LATEST, Time
from feee_cancel.usecases.errors import TableUnavailableError

Item = Mapping[str, Any]

logger = logging.getLogger(__name__)


@contextmanager
def translated(what: str) -> Iterator[list[Item]]:
    """Collect the item that a failed condition found, if any; every other trouble is TableUnavailableError."""
    found: list[Item] = []
    try:
        yield found
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise TableUnavailableError(f"{what}: {error.response['Error']['Code']}") from error
        item: Any = error.response.get("Item", {})
        found.append(item)
    except BotoCoreError as error:
        raise TableUnavailableError(f"{what}: {type(error).__name__}") from error


Decoder = tuple[str, Callable[[Any], Any]]
"""The type that DynamoDB has for it, and what reads its value."""


def floored(written: str) -> int:
    """A number of an item as a whole number, even if somebody wrote it with a fraction."""
    return math.floor(Decimal(written))


def _time(written: str) -> int:
    """A time in whole seconds. Raises ValueError for one in milliseconds, or of a clock that was never set."""
    time = floored(written)
    if not EARLIEST <= time < LATEST:
        raise ValueError(written)
    return time


def decoders(of: type) -> dict[str, Decoder]:
    """How each field of a row's class is read, by its annotation. Raises TypeError for one that can't be read here."""
    hints = get_type_hints(of, include_extras=True)
    return {one.name: _decoder(hints[one.name]) for one in fields(of) if one.name != "unread"}


_UNIONS = (Union, UnionType)


def _decoder(hint: Any) -> Decoder:
    kinds = [kind for kind in get_args(hint) if kind is not NoneType] if get_origin(hint) in _UNIONS else [hint]
    if len(kinds) != 1 or kinds[0] not in _DECODER_OF:
        raise TypeError(f"no attribute of the table is read as {hint}")
    return _DECODER_OF[kinds[0]]


def _requests(values: Sequence[Item]) -> tuple[Requested, ...]:
    return tuple(Requested(**_read(value["M"], _OF_A_REQUEST, {})) for value in values)


_DECODER_OF: Mapping[Any, Decoder] = {
    State: ("S", State.read),
    StateReason: ("S", StateReason.read),
    AnswerKind: ("S", AnswerKind.read),
    str: ("S", str),
    Decimal: ("N", Decimal),
    int: ("N", floored),
    Time: ("N", _time),
    bool: ("BOOL", bool),
    tuple[Requested, ...]: ("L", _requests),
}
_OF_A_ROW, _OF_A_REQUEST = decoders(Cancellation), decoders(Requested)
_OF_WRITES = frozenset({"token", "rank", "postponed"})
"""Attributes that aren't part of the row: each write sets its own or removes them."""
_MISSING = {
    "state": State.read("unreadable"),
    "due_at": UNREADABLE_TIME,
    "requested_at": UNREADABLE_TIME,
    "gives_up_at": UNREADABLE_TIME,
}
_DEFAULTS = {one.name: one.default for of in (Requested, Cancellation) for one in fields(of)} | _MISSING
_UNREADABLE = {name: value for name, value in _DEFAULTS.items() if value is not MISSING}
_UNREADABLE |= {"in_doubt_after": 0, "seen_at": UNREADABLE_TIME, "paid": True}
"""What a row has in place of a value that can't be read: it counts as in doubt, its order as seen and paid. A row
without its order number is none."""
_NOTHING = (None, (), UNREADABLE_TIME)


def number(value: float) -> dict[str, str]:
    """A whole number as DynamoDB has it."""
    return {"N": str(int(value))}


def to_item(row: Cancellation) -> dict[str, Any]:
    """The item of a row; one that waits also has its place in line."""
    line = rank.rank(row)
    return _written(row, _OF_A_ROW) | ({"rank": {"S": line}} if line else {})


def to_attribute(value: object) -> dict[str, Any]:
    """A value as DynamoDB has it."""
    match value:
        case str():
            return {"S": str(value)}
        case bool():
            return {"BOOL": value}
        case tuple():
            return {"L": [{"M": _written(request, _OF_A_REQUEST)} for request in value]}
        case _:
            return {"N": str(value)}


def to_attribute_if_any(value: object) -> dict[str, Any] | None:
    """A value as DynamoDB has it; None if an item goes without."""
    return None if value in _NOTHING else to_attribute(value)


def _written(record: Cancellation | Requested, known: Mapping[str, Decoder]) -> dict[str, Any]:
    """The attributes of what has a value.

    What couldn't be read stays as it was, unless this version has set another value since.
    """
    values = {name: getattr(record, name) for name in known}
    unread = record.unread.items()
    kept = {name: raw for name, raw in unread if name not in known or _is_still_unread(name, values[name])}
    return {name: to_attribute(value) for name, value in values.items() if value not in _NOTHING} | kept


def _is_still_unread(name: str, value: object) -> bool:
    """The count of attempts is always written, even over what couldn't be read: a row without it can't be claimed."""
    return value == _UNREADABLE[name] and name != "attempt"


def to_row(item: Item) -> Cancellation:
    """The row of an item. What this version doesn't know or can't read of it is kept in `unread`.

    Raises TypeError if it has no order number.
    """
    if not item:
        raise TableUnavailableError("the row is gone")
    row = {name: value for name, value in item.items() if name not in _OF_WRITES}
    return Cancellation(**_read(row, _OF_A_ROW, _MISSING))


def _is_as_written(attribute: Item, value: object) -> bool:
    """Whether a condition on this value would match the attribute. DynamoDB compares numbers by value, not by text."""
    match attribute:
        case {"N": number}:
            return bool(Decimal(number) == value)
        case {"L": _}:
            return to_attribute_if_any(value) == attribute
    return True


def _read(item: Item, known: Mapping[str, Decoder], missing: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = dict(missing)
    unread = {name: item[name] for name in item.keys() - known.keys()}
    for name in item.keys() & known.keys():
        kind, read = known[name]
        try:
            values[name] = read(item[name][kind])
            if not _is_as_written(item[name], values[name]):
                unread[name] = item[name]
        except (KeyError, TypeError, ValueError, ArithmeticError):
            unread[name] = item[name]
            values |= {name: _UNREADABLE[name]} if name in _UNREADABLE else {}
    if garbled := sorted(unread.keys() & known.keys()):
        logger.warning("a row can't be read in full", extra={"order_no": item.get("order_no"), "attributes": garbled})
    return values | {"unread": unread}
