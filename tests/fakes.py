"""Fakes of the ports. The fake table keeps the same contract as the real one (tests/integration/test_table.py)."""

from collections.abc import Callable
from dataclasses import replace

from feee_cancel.domain.answer import Answer
from feee_cancel.domain.cancellation import RESTARTABLE, Cancellation, State
from feee_cancel.domain.decision import Policy
from feee_cancel.usecases.ports import Ports, TableUnavailableError
from tests.builders import NOW


class Clock:
    """Time that moves when a test says so."""

    def __init__(self, now: float = NOW) -> None:
        self.time = now

    def __call__(self) -> float:
        return self.time


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
        self.trouble: set[str] = set()
        self.writes = 0

    def begin(self, row: Cancellation) -> tuple[Cancellation, bool]:
        self._check("begin")
        old = self.rows.get(row.order_no)
        if old and old.state not in RESTARTABLE:
            return old, False
        attempt = (old.attempt if old else 0) + (row.state is State.CANCELLING)
        return self._written(replace(row, attempt=attempt)), True

    def claim(self, row: Cancellation, *, now: float, lease_until: int) -> tuple[Cancellation, bool]:
        self._check("claim")
        old = self.rows[row.order_no]
        if old.state is not row.state or old.due_at > now:
            return old, False
        state = State.REFUNDING if old.state is State.REFUNDING else State.CANCELLING
        return self._written(replace(old, state=state, due_at=lease_until, attempt=old.attempt + 1)), True

    def settle(self, row: Cancellation) -> Cancellation:
        self._check("settle")
        old = self.rows[row.order_no]
        if old.attempt != row.attempt or old.state not in {State.CANCELLING, State.REFUNDING}:
            return old
        return self._written(row)

    def find(self, order_no: str) -> Cancellation | None:
        self._check("find")
        return self.rows.get(order_no)

    def _check(self, method: str) -> None:
        if method in self.trouble:
            raise TableUnavailableError(method)

    def _written(self, row: Cancellation) -> Cancellation:
        self.writes += 1
        self.rows[row.order_no] = row
        return row


def ports(feee: FakeFeee, table: FakeTable, now: Callable[[], float] | None = None) -> Ports:
    clock = now or Clock()
    return Ports(feee=feee, cancellations=table, policy=Policy(), now=clock, monotonic=clock, jitter=lambda: 0.0)
