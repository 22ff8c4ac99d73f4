"""Settled events, from the table's stream to EventBridge: at least once, and in order for each order."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from feee_cancel.adapters.representation import represent, to_json
from feee_cancel.adapters.table import to_row
from feee_cancel.domain.cancellation import FINAL, Cancellation

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef

    _Entry = tuple[str, PutEventsRequestEntryTypeDef]

SOURCE = "feee-cancel"
DETAIL_TYPE = "Order Cancellation Settled"
VERSION = "1"
_MOST = 10
"""EventBridge takes at most so many events in one call."""

logger = logging.getLogger(__name__)


class Announcer:
    """Puts an event on the bus for every cancellation that became final (docs/settled-event.schema.json)."""

    def __init__(self, client: "EventBridgeClient", bus: str) -> None:
        self._client = client
        self._bus = bus

    def announce(self, records: Sequence[Mapping[str, Any]]) -> str | None:
        """Announce what these records of the stream settled, in their order.

        Returns the sequence number of the first record that failed; none of the same order was announced after it.
        """
        waiting: list[_Entry] = []
        orders: set[str] = set()
        for sequence, row in _settled(records):
            if len(waiting) == _MOST or (row and row.order_no in orders) or row is None:
                if failed := self._put(waiting):
                    return failed
                waiting, orders = [], set()
            if row is None:
                return sequence
            waiting.append((sequence, self._event(row)))
            orders.add(row.order_no)
        return self._put(waiting)

    def _event(self, row: Cancellation) -> "PutEventsRequestEntryTypeDef":
        return {
            "Time": datetime.fromtimestamp(row.settled_at or row.due_at, UTC),
            "Source": SOURCE,
            "DetailType": DETAIL_TYPE,
            "Detail": to_json({"version": VERSION, **represent(row)}),
            "EventBusName": self._bus,
        }

    def _put(self, entries: "list[_Entry]") -> str | None:
        """Put the events. Returns the sequence number of the first that the bus didn't take."""
        if not entries:
            return None
        try:
            answer = self._client.put_events(Entries=[event for _, event in entries])
        except (BotoCoreError, ClientError):
            logger.exception("the bus couldn't be reached; the stream delivers again")
            return entries[0][0]
        for (sequence, _), result in zip(entries, answer["Entries"], strict=True):
            if "ErrorCode" in result:
                logger.error("the bus didn't take an event", extra={"error_code": result["ErrorCode"]})
                return sequence
        return None


def _settled(records: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Cancellation | None]]:
    """The rows that became final, each with its record's sequence number; None for one that can't be read."""
    for record in records:
        change = record["dynamodb"]
        if _state(change, "NewImage") in FINAL and _state(change, "OldImage") not in FINAL:
            try:
                yield change["SequenceNumber"], to_row(change["NewImage"])
            except (TypeError, ValueError):
                logger.exception("a row of the stream can't be read", extra={"sequence": change["SequenceNumber"]})
                yield change["SequenceNumber"], None


def _state(change: Mapping[str, Any], image: str) -> object:
    return change.get(image, {}).get("state", {}).get("S")
