"""How late an order is settled while each drain is killed after some ten seconds: the real drain, simulated time.

A killed process releases nothing: the next drain waits for the end of its lease, and an order that it was at work on
for the end of that order's.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from statistics import median

from benchmarks.table import Row, percentile
from feee_cancel.domain.answer import Answer
from feee_cancel.domain.cancellation import State, StateReason
from feee_cancel.usecases.drain import Drain
from tests.builders import NOW, row, shown
from tests.fakes import Clock, FakeLease, FakeTable, InlineExecutor, ports

BAR = "p50 ≤ 0.5 s, p99 ≤ 3 s"
_LIVES_SECONDS = 9.5, 10.5
_PACE = 9
_LATENCY_SECONDS = 0.1
_ORDERS = 600
_TICK_SECONDS = 60


class KilledError(BaseException):
    """The drain's process ends here."""


@dataclass
class _World:
    """An order becomes due each second. `woken`: requests keep coming, which start a drain if none has the lease."""

    woken: bool
    clock: Clock = field(default_factory=Clock)
    table: FakeTable = field(default_factory=FakeTable)
    held: dict[str, int] = field(default_factory=dict)
    killed_at: float = 0.0
    chance: random.Random = field(default_factory=lambda: random.Random(0))
    settled_at: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.due_at = {f"7{number:09}": NOW + number for number in range(_ORDERS)}
        for order_no, at in self.due_at.items():
            waiting = row(
                order_no=order_no, state=State.WAITING, state_reason=StateReason.NOT_BEFORE, due_at=at, attempt=0
            )
            self.table.rows[order_no] = waiting

    def sleep(self, seconds: float) -> None:
        left = self.killed_at - self.clock()
        self.clock.sleep(min(seconds, left))
        if seconds >= left:
            raise KilledError

    def cancel(self, order_no: str, *, deadline: float) -> Answer:  # noqa: ARG002 - no call takes long
        self.sleep(_LATENCY_SECONDS)
        self.settled_at.setdefault(order_no, self.clock())
        return shown(order_no=order_no, status=12, refund_amount=1)

    query = cancel

    def run(self) -> list[float]:
        """How late each order was settled, in seconds."""
        holder = 0
        while len(self.settled_at) < _ORDERS:
            holder += 1
            self._drain(holder)
            self.clock.sleep(self._until_the_next())
        return [at - self.due_at[order_no] for order_no, at in self.settled_at.items()]

    def _drain(self, holder: int) -> None:
        self.killed_at = self.clock() + self.chance.uniform(*_LIVES_SECONDS)
        wired = replace(ports(self, self.table, clock=self.clock), sleep=self.sleep)
        drain = Drain(wired, FakeLease(self.held, holder), InlineExecutor(), pace=_PACE, deadline=self.clock() + 150)
        try:
            drain.run(until=0)
        except KilledError:
            return

    def _until_the_next(self) -> float:
        """Seconds until the next drain starts: with the tick, or with the first request after the lease's end."""
        tick = _TICK_SECONDS - (self.clock() - NOW) % _TICK_SECONDS
        return min(tick, max(0.1, self.held["lease_until"] - self.clock())) if self.woken else tick


def killed() -> Iterator[Row]:
    """The rows."""
    for woken, when in ((False, "the tick starts the next"), (True, "requests start the next")):
        late = _World(woken).run()
        p50, p99 = median(late), percentile(late, 99)
        measured = f"p50 {p50:.1f} s, p99 {p99:.1f} s   of {len(late):,} orders, simulated; at most {max(late):.1f} s"
        met = p50 <= 0.5 and p99 <= 3  # noqa: PLR2004 - the bar
        yield Row(f"Each drain killed after 10 s, {when}", measured, BAR, met, {"seconds": late})
