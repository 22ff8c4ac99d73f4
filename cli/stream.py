"""The table's stream: what was written in the last 24 hours, by its position."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from botocore.exceptions import ClientError

_MOST_PAGES = 1_000
"""A span is a batch, at most 100 records with others between them; this ends the search for one that isn't there."""
_SEQUENCE = re.compile(r"[0-9]{21,40}")
_GONE = {"TrimmedDataAccessException", "ResourceNotFoundException"}


class GoneError(Exception):
    """The stream no longer holds these records."""


@dataclass(frozen=True, slots=True)
class Span:
    """From one record of a shard to another; `first_at` and `last_at` say when they were written."""

    stream: str
    shard: str
    first: str
    last: str
    first_at: str
    last_at: str

    @classmethod
    def parse(cls, body: Any) -> Self | None:
        """The span that Lambda's on-failure record names; None if it isn't one."""
        try:
            info = body["DDBStreamBatchInfo"]
            first_at, last_at = (str(info.get(f"approximateArrivalOf{one}Record", "?")) for one in ("First", "Last"))
            first, last = (_sequence(info[f"{one}SequenceNumber"]) for one in ("start", "end"))
            return cls(str(info["streamArn"]), str(info["shardId"]), first, last, first_at, last_at)
        except (KeyError, TypeError, ValueError):
            return None


def _sequence(value: object) -> str:
    """A sequence number, word for word: its leading zeros belong to it. Raises ValueError."""
    if not isinstance(value, str) or not _SEQUENCE.fullmatch(value):
        raise ValueError(value)
    return value


def read(streams: Any, span: Span) -> Iterator[dict[str, Any]]:
    """The records of a span, as Lambda hands them to a function. Raises GoneError; `streams` is a boto3 client."""
    try:
        yield from _read(streams, span)
    except ClientError as error:
        if error.response["Error"]["Code"] in _GONE:
            raise GoneError from error
        raise


def _read(streams: Any, span: Span) -> Iterator[dict[str, Any]]:
    iterator: str | None = streams.get_shard_iterator(
        StreamArn=span.stream,
        ShardId=span.shard,
        ShardIteratorType="AT_SEQUENCE_NUMBER",
        SequenceNumber=span.first,
    )["ShardIterator"]
    for _ in range(_MOST_PAGES):
        if iterator is None:
            break
        page = streams.get_records(ShardIterator=iterator)
        for record in page["Records"]:
            yield _plain(record, span.stream)
            if int(record["dynamodb"]["SequenceNumber"]) >= int(span.last):
                return
        iterator = page.get("NextShardIterator")
    raise GoneError


def _plain(record: Mapping[str, Any], stream: str) -> dict[str, Any]:
    """The record as JSON has it."""
    change = dict(record["dynamodb"])
    written = change.get("ApproximateCreationDateTime")
    if isinstance(written, datetime):
        change["ApproximateCreationDateTime"] = written.timestamp()
    return {**record, "dynamodb": change, "eventSourceARN": stream}
