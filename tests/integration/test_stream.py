"""The table's stream as a second emulator writes it, up to what is announced."""

import json
from typing import Any

from feee_cancel.adapters.announcer import Announcer
from feee_cancel.adapters.table import CancellationTable
from feee_cancel.domain.cancellation import State, StateReason
from local.aws import at_emulator
from tests.builders import NOW, ORDER_NO, row
from tests.moto import moto
from tests.template import resources

_MADE = ("AttributeDefinitions", "BillingMode", "GlobalSecondaryIndexes", "KeySchema")


class FakeEvents:
    """EventBridge's client, which accepts every entry."""

    def __init__(self) -> None:
        self.details: list[dict[str, Any]] = []

    def put_events(self, Entries: list[dict[str, str]]) -> dict[str, Any]:  # noqa: N803 - boto3's name
        self.details += [json.loads(entry["Detail"]) for entry in Entries]
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"} for _ in Entries]}


def test_what_the_stream_shows_as_final_is_announced_once() -> None:
    has, events = resources("AWS::DynamoDB::Table")["CancellationTable"], FakeEvents()
    with moto() as endpoint, at_emulator(endpoint) as client:
        stream = {"StreamEnabled": True, **has["StreamSpecification"]}
        client("dynamodb").create_table(
            TableName="table", StreamSpecification=stream, **{member: has[member] for member in _MADE}
        )
        table = CancellationTable(client("dynamodb"), "table")
        table.start(row(state=State.CANCELLING, attempt=1), rejected_by=NOW)
        table.settle(row(state=State.CANCELLED, state_reason=StateReason.REFUNDED, due_at=NOW, settled_at=NOW))
        records = read(client)
        assert [record["eventName"] for record in records] == ["INSERT", "MODIFY"]
        announcer = Announcer(events, "bus", "arn")  # type: ignore[arg-type] # a fake of the client
        assert announcer.announce(records) is None
    (detail,) = events.details
    assert (detail["order_no"], detail["state"], detail["settled_at"]) == (ORDER_NO, "cancelled", NOW)


def read(client: Any) -> list[dict[str, Any]]:
    """All records of the table's stream."""
    arn = client("dynamodb").describe_table(TableName="table")["Table"]["LatestStreamArn"]
    streams = client("dynamodbstreams")
    (shard,) = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    begin = {"StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
    found: list[dict[str, Any]] = streams.get_records(
        ShardIterator=streams.get_shard_iterator(**begin)["ShardIterator"]
    )["Records"]
    return found
