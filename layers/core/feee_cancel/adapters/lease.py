"""The drain's lease, an item of the table: one drain at a time (docs/decisions/0005)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from feee_cancel.adapters.items import number, translated

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_KEY = {"order_no": {"S": "drain"}}
_MINE = "holder = :me"
_LONGEST_SECONDS = 120
"""No drain holds the lease for longer at a time: an end beyond that was written by a clock that was wrong."""
_STARTING_SECONDS = 3
"""A drain that was woken has the lease by then, or isn't coming."""
_HELD = "lease_until BETWEEN :next AND :longest"
_STARTING = "woken_at BETWEEN :woken AND :now"


class TableLease:
    """The lease, for one run of the drain. The item has a holder, the lease's end, and the end that was requested.

    Until a drain that was woken acquires the lease, the item also says when it was woken, and by whom. Each write
    recognises an earlier one of its own, so a write whose answer was lost may be repeated.
    """

    def __init__(self, client: "DynamoDBClient", name: str) -> None:
        self._client = client
        self._name = name
        self._holder = str(uuid4())
        self._seen = number(0)

    def acquire(self, *, now: float, lease_until: int, until: int) -> int | None:
        """Acquire the lease. Returns the time until which others requested the drain to stay.

        None if another drain has it; that one is then requested to stay until `until`.
        """
        while True:
            free = f"attribute_not_exists(holder) OR {_MINE} OR NOT {_HELD}"
            requested = self._hold(free, lease_until, _held_at(now))
            if requested is not None or self._request_end(until, now=now):
                return requested

    def extend(self, *, now: float, lease_until: int, until: int) -> int | None:
        """Extend the lease. Returns the time until which others requested the drain to stay.

        None if another drain has it by now; that one is then requested to stay until `until`.
        """
        requested = self._hold(_MINE, lease_until, {})
        if requested is None:
            self._request_end(until, now=now)
        return requested

    def release(self) -> bool:
        """Release the lease, if it is still ours. False if a later end was requested since it was last extended.

        An item that somebody deleted is nobody's.
        """
        values = {":me": {"S": self._holder}, ":seen": self._seen, ":zero": number(0)}
        item, released = self._update("SET lease_until = :zero", f"{_MINE} AND requested_end = :seen", values)
        return released or item.get("holder") != {"S": self._holder}

    def may_wake(self, until: int, *, now: float) -> bool:
        """Whether the caller is to start a drain.

        If a drain has the lease or was just woken, that one is requested to stay until then instead: a burst of
        requests starts one drain, not one for each.
        """
        me = str(uuid4())
        while True:
            _, first = self._update(
                "SET woken_at = :now, woken_by = :me",
                f"woken_by = :me OR (attribute_not_exists(holder) OR NOT {_HELD})"
                f" AND (attribute_not_exists(woken_at) OR NOT {_STARTING})",
                {":me": {"S": me}, **_held_at(now), **_woken_at(now)},
            )
            if first or self._request_end(until, now=now):
                return first

    def _request_end(self, until: int, *, now: float) -> bool:
        """Request the drain that has the lease, or was just woken, to stay until then. False if there is none."""
        item, noted = self._update(
            "SET requested_end = :until",
            f"({_HELD} OR {_STARTING}) AND (attribute_not_exists(requested_end) OR requested_end < :until)",
            {":until": number(until), **_held_at(now), **_woken_at(now)},
        )
        return noted or _at_work(item, now)

    def _hold(self, condition: str, lease_until: int, values: dict[str, Any]) -> int | None:
        item, held = self._update(
            "SET holder = :me, lease_until = :lease, requested_end = if_not_exists(requested_end, :zero) "
            "REMOVE woken_at, woken_by",
            condition,
            {":me": {"S": self._holder}, ":lease": number(lease_until), ":zero": number(0), **values},
        )
        if not held:
            return None
        self._seen = item["requested_end"]
        return int(self._seen["N"])

    def _update(self, update: str, condition: str, values: dict[str, Any]) -> tuple[Mapping[str, Any], bool]:
        """The item as it now stands, and whether the condition held."""
        with translated("the drain's lease") as found:
            answer = self._client.update_item(
                TableName=self._name,
                Key=_KEY,
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeValues=values,
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
            return answer["Attributes"], True
        return found[0], False


def _held_at(now: float) -> dict[str, Any]:
    """The earliest and the latest end of a lease that is held now."""
    return {":next": number(now + 1), ":longest": number(now + _LONGEST_SECONDS)}


def _woken_at(now: float) -> dict[str, Any]:
    """The earliest and the latest time at which a drain was woken that may still be starting now."""
    return {":woken": number(now - _STARTING_SECONDS), ":now": number(now)}


def _at_work(item: Mapping[str, Any], now: float) -> bool:
    """Whether a drain has the lease of this item now, or was just woken: `_HELD` or `_STARTING` on an item read."""
    lease_until, woken_at = (int(item.get(name, number(0))["N"]) for name in ("lease_until", "woken_at"))
    held = int(now) < lease_until <= int(now) + _LONGEST_SECONDS
    return held or int(now) - _STARTING_SECONDS <= woken_at <= int(now)
