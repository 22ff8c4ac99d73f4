"""The table over boto3: every step of a cancellation is one conditional write, and the condition is the rule."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from feee_cancel.domain.answer import AnswerKind
from feee_cancel.domain.cancellation import RESTARTABLE, Cancellation, State, StateReason
from feee_cancel.usecases.ports import TableUnavailableError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_Item = Mapping[str, Any]

_UNDER_WAY = {":cancelling": {"S": State.CANCELLING}, ":refunding": {"S": State.REFUNDING}}
_RESTARTABLE = {f":{state}": {"S": state} for state in sorted(RESTARTABLE)}


class CancellationTable:
    """One item per order, its attributes named as the fields of `Cancellation`; a field that is None isn't there."""

    def __init__(self, client: "DynamoDBClient", name: str) -> None:
        self._client = client
        self._name = name

    def begin(self, row: Cancellation) -> tuple[Cancellation, bool]:
        """Write a new cancellation where there is none or where one ended that may start afresh.

        The count of attempts goes on over a restart, so that nothing left of an earlier life can settle this one.
        """
        values = {name: value for name, value in _item(row).items() if name not in {"order_no", "attempt"}}
        absent = [name for name in _DECODERS if name not in values and name not in {"order_no", "attempt"}]
        sets = ", ".join(f"#{name} = :set_{name}" for name in values)
        return self._update(
            row.order_no,
            f"SET {sets} REMOVE {', '.join(f'#{name}' for name in absent)} ADD attempt :claims",
            f"attribute_not_exists(order_no) OR #state IN ({', '.join(_RESTARTABLE)})",
            names=(*values, *absent),
            values={f":set_{name}": value for name, value in values.items()}
            | {":claims": {"N": "1" if row.state is State.CANCELLING else "0"}}
            | _RESTARTABLE,
        )

    def claim(self, row: Cancellation, *, now: float, lease_until: int) -> tuple[Cancellation, bool]:
        """Take the lease on a row that is due, unless it moved on since it was read."""
        return self._update(
            row.order_no,
            "SET #state = :claimed, due_at = :lease_until ADD attempt :one",
            "#state = :state AND due_at <= :now",
            names=("state",),
            values={
                ":state": {"S": row.state},
                ":claimed": {"S": State.REFUNDING if row.state is State.REFUNDING else State.CANCELLING},
                ":now": {"N": str(int(now))},
                ":lease_until": {"N": str(lease_until)},
                ":one": {"N": "1"},
            },
        )

    def settle(self, row: Cancellation) -> Cancellation:
        """End the attempt with this row, unless a later attempt took over."""
        with _translated(row.order_no) as failed:
            self._client.put_item(
                TableName=self._name,
                Item=_item(row),
                ConditionExpression=f"attempt = :attempt AND #state IN ({', '.join(_UNDER_WAY)})",
                ExpressionAttributeNames={"#state": "state"},
                ExpressionAttributeValues={":attempt": {"N": str(row.attempt)}, **_UNDER_WAY},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        return failed[0] if failed else row

    def find(self, order_no: str) -> Cancellation | None:
        """The order's cancellation, read consistently."""
        with _translated(order_no):
            answer = self._client.get_item(TableName=self._name, Key={"order_no": {"S": order_no}}, ConsistentRead=True)
        return _row(answer["Item"]) if "Item" in answer else None

    def _update(
        self, order_no: str, update: str, condition: str, *, names: Iterable[str], values: _Item
    ) -> tuple[Cancellation, bool]:
        with _translated(order_no) as failed:
            answer = self._client.update_item(
                TableName=self._name,
                Key={"order_no": {"S": order_no}},
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeNames={f"#{name}": name for name in names},
                ExpressionAttributeValues=values,
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
            return _row(answer["Attributes"]), True
        return failed[0], False


@contextmanager
def _translated(order_no: str) -> Iterator[list[Cancellation]]:
    """Collect the row that a failed condition found; every other trouble is TableUnavailableError."""
    failed: list[Cancellation] = []
    try:
        yield failed
    except ClientError as error:
        found: Any = error.response.get("Item")
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException" or not found:
            raise TableUnavailableError(f"order {order_no}: {error.response['Error']['Code']}") from error
        failed.append(_row(found))
    except BotoCoreError as error:
        raise TableUnavailableError(f"order {order_no}: {type(error).__name__}") from error


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


def _item(row: Cancellation) -> dict[str, Any]:
    values = ((name, getattr(row, name)) for name in _DECODERS)
    return {name: _encode(value) for name, value in values if value is not None}


def _encode(value: str | bool | int | Decimal) -> dict[str, str | bool]:
    match value:
        case str():
            return {"S": str(value)}
        case bool():
            return {"BOOL": value}
        case _:
            return {"N": str(value)}


def _row(item: _Item) -> Cancellation:
    """The row; attributes that this version doesn't know are passed over."""
    known = {name: next(iter(item[name].values())) for name in item if name in _DECODERS}
    return Cancellation(**{name: _DECODERS[name](value) for name, value in known.items()})
