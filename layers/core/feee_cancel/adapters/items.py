"""The table's items: rows and numbers as DynamoDB has them, and its errors as ours."""

import logging
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, fields
from decimal import Decimal
from types import NoneType
from typing import Any, get_args, get_type_hints

from botocore.exceptions import BotoCoreError, ClientError

from feee_cancel.domain import rank
from feee_cancel.domain.answer import AnswerKind
from feee_cancel.domain.cancellation import UNREADABLE_TIME, Cancellation, State, StateReason
from feee_cancel.usecases.ports import TableUnavailableError

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


def whole(written: str) -> int:
    """A number of an item as a whole number, whoever wrote it there with a fraction."""
    return math.floor(Decimal(written))


_DECODER_OF: Mapping[Any, Decoder] = {
    State: ("S", State.read),
    StateReason: ("S", StateReason.read),
    AnswerKind: ("S", AnswerKind.read),
    str: ("S", str),
    Decimal: ("N", Decimal),
    int: ("N", whole),
    bool: ("BOOL", bool),
}
_OF_WRITES = frozenset({"token", "rank", "postponed"})
"""Attributes that aren't the row's: each write has its own, or ends them."""


def decoders(of: type) -> dict[str, Decoder]:
    """How each field of a row's class is read, by its annotation. Raises TypeError for one that nothing here reads."""
    hints = get_type_hints(of)
    return {one.name: _decoder(hints[one.name]) for one in fields(of) if one.name != "unread"}


def _decoder(hint: Any) -> Decoder:
    kinds = [kind for kind in get_args(hint) or (hint,) if kind is not NoneType]
    if len(kinds) != 1 or kinds[0] not in _DECODER_OF:
        raise TypeError(f"no attribute of the table is read as {hint}")
    return _DECODER_OF[kinds[0]]


_DECODERS = decoders(Cancellation)
_UNREADABLE: dict[str, Any] = {
    "state": State.read("unreadable"),
    "due_at": UNREADABLE_TIME,
    "requested_at": UNREADABLE_TIME,
    "gives_up_at": UNREADABLE_TIME,
}
_DEFAULTS = {one.name: one.default for one in fields(Cancellation) if one.default is not MISSING} | _UNREADABLE
_DEFAULTS["in_doubt_after"] = 0
"""What stands in a row for a value that can't be read: then there may be a doubt."""


def number(value: float) -> dict[str, str]:
    """A whole number as DynamoDB has it."""
    return {"N": str(int(value))}


def to_item(row: Cancellation) -> dict[str, Any]:
    """The item of a row; one that waits has its place in line besides.

    What couldn't be read of it is in it as it was, unless this version has set another value since.
    """
    values = [*((name, getattr(row, name)) for name in _DECODERS), ("rank", rank.rank(row))]
    item = {name: _encode(value) for name, value in values if value is not None}
    kept = (name for name in row.unread if name not in _DECODERS or getattr(row, name) == _DEFAULTS[name])
    return item | {name: row.unread[name] for name in kept}


def _encode(value: str | bool | int | Decimal) -> dict[str, str | bool]:
    match value:
        case str():
            return {"S": str(value)}
        case bool():
            return {"BOOL": value}
        case _:
            return {"N": str(value)}


def to_row(item: Item) -> Cancellation:
    """The row of an item. What this version doesn't know or can't read of it is kept beside (`unread`)."""
    if not item:
        raise TableUnavailableError("the row is gone")
    values: dict[str, Any] = dict(_UNREADABLE)
    unread = {name: item[name] for name in item.keys() - _DECODERS.keys() - _OF_WRITES}
    for name in item.keys() & _DECODERS.keys():
        try:
            values[name] = _decode(name, item[name])
        except (KeyError, TypeError, ValueError, ArithmeticError):
            unread[name], values[name] = item[name], _DEFAULTS[name]
    if garbled := sorted(unread.keys() & _DECODERS.keys()):
        logger.warning("a row can't be read in full", extra={"order_no": item["order_no"], "attributes": garbled})
    return Cancellation(**values, unread=unread)


def _decode(name: str, value: Mapping[str, Any]) -> Any:
    kind, read = _DECODERS[name]
    return read(value[kind])
