"""The table's items: rows and numbers as DynamoDB has them, and its errors as ours."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from decimal import Decimal
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from feee_cancel.domain import rank
from feee_cancel.domain.answer import AnswerKind
from feee_cancel.domain.cancellation import Cancellation, State, StateReason
from feee_cancel.usecases.ports import TableUnavailableError

Item = Mapping[str, Any]


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


_DECODER_OF: dict[Any, Callable[[Any], Any]] = {
    State: State,
    StateReason | None: StateReason,
    AnswerKind | None: AnswerKind,
    Decimal | None: Decimal,
    int: int,
    int | None: int,
    bool | None: bool,
}
_DECODERS = {field.name: _DECODER_OF.get(field.type, str) for field in fields(Cancellation)}


def number(value: float) -> dict[str, str]:
    """A whole number as DynamoDB has it."""
    return {"N": str(int(value))}


def to_item(row: Cancellation) -> dict[str, Any]:
    """The item of a row; one that waits has its place in line besides."""
    values = [*((name, getattr(row, name)) for name in _DECODERS), ("rank", rank.rank(row))]
    return {name: _encode(value) for name, value in values if value is not None}


def _encode(value: str | bool | int | Decimal) -> dict[str, str | bool]:
    match value:
        case str():
            return {"S": str(value)}
        case bool():
            return {"BOOL": value}
        case _:
            return {"N": str(value)}


def to_row(item: Item) -> Cancellation:
    """The row of an item; attributes that this version doesn't know are passed over."""
    if not item:
        raise TableUnavailableError("the row is gone")
    known = {name: next(iter(item[name].values())) for name in item if name in _DECODERS}
    return Cancellation(**{name: _DECODERS[name](value) for name, value in known.items()})
