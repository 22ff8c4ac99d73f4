"""What rows that wait cost: what a tick, a look of the drain and a list read, however many there are.

The real code, on an index in memory that answers as DynamoDB does: keys, projections and pages of 1 MB as the template
and DynamoDB have them.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.bill import MONTH_SECONDS, PRICES, TICKS
from benchmarks.meter import item_bytes, query_units
from benchmarks.table import Row
from feee_cancel.adapters.items import to_item
from feee_cancel.adapters.table import CancellationTable
from feee_cancel.domain.cancellation import Cancellation, State, StateReason
from feee_cancel.usecases.backlog import recall_what_is_due_too_late, report_backlog
from feee_cancel.usecases.listing import list_page
from tests.builders import NOW, row
from tests.fakes import FakeFeee, ports
from tests.template import TEMPLATE

WAITING = (100, 10_000, 100_000)
ASKERS = 100
MOST_OF_A_TICK = 140.0
"""A page of 1 MB is 128 units: so much of what waits is counted, once a minute."""
MOST_OF_A_LIST = 8.0
MOST_OF_A_LOOK, MOST_OF_AN_ASKER = 4.0, 2.5
_PAGE_BYTES = 1 << 20
_HORIZON_SECONDS = 125
_NEXT_LOOK = 14
"""Rows of each line that a drain reads for the pace of 4 calls a second."""
_INDEXES = {
    index["IndexName"]: (
        [key["AttributeName"] for key in index["KeySchema"]][1],
        {"order_no", "state", *index["Projection"]["NonKeyAttributes"]}
        | {key["AttributeName"] for key in index["KeySchema"]},
    )
    for index in TEMPLATE["Resources"]["CancellationTable"]["Properties"]["GlobalSecondaryIndexes"]
}


class Index:
    """A client of DynamoDB that only queries, and counts what it reads."""

    def __init__(self, rows: Sequence[Cancellation]) -> None:
        items = list(map(to_item, rows))
        self._found = {name: _indexed(items, key, kept) for name, (key, kept) in _INDEXES.items()}
        self.calls = 0
        self.units = 0.0

    def query(self, **asked: Any) -> dict[str, Any]:
        """A page, by a condition as the code writes them."""
        found = self._found[asked["IndexName"]].get(asked["ExpressionAttributeValues"][":state"]["S"], ([], []))
        first, last = _between(found[0], asked)
        step = 1 if asked.get("ScanIndexForward", True) else -1
        page, size = [], 0
        for place in range(first, last)[::step]:
            page.append(found[1][place])
            size += item_bytes(page[-1])
            if size >= _PAGE_BYTES or len(page) == asked.get("Limit"):
                break
        self.calls += 1
        self.units += query_units(page)
        return {"Items": page}


def _indexed(items: list[dict[str, Any]], key: str, kept: set[str]) -> dict[str, tuple[list[Any], list[Any]]]:
    """Keys and items of each state, in the order of the keys."""
    projected = [{name: value for name, value in item.items() if name in kept} for item in items if key in item]
    states = Counter(item["state"]["S"] for item in projected)
    found = {}
    for state in states:
        rows = sorted((item for item in projected if item["state"]["S"] == state), key=lambda item: _key(item[key]))
        found[state] = [_key(item[key]) for item in rows], rows
    return found


def _key(value: dict[str, str]) -> Any:
    return int(value["N"]) if "N" in value else value["S"]


def _between(keys: list[Any], asked: dict[str, Any]) -> tuple[int, int]:
    values = {name: _key(value) for name, value in asked["ExpressionAttributeValues"].items()}
    first, last = 0, len(keys)
    if start := asked.get("ExclusiveStartKey"):
        first = bisect_right(keys, _key(start["rank"]))
    if ":until" in values:
        last = bisect_right(keys, values[":until"])
    if ":after" in values:
        first = max(first, bisect_right(keys, values[":after"]))
    if ":first" in values:
        first, last = bisect_left(keys, values[":first"]), bisect_right(keys, values[":last"])
    return first, last


@dataclass(frozen=True, slots=True)
class Read:
    """What was read: calls, and read units of DynamoDB."""

    calls: int
    units: float

    def a_month(self, times: float) -> float:
        """Dollars, so many times a month."""
        return self.units * times * PRICES["read units"].dollars / PRICES["read units"].per


def tick(rows: Sequence[Cancellation]) -> Read:
    """Of a tick: the backlog, what is due too late, and the drain's first look."""
    index, table = _table(rows)
    wired = ports(FakeFeee(), table)
    recall_what_is_due_too_late(wired, report_backlog(wired))
    table.due(now=NOW, until=NOW + _HORIZON_SECONDS, limit=_NEXT_LOOK)
    return Read(index.calls, index.units)


def look(rows: Sequence[Cancellation]) -> Read:
    """Of one of the looks that a drain makes each second."""
    index, table = _table(rows)
    table.due(now=NOW, until=NOW + _HORIZON_SECONDS, limit=_NEXT_LOOK)
    return Read(index.calls, index.units)


def listed(rows: Sequence[Cancellation]) -> Read:
    """Of a page of the list, 25 rows of any state."""
    index, table = _table(rows)
    list_page(table, tuple(State), limit=25, after=None)
    return Read(index.calls, index.units)


def _table(rows: Sequence[Cancellation]) -> tuple[Index, CancellationTable]:
    index: Any = Index(rows)
    return index, CancellationTable(index, "table")


def waiting(count: int, *, askers: int, due_in: int) -> list[Cancellation]:
    """So many rows that wait, of so many askers, due from then on."""
    return [
        row(
            order_no=str(10**20 + number),
            state=State.WAITING,
            state_reason=StateReason.QUEUED,
            attempt=0,
            due_at=NOW + due_in + number // 100,
            requested_at=NOW - 100,
            requested_by=f"arn:aws:sts::123456789012:assumed-role/shop{number % askers}/session",
        )
        for number in range(count)
    ]


def backlog(counts: Sequence[int] = WAITING) -> Iterator[Row]:
    """The rows. Nothing grows with what waits but the count of the backlog, which ends at a page."""
    for count in counts:
        booked = waiting(count, askers=ASKERS, due_in=3_600)
        ticked, shown = tick(booked), listed(booked)
        measured = (
            f"tick {ticked.calls} calls, {ticked.units:g} read units (${ticked.a_month(TICKS):.2f} a month); "
            f"a list {shown.calls} calls, {shown.units:g} units"
        )
        met = ticked.units <= MOST_OF_A_TICK and shown.units <= MOST_OF_A_LIST
        bar = f"≤ {MOST_OF_A_TICK:g}, ≤ {MOST_OF_A_LIST:g} units"
        yield Row(f"Waiting: {count:,} booked", measured, bar, met, {"tick": ticked, "list": shown})
    for askers in (1, ASKERS):
        for count in (min(counts), max(counts)):
            seen = look(waiting(count, askers=askers, due_in=-100_000))
            measured = (
                f"a look {seen.calls} calls, {seen.units:g} read units (${seen.a_month(MONTH_SECONDS):.2f} a month)"
            )
            most = MOST_OF_A_LOOK + askers * MOST_OF_AN_ASKER
            figure = f"Waiting: {count:,} due, of {askers:,} asker{'s' if askers > 1 else ''}"
            yield Row(figure, measured, f"≤ {most:g} units", seen.units <= most, {"look": seen})
