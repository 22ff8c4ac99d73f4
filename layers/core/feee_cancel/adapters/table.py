"""The table over boto3: every step of a cancellation is one conditional write, and the condition is the rule."""

import math
from collections.abc import Callable, Sequence
from secrets import token_hex
from typing import Any

from feee_cancel.adapters.index import UNSETTLED, TableIndex
from feee_cancel.adapters.items import Item, number, to_attribute_if_any, to_item, to_row, translated
from feee_cancel.domain import rank
from feee_cancel.domain.cancellation import ON_ITS_WAY_SECONDS, Cancellation, Requested, State, StateReason, restarted
from feee_cancel.domain.due import Due
from feee_cancel.domain.record import may_restart, requests_of
from feee_cancel.usecases.errors import TableUnavailableError, UnknownWriteError

_IS_NEW = "attribute_not_exists(order_no)"
_UNDER_WAY = {":cancelling": {"S": State.CANCELLING}, ":refunding": {"S": State.REFUNDING}}


class CancellationTable(TableIndex):
    """One item per order, its attributes named as the fields of `Cancellation`; a field that is None isn't there."""

    def start(
        self, row: Cancellation, *, rejected_by: float, entry: Requested | None = None
    ) -> tuple[Cancellation, bool]:
        """Write a new cancellation if there is none, or if one ended that may start again (`may_restart`).

        A restart continues the count of attempts, so that an attempt from before it can't settle the new cancellation
        (`restarted`). It takes a second write; most orders are new, and start with one.
        """
        there, started = self._put(row, _IS_NEW)
        if started or not may_restart(there, entry or requests_of(row)[0], rejected_by=rejected_by):
            return there, started
        as_read, values = _as_read(there, attempt=there.attempt, due_at=there.due_at)
        return self._put(
            restarted(row, there), f"#state = :ended AND {as_read}", {":ended": {"S": there.state}, **values}
        )

    def claim(self, order_no: str, state: State, *, due_by: float, lease_until: int) -> tuple[Cancellation, bool]:
        """Acquire the lease on a row that is still in that state and due by `due_by`."""
        doubt, values = "in_doubt_after = if_not_exists(in_doubt_after, attempt)", {}
        if state is not State.WAITING:
            # The lease ran out: nobody knows how far its attempt got, nor when. The doubt may be as old as the row.
            doubt = "in_doubt_after = if_not_exists(in_doubt_after, :none), in_doubt_until = :latest"
            values = {":none": number(0), ":latest": number(lease_until + ON_ITS_WAY_SECONDS)}
        claimed = "#state = :claimed, due_at = :lease_until, #token = :token"
        counted = "attempt = if_not_exists(attempt, :one) + :one"
        token = _new_token()

        def claim() -> Item:
            return self._client.update_item(
                TableName=self._name,
                Key={"order_no": {"S": order_no}},
                UpdateExpression=f"SET {claimed}, {doubt}, {counted} REMOVE #rank",
                ConditionExpression="#state = :state AND due_at <= :due_by",
                ExpressionAttributeNames={"#state": "state", "#token": "token", "#rank": "rank"},
                ExpressionAttributeValues={
                    ":state": {"S": state},
                    ":token": token,
                    ":claimed": {"S": State.REFUNDING if state is State.REFUNDING else State.CANCELLING},
                    ":due_by": number(due_by),
                    ":lease_until": number(lease_until),
                    ":one": number(1),
                    **values,
                },
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )["Attributes"]

        item, won = self._written(order_no, token, claim)
        return to_row(item), won

    def settle(self, row: Cancellation) -> Cancellation:
        """End the attempt with this row, unless a later attempt took over."""
        as_claimed, values = _as_read(row, attempt=row.attempt)
        return self._put(row, f"{as_claimed} AND #state IN ({', '.join(_UNDER_WAY)})", {**values, **_UNDER_WAY})[0]

    def reschedule(
        self, row: Cancellation, *, due_at: int, requests: Sequence[Requested] = ()
    ) -> tuple[Cancellation, bool]:
        """Write a waiting row, unless its `due_at` or `requests` are no longer these."""
        as_read, values = _as_read(row, attempt=row.attempt, due_at=due_at, requests=tuple(requests))
        return self._put(row, f"#state = :waiting AND {as_read}", {":waiting": {"S": State.WAITING}, **values})

    def postpone(self, due: Due, *, lease_until: int, until: int) -> None:
        """Let a row wait until `until`, and count that, whatever else is in the row.

        A row whose count of attempts is no number can't be claimed, so the count is set to 1.
        """
        with translated(f"order {due.order_no}"):
            self._update_as_seen(
                due,
                lease_until,
                "SET attempt = :once",
                {":once": number(1), ":number": {"S": "N"}},
                " AND NOT attribute_type(attempt, :number)",
            )
        with translated(f"order {due.order_no}"):
            self._update_as_seen(
                due,
                lease_until,
                "SET due_at = :until, postponed = :postponed, #rank = :rank",
                {
                    ":until": number(until),
                    ":postponed": number(due.postponed + 1),
                    ":rank": {"S": rank.line(due.asker, due.lane) + rank.due(until)},
                },
            )

    def give_up(self, due: Due, *, lease_until: int, now: float, kept_for: int) -> bool:
        """Fail a row if its time is up, whatever else is in it. Returns whether it did."""
        settled_at = math.ceil(now)
        expires = ", expires_at = :expires_at" if kept_for else ""
        with translated(f"order {due.order_no}") as found:
            self._update_as_seen(
                due,
                lease_until,
                f"SET #state = :failed, state_reason = :gave_up, due_at = :at, settled_at = :at{expires} REMOVE #rank",
                {
                    ":failed": {"S": State.FAILED},
                    ":gave_up": {"S": StateReason.GAVE_UP},
                    ":now": number(now),
                    ":at": number(settled_at),
                    **({":expires_at": number(settled_at + kept_for)} if kept_for else {}),
                },
                " AND gives_up_at <= :now",
            )
        return not found

    def _update_as_seen(self, due: Due, lease_until: int, update: str, values: Item, condition: str = "") -> None:
        """Update the row only if it is as the index showed it, or as it was claimed since."""
        states = {f":{state}": {"S": state} for state in UNSETTLED}
        at_that_time = "due_at = :lease OR (due_at >= :seen AND due_at < :after)"  # even if written with a fraction
        as_seen = f"({at_that_time}) AND #state IN ({', '.join(states)})"
        times = {":seen": number(due.due_at), ":after": number(due.due_at + 1), ":lease": number(lease_until)}
        self._client.update_item(
            TableName=self._name,
            Key={"order_no": {"S": due.order_no}},
            UpdateExpression=update,
            ConditionExpression=as_seen + condition,
            ExpressionAttributeNames={"#state": "state"} | ({"#rank": "rank"} if "#rank" in update else {}),
            ExpressionAttributeValues={**times, **states, **values},
        )

    def find(self, order_no: str) -> Cancellation | None:
        """The order's cancellation, read consistently."""
        item = self._read(order_no)
        return to_row(item) if item else None

    def _put(self, row: Cancellation, condition: str, values: Item | None = None) -> tuple[Cancellation, bool]:
        names: Any = (
            {"ExpressionAttributeNames": {"#state": "state"}, "ExpressionAttributeValues": values} if values else {}
        )
        token = _new_token()

        def put() -> Item:
            self._client.put_item(
                TableName=self._name,
                Item={**to_item(row), "token": token},
                ConditionExpression=condition,
                **names,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
            return {}

        item, written = self._written(row.order_no, token, put, if_new=condition == _IS_NEW)
        return (row, True) if written else (to_row(item), False)

    def _written(
        self, order_no: str, token: Item, write: Callable[[], Item], *, if_new: bool = False
    ) -> tuple[Item, bool]:
        """Make a conditional write with this token. Returns what it gave, or what it found; and whether it was made.

        botocore repeats a write whose answer was lost. The repetition finds the first write, whose token shows that it
        is ours. If no answer came at all, the row is read. Raises UnknownWriteError if the row doesn't show whether the
        write was made; for a write that was to be made only `if_new`, any row shows that.
        """
        try:
            with translated(f"order {order_no}") as found:
                return write(), True
        except TableUnavailableError as error:
            there = self._read_after(error, order_no)
            if there.get("token") != token and not (if_new and there):
                raise UnknownWriteError(str(error)) from error.__cause__
            found = [there]
        return found[0], found[0].get("token") == token

    def _read_after(self, error: TableUnavailableError, order_no: str) -> Item:
        """The row after a write without an answer. Raises UnknownWriteError."""
        try:
            return self._read(order_no)
        except TableUnavailableError:
            raise UnknownWriteError(str(error)) from error.__cause__

    def _read(self, order_no: str) -> Item:
        with translated(f"order {order_no}"):
            answer = self._client.get_item(TableName=self._name, Key={"order_no": {"S": order_no}}, ConsistentRead=True)
        return answer.get("Item", {})


def _as_read(row: Cancellation, **values: object) -> tuple[str, dict[str, Any]]:
    """The condition that these attributes are unchanged since they were read as these values, and its own values."""
    conditions, wanted = [], {}
    for name, value in values.items():
        absent = f"attribute_not_exists({name})"
        if raw := row.unread.get(name) or to_attribute_if_any(value):
            wanted[f":{name}"] = raw
            conditions.append(f"({name} = :{name} OR {absent})" if value == 0 else f"{name} = :{name}")
        else:
            conditions.append(absent)
    return " AND ".join(conditions), wanted


def _new_token() -> dict[str, str]:
    """What identifies a write afterwards: no other write has it."""
    return {"S": token_hex(8)}
