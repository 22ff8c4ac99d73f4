"""Fakes of the ports. The fake table keeps the same contract as the real one (tests/integration/test_table.py)."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import replace
from typing import Any

from feee_cancel.domain import rank
from feee_cancel.domain.answer import Answer
from feee_cancel.domain.cancellation import (
    ON_ITS_WAY_SECONDS,
    TROUBLED,
    Cancellation,
    Requested,
    State,
    StateReason,
    restarted,
)
from feee_cancel.domain.decision import Policy, settled
from feee_cancel.domain.due import Due, Period
from feee_cancel.domain.rank import Lane
from feee_cancel.domain.record import may_restart, requests_of
from feee_cancel.usecases.control import ShownOrders
from feee_cancel.usecases.errors import TableUnavailableError, UnknownWriteError
from feee_cancel.usecases.ports import Cancellations, Feee, Ports
from feee_cancel.usecases.service import Service
from tests.builders import NOW


class Clock:
    """Time that moves when a test says so."""

    def __init__(self, now: float = NOW) -> None:
        self.time = now

    def __call__(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.time += seconds


_WRITES = frozenset({"start", "claim", "settle", "reschedule", "postpone", "give_up"})


class FakeFeee:
    """Gives the scripted answers in turn, and notes what it was asked."""

    def __init__(self, cancel: list[Answer] | None = None, query: list[Answer] | None = None) -> None:
        self._answers = {"cancel": iter(cancel or []), "query": iter(query or [])}
        self.calls: list[str] = []
        self.deadlines: list[float] = []

    def cancel(self, order_no: str, *, deadline: float) -> Answer:
        return self._answer("cancel", deadline)

    def query(self, order_no: str, *, deadline: float) -> Answer:
        return self._answer("query", deadline)

    def _answer(self, call: str, deadline: float) -> Answer:
        self.calls.append(call)
        self.deadlines.append(deadline)
        return next(self._answers[call])


class FakeTable:
    """The table in a dictionary. `trouble` names the methods that fail."""

    def __init__(self, *rows: Cancellation) -> None:
        self.rows = {row.order_no: row for row in rows}
        self.postponed: dict[str, int] = {}
        self.trouble: set[str] = set()
        self.writes = 0

    def start(
        self, row: Cancellation, *, rejected_by: float, entry: Requested | None = None
    ) -> tuple[Cancellation, bool]:
        self._check("start")
        old = self.rows.get(row.order_no)
        if old and not may_restart(old, entry or requests_of(row)[0], rejected_by=rejected_by):
            return old, False
        return self._written(restarted(row, old) if old else row), True

    def claim(self, order_no: str, state: State, *, due_by: float, lease_until: int) -> tuple[Cancellation, bool]:
        self._check("claim")
        old = self.rows[order_no]
        if old.state is not state or old.due_at > due_by:
            return old, False
        claimed = State.REFUNDING if old.state is State.REFUNDING else State.CANCELLING
        after = old.in_doubt_after
        if after is None:
            after = old.attempt if state is State.WAITING else 0
        until = old.in_doubt_until if state is State.WAITING else lease_until + ON_ITS_WAY_SECONDS
        doubtful = replace(old, in_doubt_after=after, in_doubt_until=until)
        taken = replace(doubtful, state=claimed, due_at=lease_until, attempt=old.attempt + 1)
        return self._written(taken), True

    def settle(self, row: Cancellation) -> Cancellation:
        self._check("settle")
        old = self.rows[row.order_no]
        if old.attempt != row.attempt or old.state not in {State.CANCELLING, State.REFUNDING}:
            return old
        self.postponed.pop(row.order_no, None)
        return self._written(row)

    def reschedule(
        self, row: Cancellation, *, due_at: int, requests: Sequence[Requested] = ()
    ) -> tuple[Cancellation, bool]:
        self._check("reschedule")
        old = self.rows[row.order_no]
        was = (old.state, old.attempt, old.due_at, old.requests)
        if was != (State.WAITING, row.attempt, due_at, tuple(requests)):
            return old, False
        return self._written(row), True

    def postpone(self, due: Due, *, lease_until: int, until: int) -> None:
        self._check("postpone")
        if self._is_as_seen(due, lease_until):
            self._written(replace(self.rows[due.order_no], due_at=until))
            self.postponed[due.order_no] = due.postponed + 1

    def give_up(self, due: Due, *, lease_until: int, now: float, kept_for: int) -> bool:
        self._check("give_up")
        old = self.rows[due.order_no]
        if not self._is_as_seen(due, lease_until) or old.gives_up_at > now:
            return False
        policy = Policy(kept_for=kept_for)
        self._written(settled(old, now=now, policy=policy, state=State.FAILED, state_reason=StateReason.GAVE_UP))
        return True

    def _is_as_seen(self, due: Due, lease_until: int) -> bool:
        old = self.rows[due.order_no]
        return not old.state.final and old.due_at in {due.due_at, lease_until}

    def due(self, *, now: float, until: float, limit: int) -> list[Due]:
        self._check("due")
        return sorted(self._lines(now, until, limit), key=lambda due: due.due_at)

    def _lines(self, now: float, until: float, limit: int) -> Iterator[Due]:
        rows = [row for row in self.rows.values() if not row.state.final and row.due_at <= until]
        lines: dict[tuple[State, str, str], list[Due]] = {}
        for row in sorted(rows, key=lambda row: row.due_at):
            due = self._due(row)
            lines.setdefault((due.state, due.asker, due.lane), []).append(due)
        for (state, _, lane), line in lines.items():
            yield from line[:limit]
            if state is State.WAITING and lane is Lane.FIRST:
                latest = [due for due in line[limit:] if due.due_at <= now][-limit:]
                yield from (replace(due, latest=True) for due in latest)

    def _due(self, row: Cancellation) -> Due:
        due = Due(row.order_no, row.state, row.due_at, self.postponed.get(row.order_no, 0))
        if row.state is not State.WAITING:
            return due
        troubled = row.state_reason in TROUBLED
        return replace(due, asker=rank.asker(row), lane=rank.lane(row), troubled=troubled)

    def unsettled(self) -> list[int]:
        self._check("unsettled")
        return [row.due_at for row in self.rows.values() if not row.state.final]

    def find(self, order_no: str) -> Cancellation | None:
        self._check("find")
        return self.rows.get(order_no)

    def page(self, state: State, *, limit: int, after: Due | None, period: Period | None = None) -> list[Cancellation]:
        self._check("page")
        rows = [row for row in self.rows.values() if row.state is state]
        if period:
            rows = sorted((row for row in rows if period.has(row.due_at)), key=lambda row: (row.due_at, row.order_no))
            return [
                row for row in rows if after is None or (row.due_at, row.order_no) > (after.due_at, after.order_no)
            ][:limit]
        rows.sort(key=lambda row: (row.due_at, row.order_no), reverse=True)
        return [row for row in rows if after is None or (row.due_at, row.order_no) < (after.due_at, after.order_no)][
            :limit
        ]

    def _check(self, method: str) -> None:
        if method in self.trouble:
            raise (UnknownWriteError if method in _WRITES else TableUnavailableError)(method)

    def _written(self, row: Cancellation) -> Cancellation:
        self.writes += 1
        self.rows[row.order_no] = row
        return row


class FakeMessages:
    """The messages that were handled. `trouble` makes remembering fail."""

    def __init__(self) -> None:
        self.taken: set[str] = set()
        self.trouble = False

    def seen(self, message: str) -> bool:
        return message in self.taken

    def remember(self, message: str, *, now: float) -> None:
        if self.trouble:
            raise TableUnavailableError(message)
        self.taken.add(message)


class FakeTelemetry:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.requests = 0
        self.crashes = 0
        self.rows: list[Cancellation] = []
        self.backlogs: list[tuple[int, float]] = []

    def started(self) -> None:
        self.requests += 1

    def attempted(self, row: Cancellation) -> None:
        self.rows.append(row)

    def crashed(self) -> None:
        self.crashes += 1

    def backlog(self, unsettled: int, *, overdue: float) -> None:
        self.backlogs.append((unsettled, overdue))


class FakeLease:
    """The drain's lease. Every run has one of its own over the same `held`."""

    def __init__(self, held: dict[str, int], holder: int = 1) -> None:
        self._held = held
        self._holder = holder
        self._seen = 0

    def acquire(self, *, now: float, lease_until: int, until: int) -> int | None:
        if not now < self._held.get("lease_until", 0) <= now + 120:
            self._held["holder"] = self._holder
        return self.extend(now=now, lease_until=lease_until, until=until)

    def extend(self, *, now: float, lease_until: int, until: int) -> int | None:
        if self._held["holder"] != self._holder:
            self._held["requested_end"] = max(self._held["requested_end"], until)
            return None
        self._held |= {"holder": self._holder, "lease_until": lease_until}
        self._seen = self._held.setdefault("requested_end", 0)
        return self._seen

    def release(self) -> bool:
        if self._held["holder"] != self._holder:
            return True
        if self._held["requested_end"] != self._seen:
            return False
        self._held["lease_until"] = 0
        return True


class InlineExecutor(Executor):
    """Does at once what is submitted."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - an executor keeps whatever its work raised
            future.set_exception(error)
        return future


def ports(
    feee: Feee,
    table: Cancellations,
    telemetry: FakeTelemetry | None = None,
    *,
    clock: Clock | None = None,
    woken: list[int] | None = None,
) -> Ports:
    clock = clock or Clock()
    return Ports(
        feee=feee,
        cancellations=table,
        messages=FakeMessages(),
        policy=Policy(),
        now=clock,
        monotonic=clock,
        sleep=clock.sleep,
        jitter=lambda: 0.0,
        wake=(woken if woken is not None else []).append,
        telemetry=telemetry or FakeTelemetry(),
        control=ShownOrders(),
    )


def service(
    ports: Ports,
    held: dict[str, int] | None = None,
    counted: list[str] | None = None,
    *,
    demands_caller: bool = True,
) -> Service:
    leases: dict[str, int] = {} if held is None else held
    return Service(
        ports=ports,
        published=lambda handler: handler,
        count=([] if counted is None else counted).append,
        new_lease=lambda: FakeLease(leases),
        drain_pace=1000,
        drain_seconds=150,
        diagnosis=lambda wanted, *, deadline: {"wanted": wanted, "deadline": deadline},
        demands_caller=demands_caller,
    )
