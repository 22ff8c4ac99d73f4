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


class TableLease:
    """The lease, for one run of the drain. The item has a holder, the lease's end, and the end that was requested.

    Each write recognises the holder, so a write whose answer was lost may be repeated.
    """

    def __init__(self, client: "DynamoDBClient", name: str) -> None:
        self._client = client
        self._name = name
        self._holder = str(uuid4())
        self._seen = number(0)

    def acquire(self, *, now: float, lease_until: int, until: int) -> int | None:
        """Acquire the lease. Returns until when others requested the drain to stay.

        None if another drain has it; that one is then requested to stay until `until`.
        """
        while True:
            free = f"attribute_not_exists(holder) OR {_MINE} OR NOT lease_until BETWEEN :next AND :longest"
            requested = self._hold(free, lease_until, _held_at(now))
            if requested is not None or self.request_end(until, now=now):
                return requested

    def extend(self, *, now: float, lease_until: int, until: int) -> int | None:
        """Extend the lease. Returns until when others requested the drain to stay.

        None if another drain has it by now; that one is then requested to stay until `until`.
        """
        requested = self._hold(_MINE, lease_until, {})
        if requested is None:
            self.request_end(until, now=now)
        return requested

    def release(self) -> bool:
        """Release the lease, if it is still ours. False if a later end was requested since it was last extended."""
        values = {":me": {"S": self._holder}, ":seen": self._seen, ":zero": number(0)}
        item, released = self._update("SET lease_until = :zero", f"{_MINE} AND requested_end = :seen", values)
        return released or item["holder"]["S"] != self._holder

    def request_end(self, until: int, *, now: float) -> bool:
        """Request the drain that has the lease to stay until then. False if none has it."""
        item, noted = self._update(
            "SET requested_end = :until",
            "lease_until BETWEEN :next AND :longest AND requested_end < :until",
            {":until": number(until), **_held_at(now)},
        )
        return noted or (bool(item) and now < int(item["lease_until"]["N"]) <= now + _LONGEST_SECONDS)

    def _hold(self, condition: str, lease_until: int, values: dict[str, Any]) -> int | None:
        item, held = self._update(
            "SET holder = :me, lease_until = :lease, requested_end = if_not_exists(requested_end, :zero)",
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
    """Between which ends a lease is held now."""
    return {":next": number(now + 1), ":longest": number(now + _LONGEST_SECONDS)}
