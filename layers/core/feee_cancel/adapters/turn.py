"""The drain's turn, an item of the table: one drain at a time (docs/decisions/0005)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from feee_cancel.adapters.table import number, translated

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_KEY = {"order_no": {"S": "drain"}}


class TableTurn:
    """The turn, for one run of the drain. The item has a holder, the end of its lease, and until when it is wished."""

    def __init__(self, client: "DynamoDBClient", name: str) -> None:
        self._client = client
        self._name = name
        self._holder = str(uuid4())
        self._seen = number(0)

    def take(self, *, now: float, lease_until: int, until: int) -> int | None:
        """Take or renew the turn. Returns until when somebody else wishes it to be used.

        None where another drain has the turn: it then learns of the wish that it be used until `until`.
        """
        while True:
            item, taken = self._update(
                "SET holder = :me, lease_until = :lease, wished_until = if_not_exists(wished_until, :zero)",
                "attribute_not_exists(holder) OR holder = :me OR lease_until <= :now",
                {":me": {"S": self._holder}, ":lease": number(lease_until), ":now": number(now), ":zero": number(0)},
            )
            if taken:
                self._seen = item["wished_until"]
                return int(self._seen["N"])
            if self.wish(until, now=now):
                return None

    def give_back(self) -> bool:
        """Give the turn back, if it is still ours. False where a wish came since the turn was last taken."""
        values = {":me": {"S": self._holder}, ":seen": self._seen, ":zero": number(0)}
        item, given = self._update("SET lease_until = :zero", "holder = :me AND wished_until = :seen", values)
        return given or item["holder"]["S"] != self._holder

    def wish(self, until: int, *, now: float) -> bool:
        """Tell the drain that has the turn to stay until then. False where none has it."""
        item, told = self._update(
            "SET wished_until = :until",
            "lease_until > :now AND wished_until < :until",
            {":until": number(until), ":now": number(now)},
        )
        return told or (bool(item) and int(item["lease_until"]["N"]) > now)

    def _update(self, update: str, condition: str, values: dict[str, Any]) -> tuple[Mapping[str, Any], bool]:
        """The item as it now stands, and whether the condition held."""
        with translated("the drain's turn") as found:
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
