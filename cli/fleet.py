"""Many cancellations followed at once: what the list shows of them, again and again, until none is left."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from itertools import chain
from typing import Any, Protocol

from cli import orders
from cli.money import Money, came_back
from cli.outcome import Exit, Outcome
from cli.patience import NoUseError, asked, passes
from cli.patience import why as trouble
from cli.target import Api
from feee_cancel.domain.cancellation import StateReason
from feee_cancel_client import ApiAnswer

Row = Mapping[str, Any]

_UNFINISHED = ("cancelling", "waiting", "refunding")
_FINAL = ("failed", "rejected", "withdrawn", "cancelled")
_BEFORE_SECONDS, _BEHIND_SECONDS = 120, 30
"""How far apart this machine's clock and the service's may be, and how far behind the index or a function's clock."""
_AFTER_TROUBLE_SECONDS = 5.0
_PAGES_BETWEEN = 20
"""After this many pages of what isn't final, what became final is looked for: every ten seconds of a long list."""
_MISSED = 2
"""After this many looks in which an order shows nowhere, it is looked up by itself."""
_OVERDUE_SECONDS = 60
_LATE_REFUND_SECONDS = 1_200
_TROUBLED = frozenset(
    {
        StateReason.MISCONFIGURED,
        StateReason.UNREACHABLE,
        StateReason.OUTCOME_UNKNOWN,
        StateReason.CANCEL_REFUSED,
        StateReason.ORDER_REFUSED,
    }
)


class Board(Protocol):
    """Where it is shown."""

    def show(self, fleet: "Fleet", now: float, note: str = "") -> None:
        """How it stands; `note` is trouble that passes."""
        ...

    def reading(self, fleet: "Fleet", now: float) -> None:
        """Another page of the list was read, of perhaps a hundred."""
        ...

    def settled(self, row: Row, now: float) -> None:
        """One of them became final."""
        ...


@dataclass
class Fleet:
    """`open` are the rows that aren't final, as last seen; `final` those that are. `began_at` is in unix seconds."""

    began_at: float
    open: dict[str, Row] = field(default_factory=dict)
    final: dict[str, Row] = field(default_factory=dict)
    missed: Counter[str] = field(default_factory=Counter)
    settled_here: int = 0

    def by_attention(self, now: float) -> list[Row]:
        """What needs attention first: doubt, trouble and delay, then what is due next."""
        return sorted(self.open.values(), key=lambda row: (-concern(row, now), row.get("due_at", 0)))

    def money(self) -> Money:
        """What came back, as far as is known."""
        return came_back(self.final.values())

    def left_seconds(self, now: float) -> float | None:
        """About how long the rest takes: at the pace so far, and not before the last is due. None: nobody knows."""
        took = now - self.began_at
        paced = len(self.open) * took / self.settled_here if self.settled_here and took > 0 else None
        last_due = max((row["due_at"] - now for row in self.open.values() if "due_at" in row), default=0.0)
        return paced if paced is None else max(paced, last_due, 0.0)


def concern(row: Row, now: float) -> int:
    """How much a row needs a human: 3 a cancel in doubt, 2 trouble, 1 delay, 0 none."""
    if row.get("in_doubt"):
        return 3
    if row.get("state_reason") in _TROUBLED:
        return 2
    late = row["state"] == "refunding" and now - row.get("requested_at", now) > _LATE_REFUND_SECONDS
    return int(late or now - row.get("due_at", now) > _OVERDUE_SECONDS)


def follow(
    api: Api,
    fleet: Fleet,
    board: Board,
    *,
    everything: bool,
    now: Callable[[], float],
    sleep: Callable[[float], None],
    patience: float | None = None,
) -> Outcome:
    """Follow the fleet until all of it is final; with `everything`, what isn't final joins it as it is seen.

    Ctrl-C ends it, and so does `patience` (seconds): the cancellations go on by themselves.
    """
    ends = now() + patience if patience is not None else None
    fresh = everything
    try:
        while fresh or fleet.open:
            began = now()
            try:
                calls = _look(api, fleet, board, everything=everything, now=now, sleep=sleep)
                wait = calls * orders.APART_SECONDS
                fresh = False
                board.show(fleet, now())
            except _PassesError as error:
                board.show(fleet, now(), f"No answer for now ({error}); trying again.")
                wait = _AFTER_TROUBLE_SECONDS
            if fleet.open or fresh:
                rest = max(0.0, began + wait - now())
                if ends is not None and now() + rest > ends:
                    return _ended(fleet, Exit.PENDING, "Stopped watching")
                sleep(rest)
    except NoUseError as error:
        return error.outcome
    except KeyboardInterrupt:
        return _ended(fleet, Exit.INTERRUPTED, "Stopped watching")
    except BrokenPipeError:
        return _ended(fleet, Exit.PENDING, "The output was closed")
    return _ended(fleet, _exit(fleet), "Done")


class _PassesError(Exception):
    """No answer, for now."""


def _look(
    api: Api,
    fleet: Fleet,
    board: Board,
    *,
    everything: bool,
    now: Callable[[], float],
    sleep: Callable[[float], None],
) -> int:
    """Bring the rows up to date. Returns how many calls it took."""
    calls, seen = _Paced(api, sleep), set[str]()
    for pages, page in enumerate(chain.from_iterable(calls.pages({"state": state}) for state in _UNFINISHED), 1):
        for row in page:
            if everything or row["order_no"] in fleet.open:
                seen.add(row["order_no"])
                fleet.open[row["order_no"]] = row
                fleet.final.pop(row["order_no"], None)
        board.reading(fleet, now())
        if pages % _PAGES_BETWEEN == 0:
            _look_for_final(calls, fleet, board, seen, now)
            board.show(fleet, now(), "Reading the list ...")
    _look_for_final(calls, fleet, board, seen, now)
    _look_for_missing(calls, fleet, board, seen, now)
    return calls.made


def _look_for_final(calls: "_Paced", fleet: Fleet, board: Board, seen: set[str], now: Callable[[], float]) -> None:
    for state in _FINAL if fleet.open else ():
        for page in calls.pages({"state": state, "since": _news_since(fleet, state)}):
            for row in page:
                if row["order_no"] in fleet.open and row["order_no"] not in seen:
                    _finished(fleet, board, row, now())
            board.reading(fleet, now())


def _news_since(fleet: Fleet, state: str) -> int:
    """From when on there may be news: what settled earlier was seen, except for what the index delayed."""
    latest = max((row.get("settled_at", 0) for row in fleet.final.values() if row["state"] == state), default=0)
    return max(int(fleet.began_at - _BEFORE_SECONDS), int(latest) - _BEHIND_SECONDS)


def _look_for_missing(calls: "_Paced", fleet: Fleet, board: Board, seen: set[str], now: Callable[[], float]) -> None:
    """An order between two states shows in neither list for a moment; one that stays away is looked up by itself."""
    fleet.missed = Counter({order_no: fleet.missed[order_no] + 1 for order_no in fleet.open if order_no not in seen})
    for order_no in [order_no for order_no, times in fleet.missed.items() if times >= _MISSED][: orders.PAGE]:
        row = calls.look(order_no)
        if row["state"] in _FINAL:
            _finished(fleet, board, row, now())
        else:
            fleet.open[order_no] = row


def _finished(fleet: Fleet, board: Board, row: Row, now: float) -> None:
    fleet.open.pop(row["order_no"])
    fleet.final[row["order_no"]] = row
    fleet.settled_here += 1
    board.settled(row, now)


class _Paced:
    """Calls of one look, with a pause between them. `made` counts them."""

    def __init__(self, api: Api, sleep: Callable[[float], None]) -> None:
        self._api = api
        self._sleep = sleep
        self.made = 0

    def pages(self, query: Mapping[str, object]) -> Iterator[list[Row]]:
        """All pages of the list."""
        cursor: str | None = None
        while True:
            body = self._made(partial(orders.page, self._api, {**query, "limit": orders.PAGE, "cursor": cursor}))
            yield body["cancellations"]
            cursor = body.get("next_cursor")
            if cursor is None:
                return

    def look(self, order_no: str) -> dict[str, Any]:
        """One cancellation."""
        return self._made(partial(orders.look, self._api, order_no))

    def _made(self, call: Callable[[], ApiAnswer]) -> dict[str, Any]:
        if self.made:
            self._sleep(orders.APART_SECONDS)
        self.made += 1
        return _answered(call)


def _answered(call: Callable[[], ApiAnswer]) -> dict[str, Any]:
    found = asked(call)
    if isinstance(found, ApiAnswer) and found.status == HTTPStatus.OK:
        return found.body
    raise _PassesError(trouble(found)) if passes(found) else NoUseError(found)


def _exit(fleet: Fleet) -> Exit:
    return Exit.DONE if {row["state"] for row in fleet.final.values()} <= {"cancelled"} else Exit.NO


def _ended(fleet: Fleet, status: Exit, how: str) -> Outcome:
    counts = Counter(row["state"] for row in fleet.final.values())
    goes_on = f" {len(fleet.open):,} aren't final; they go on by themselves." if fleet.open else ""
    rows = [*fleet.open.values(), *fleet.final.values()]
    money = fleet.money().refunded
    document = {"open": len(fleet.open), "final": dict(counts), "refunded": money, "cancellations": rows}
    return Outcome(status, document, f"{how}: {tally(fleet)}.{goes_on}")


def tally(fleet: Fleet) -> str:
    """How many of them are in which state, and the money."""
    counts = Counter(row["state"] for row in (*fleet.final.values(), *fleet.open.values()))
    states = [f"{counts[state]:,} {state}" for state in ("cancelled", *_FINAL[:3], *_UNFINISHED) if counts[state]]
    money = fleet.money()
    back = f"; {money.refunded:f} TRX came back{money.doubt}" if money.refunded or money.unread else ""
    return f"{len(fleet.final):,} of {len(fleet.final) + len(fleet.open):,} final: {', '.join(states) or 'none'}{back}"
