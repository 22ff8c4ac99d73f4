"""A lease that another drain releases just while it is asked for, or asked to be kept."""

from typing import Any

from botocore.exceptions import ClientError

from feee_cancel.adapters.lease import TableLease
from tests.builders import NOW


class FakeTable:
    """DynamoDB's client: the lease is held at the first look, and free at the second."""

    def __init__(self) -> None:
        self.leases = [NOW + 9, 0]

    def update_item(self, **_: Any) -> dict[str, Any]:
        if not self.leases:
            return {"Attributes": {"requested_end": {"N": "5"}}}
        held = {"holder": {"S": "another"}, "requested_end": {"N": "0"}, "lease_until": {"N": str(self.leases.pop(0))}}
        error: Any = {"Error": {"Code": "ConditionalCheckFailedException"}, "Item": held}
        raise ClientError(error, "UpdateItem")


def test_a_lease_that_ended_meanwhile_is_acquired() -> None:
    lease = TableLease(FakeTable(), "table")  # type: ignore[arg-type] # a fake of the client
    assert lease.acquire(now=NOW, lease_until=NOW + 10, until=NOW + 3) == 5


def test_a_drain_that_ended_meanwhile_is_started_again() -> None:
    lease = TableLease(FakeTable(), "table")  # type: ignore[arg-type] # a fake of the client
    assert lease.may_wake(NOW + 3, now=NOW)
