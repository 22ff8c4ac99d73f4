"""The messages that were handled, each an item of the table for some days."""

from typing import TYPE_CHECKING

from feee_cancel.adapters.items import number, translated

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

_KEPT_SECONDS = 7 * 86_400
"""Senders of webhooks redeliver for some days at most, Lambda for six hours."""


class HandledMessages:
    """Their keys can't be mistaken for those of orders, which are digits only."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def seen(self, message: str) -> bool:
        """Whether this message was handled before."""
        with translated(f"message {message}"):
            answer = self._client.get_item(TableName=self._table, Key=_key(message), ConsistentRead=True)
        return "Item" in answer

    def remember(self, message: str, *, now: float) -> None:
        """Remember that this message was handled, for a week."""
        item = _key(message) | {"expires_at": number(now + _KEPT_SECONDS)}
        with translated(f"message {message}"):
            self._client.put_item(TableName=self._table, Item=item)


def _key(message: str) -> "dict[str, AttributeValueTypeDef]":
    return {"order_no": {"S": f"message {message}"}}
