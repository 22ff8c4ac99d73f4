"""Settled events, from the table's stream to EventBridge: at least once, and in order for each order."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from feee_cancel.adapters.items import to_row
from feee_cancel.adapters.representation import represent, to_json
from feee_cancel.domain.cancellation import FINAL, UNREADABLE_TIME, Cancellation, State
from feee_cancel.domain.foreign_events import UnknownEventError

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef

SOURCE = "feee-cancel"
DETAIL_TYPE = "Order Cancellation Settled"
VERSION = "1"
MOST_EVENTS = 10
MOST_BYTES = 240_000
"""EventBridge accepts at most 10 events in one call, whose sizes must add up to less than 256 KB. The rest is left for
the characters that its JSON adds (Calculating PutEvents event entry size; PutEvents)."""
_TIME_BYTES = 14

logger = logging.getLogger(__name__)


class _Entry(NamedTuple):
    """What a record of the stream settled; `event` is None if the row can't be read."""

    sequence: str
    order_no: str = ""
    event: "PutEventsRequestEntryTypeDef | None" = None
    size: int = 0


def records_of(event: object) -> Sequence[Mapping[str, Any]]:
    """The records of an event of a table's stream. Raises UnknownEventError for any other event."""
    match event:
        case {"Records": [*records]} if all(_is_of_a_stream(record) for record in records):
            return records
    raise UnknownEventError("the records of its table's stream", event)


class Announcer:
    """Puts an event on the bus for every cancellation that became final (docs/settled-event.schema.json)."""

    def __init__(self, client: "EventBridgeClient", bus: str, table: str) -> None:
        """`table` is the ARN of the stack's table: the resource of its events, which tells stacks on one bus apart."""
        self._client = client
        self._bus = bus
        self._table = table

    def announce(self, records: Sequence[Mapping[str, Any]]) -> str | None:
        """Announce what these records of the stream settled, in their order.

        Returns the sequence number of the first record that failed; none of the same order was announced after it.
        """
        for entries in _calls(self._entries(records)):
            if failed := self._put(entries):
                return failed
        return None

    def _entries(self, records: Sequence[Mapping[str, Any]]) -> Iterator[_Entry]:
        for sequence, row in _settled(records):
            if row is None:
                yield _Entry(sequence)
                continue
            shown = {"version": VERSION, **represent(row)}
            event = self._event(row, shown)
            if entry_bytes(event) > MOST_BYTES:
                logger.warning("an event is too large with the order in it", extra={"order_no": row.order_no})
                event = self._event(row, {name: value for name, value in shown.items() if name != "order"})
            yield _Entry(sequence, row.order_no, event, entry_bytes(event))

    def _event(self, row: Cancellation, detail: Mapping[str, Any]) -> "PutEventsRequestEntryTypeDef":
        return {
            "Time": datetime.fromtimestamp(min(max(0, row.settled_at or row.due_at), UNREADABLE_TIME), UTC),
            "Source": SOURCE,
            "DetailType": DETAIL_TYPE,
            "Detail": to_json(detail),
            "EventBusName": self._bus,
            "Resources": [self._table],
        }

    def _put(self, entries: Sequence[_Entry]) -> str | None:
        """Put the events. Returns the sequence number of the first that the bus didn't accept."""
        events = [entry.event for entry in entries if entry.event]
        if not events:
            return entries[0].sequence
        try:
            answer = self._client.put_events(Entries=events)
        except (BotoCoreError, ClientError):
            if len(entries) > 1:
                return self._put_one_by_one(entries)
            logger.exception("the bus accepts nothing; the stream delivers again")
            return entries[0].sequence
        for entry, result in zip(entries, answer["Entries"], strict=True):
            if "ErrorCode" in result:
                logger.error("the bus didn't accept an event", extra={"error_code": result["ErrorCode"]})
                return entry.sequence
        return None

    def _put_one_by_one(self, entries: Sequence[_Entry]) -> str | None:
        """Events that are refused together may be accepted one by one: one bad event mustn't hold the others up."""
        return next((failed for entry in entries if (failed := self._put([entry]))), None)


def entry_bytes(event: "PutEventsRequestEntryTypeDef") -> int:
    """The size of an event as EventBridge counts it (Calculating PutEvents event entry size)."""
    texts = (event["Source"], event["DetailType"], event["Detail"], *event["Resources"])
    return _TIME_BYTES + sum(len(text.encode()) for text in texts)


def _calls(entries: Iterable[_Entry]) -> Iterator[list[_Entry]]:
    """The entries of each call: no more than EventBridge accepts, and never two of one order, which could swap."""
    call: list[_Entry] = []
    for entry in entries:
        if call and not _fits(entry, call):
            yield call
            call = []
        call.append(entry)
    if call:
        yield call


def _fits(entry: _Entry, call: Sequence[_Entry]) -> bool:
    return (
        None not in (entry.event, call[-1].event)
        and len(call) < MOST_EVENTS
        and entry.order_no not in {one.order_no for one in call}
        and entry.size + sum(one.size for one in call) <= MOST_BYTES
    )


def _settled(records: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Cancellation | None]]:
    """The rows that became final, each with its record's sequence number; None for one that can't be read."""
    for record in records:
        change = record["dynamodb"]
        if _is_final(change, "NewImage") and not _is_final(change, "OldImage"):
            try:
                yield change["SequenceNumber"], to_row(change["NewImage"])
            except (TypeError, ValueError):
                logger.exception("a row of the stream can't be read", extra={"sequence": change["SequenceNumber"]})
                yield change["SequenceNumber"], None


def _is_of_a_stream(record: object) -> bool:
    match record:
        case {"dynamodb": {"SequenceNumber": str()}}:
            return True
    return False


def _is_final(change: Mapping[str, Any], image: str) -> bool:
    """Whether the row was final. If this version doesn't know its state, it was if it has a settlement time."""
    match change.get(image):
        case {"state": {"S": str(state)}, **others}:
            return state in FINAL or (state not in set(State) and "settled_at" in others)
    return False
