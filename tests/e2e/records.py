"""The table's stream, and the messages that Lambda makes of its records."""

from typing import Any

from local.stack import LocalStack

GONE = "1".zfill(21)
"""A sequence number that the stream doesn't hold."""


def stream(stack: LocalStack) -> dict[str, str]:
    (found,) = stack.client("dynamodbstreams").list_streams(TableName=stack.outputs["TableName"])["Streams"]
    described = stack.client("dynamodbstreams").describe_stream(StreamArn=found["StreamArn"])["StreamDescription"]
    return {"StreamArn": found["StreamArn"], "ShardId": described["Shards"][0]["ShardId"]}


def records(stack: LocalStack, order_no: str) -> list[dict[str, Any]]:
    """All that the stream holds of an order."""
    streams, found, page = stack.client("dynamodbstreams"), list[dict[str, Any]](), list[Any]([{}])
    iterator = streams.get_shard_iterator(**stream(stack), ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    while page:
        answer = streams.get_records(ShardIterator=iterator)
        page, iterator = answer["Records"], answer["NextShardIterator"]
        found += page
    return [record for record in found if record["dynamodb"]["Keys"]["order_no"]["S"] == order_no]


def position(stack: LocalStack, first: str, last: str) -> dict[str, Any]:
    """What Lambda puts into the queue, as AWS documents it: where the records are, and not what they are."""
    where = stream(stack)
    times = {f"approximateArrivalOf{one}Record": "2026-11-23T01:00:00Z" for one in ("First", "Last")}
    numbers = {"startSequenceNumber": first, "endSequenceNumber": last, "batchSize": 2}
    info = {"shardId": where["ShardId"], "streamArn": where["StreamArn"], **numbers, **times}
    return {"requestContext": {"condition": "RetryAttemptsExhausted"}, "version": "1.0", "DDBStreamBatchInfo": info}


def span(stack: LocalStack, order_no: str) -> dict[str, Any]:
    """The position of all that the stream holds of an order."""
    found = records(stack, order_no)
    first, last = (found[place]["dynamodb"]["SequenceNumber"] for place in (0, -1))
    return position(stack, first, last)
