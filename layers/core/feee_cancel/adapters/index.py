"""The table's indexes: what is due, how much there is, and the list. Perhaps a moment behind the writes."""

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from feee_cancel.adapters.items import Item, floored, number, to_row, translated
from feee_cancel.domain import rank
from feee_cancel.domain.cancellation import TROUBLED, Cancellation, State
from feee_cancel.domain.due import Due, Period
from feee_cancel.domain.rank import Lane

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

UNSETTLED = tuple(state for state in State if not state.final)
_BY_TIME = "state-due_at"
_BY_LINE = "state-rank"
_BEGIN, _END = " ", "~"
"""These sort before every rank, and after every time within one."""


class TableIndex:
    """By time: every row, by state and `due_at`. By line: rows that wait, by asker, lane and `due_at` (`rank`)."""

    def __init__(self, client: "DynamoDBClient", name: str) -> None:
        self._client = client
        self._name = name

    def due(self, *, now: float, until: float, limit: int) -> list[Due]:
        """The rows that become due by `until`, the earliest first.

        At most `limit` of each state. The index by line is read only if more are waiting: then also up to `limit` of
        each asker and lane, and, of each asker's first attempts that are due `now`, up to `limit` of the latest.
        """
        found = {state: self._by_time(state, until, limit) for state in UNSETTLED}
        if len(found[State.WAITING]) == limit:
            found[State.WAITING] += self._by_line(now, until, limit)
        unique = {due.order_no: due for rows in found.values() for due in reversed(rows)}
        return sorted(unique.values(), key=lambda due: due.due_at)

    def unsettled(self) -> list[int]:
        """When each row that isn't final is due, the earliest of each state first.

        Of each state, what fits on a page of the index (1 MB): some thousands, for at most 128 read units.
        """
        return [
            floored(item["due_at"]["N"])
            for state in UNSETTLED
            for item in self._query(_BY_TIME, state, ProjectionExpression="due_at")
        ]

    def page(self, state: State, *, limit: int, after: Due | None, period: Period | None = None) -> list[Cancellation]:
        """At most `limit` rows of a state that come after `after`, the latest due first.

        With a period: those that became final in it, the earliest first. A final row's `due_at` is when it became so.
        """
        start: Any = {"ExclusiveStartKey": _key(after)} if after else {}
        condition, values = "", dict[str, Any]()
        if period:
            condition = "due_at BETWEEN :since AND :last"
            values = {":since": number(period.since), ":last": number(period.until - 1)}
        options = {"ScanIndexForward": period is not None, "Limit": limit, **start}
        return [to_row(item) for item in self._query(_BY_TIME, state, condition, values, **options)]

    def _by_time(self, state: State, until: float, limit: int) -> list[Due]:
        items = self._query(_BY_TIME, state, "due_at <= :until", {":until": number(until)}, Limit=limit)
        return [_due(item, state) for item in items]

    def _by_line(self, now: float, until: float, limit: int) -> list[Due]:
        """The earliest of each line. One query skips the rest of a line, however long it is."""
        lines: defaultdict[str, list[Due]] = defaultdict(list)
        after, start = _BEGIN, dict[str, Any]()
        while True:
            page = self._query(
                _BY_LINE, State.WAITING, "#rank > :after", {":after": {"S": after}}, Limit=limit, **start
            )
            for item in page:
                lines[_line(item)].append(_due(item, State.WAITING))
            if len(page) < limit:
                break
            last = _line(page[-1])
            enough = len(lines[last]) >= limit or lines[last][-1].due_at > until
            after, start = (last + _END, {}) if enough else (after, {"ExclusiveStartKey": _key_by_line(page[-1])})
        earliest = [due for line in lines.values() for due in line[:limit] if due.due_at <= until]
        long = (line for line, rows in lines.items() if len(rows) >= limit and rank.is_of(line, Lane.FIRST))
        return earliest + [due for line in long for due in self._latest(line, now, limit)]

    def _latest(self, line: str, now: float, limit: int) -> list[Due]:
        between = {":first": {"S": line}, ":last": {"S": line + rank.due(now)}}
        options = {"ScanIndexForward": False, "Limit": limit}
        items = self._query(_BY_LINE, State.WAITING, "#rank BETWEEN :first AND :last", between, **options)
        return [replace(_due(item, State.WAITING), latest=True) for item in items]

    def _query(
        self, index: str, state: State, condition: str = "", values: Item | None = None, **options: Any
    ) -> list[Item]:
        """A page of a state's rows in an index."""
        names = {"#state": "state"} | ({"#rank": "rank"} if "#rank" in condition else {})
        with translated(f"what is {state}"):
            answer = self._client.query(
                TableName=self._name,
                IndexName=index,
                KeyConditionExpression=f"#state = :state AND {condition}" if condition else "#state = :state",
                ExpressionAttributeNames=names,
                ExpressionAttributeValues={":state": {"S": state}, **(values or {})},
                **options,
            )
        return list(answer["Items"])


def _due(item: Item, state: State) -> Due:
    ranked = item.get("rank", {}).get("S")
    asker, lane = rank.read(ranked) if ranked else ("", Lane.KNOWN)
    return Due(
        item["order_no"]["S"],
        state,
        floored(item["due_at"]["N"]),
        postponed=floored(item.get("postponed", {}).get("N", "0")),
        asker=asker,
        lane=lane,
        troubled=state is State.WAITING and item.get("state_reason", {}).get("S") in TROUBLED,
    )


def _line(item: Item) -> str:
    """The part of the rank that all rows of a line share."""
    return "".join(item["rank"]["S"].rpartition("#")[:2])


def _key(due: Due) -> dict[str, Any]:
    return {"order_no": {"S": due.order_no}, "state": {"S": due.state}, "due_at": number(due.due_at)}


def _key_by_line(item: Item) -> dict[str, Any]:
    return {"order_no": item["order_no"], "state": {"S": State.WAITING}, "rank": item["rank"]}
