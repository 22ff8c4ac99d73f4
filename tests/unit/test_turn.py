"""A turn that another drain gives back just while it is asked for."""

from typing import Any

from botocore.exceptions import ClientError

from feee_cancel.adapters.turn import TableTurn
from tests.builders import NOW


class FakeTable:
    """DynamoDB's client: the turn is held at the first look, and free at the second."""

    def __init__(self) -> None:
        self.leases = [NOW + 9, 0]

    def update_item(self, **_: Any) -> dict[str, Any]:
        if not self.leases:
            return {"Attributes": {"wished_until": {"N": "5"}}}
        held = {"holder": {"S": "another"}, "wished_until": {"N": "0"}, "lease_until": {"N": str(self.leases.pop(0))}}
        error: Any = {"Error": {"Code": "ConditionalCheckFailedException"}, "Item": held}
        raise ClientError(error, "UpdateItem")


def test_a_turn_that_came_free_meanwhile_is_taken() -> None:
    turn = TableTurn(FakeTable(), "table")  # type: ignore[arg-type] # a fake of the client
    assert turn.take(now=NOW, lease_until=NOW + 10, until=NOW + 3) == 5
