"""How long a good order waits for its first attempt while somebody's garbage does: the real drain, simulated time.

Garbage are order numbers that feee.io has never heard of, unless a scenario says otherwise: each costs two calls, again
and again. That a good order doesn't wait for what feee.io is slow about is in `tests/unit/test_drain.py`, in real time.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from benchmarks.table import Row
from feee_cancel.domain.answer import Answer, AnswerKind
from feee_cancel.domain.cancellation import Cancellation, State, StateReason
from feee_cancel.usecases.drain import Drain
from tests.builders import NOW, answer, refused, row, shown
from tests.fakes import Clock, FakeLease, FakeTable, InlineExecutor, ports

BOUND_SECONDS = 5.0
PACE = 4
"""The template's default, in calls a second."""
_LATENCY_SECONDS = 0.1
_DRAIN_SECONDS = 30
_TICK_SECONDS = 60


@dataclass(frozen=True)
class Scenario:
    """Rows that are there, and those that come later, each at its `requested_at`; the good ones are measured."""

    name: str
    garbage: Sequence[Cancellation]
    good: Sequence[Cancellation]
    seconds: int = 60
    """For so long the drains go on; every good order is to be attempted by then."""
    says: Callable[[str], Answer] = lambda _: refused()
    """What feee.io answers to garbage."""


@dataclass
class _World:
    """feee.io and the clock: rows come as time goes on, and calls for good orders are noted."""

    scenario: Scenario
    table: FakeTable = field(default_factory=FakeTable)
    clock: Clock = field(default_factory=Clock)
    first_call: dict[str, float] = field(default_factory=dict)
    woken: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._good = {row.order_no: row for row in self.scenario.good}
        rows = sorted([*self.scenario.garbage, *self.scenario.good], key=lambda row: row.requested_at)
        self._coming = rows[::-1]
        self.sleep(0)

    def sleep(self, seconds: float) -> None:
        self.clock.sleep(seconds)
        while self._coming and self._coming[-1].requested_at <= self.clock():
            come = self._coming.pop()
            self.table.rows[come.order_no] = come

    def cancel(self, order_no: str, *, deadline: float) -> Answer:  # noqa: ARG002 - no call takes long
        if order_no in self._good:
            self.first_call.setdefault(order_no, self.clock())
        self.sleep(_LATENCY_SECONDS)
        if order_no in self._good:
            return shown(order_no=order_no, status=12, refund_amount=1)
        return self.scenario.says(order_no)

    query = cancel

    def drain(self, holder: int) -> None:
        wired = replace(ports(self, self.table, clock=self.clock, woken=self.woken), sleep=self.sleep)
        until = self.woken.pop() if self.woken else 0
        lease, deadline = FakeLease({}, holder), self.clock() + _DRAIN_SECONDS
        Drain(wired, lease, InlineExecutor(), pace=PACE, deadline=deadline).run(until=until)

    def run(self) -> list[float]:
        """How many seconds after it was due each good order's first attempt began."""
        end = NOW + self.scenario.seconds
        for holder in range(1_000):
            if len(self.first_call) == len(self._good) or self.clock() > end:
                break
            self.drain(holder)
            if not self.woken:
                self.sleep(_TICK_SECONDS - (self.clock() - NOW) % _TICK_SECONDS)
        missing = [self.clock() - row.due_at for number, row in self._good.items() if number not in self.first_call]
        return [at - self._good[number].due_at for number, at in self.first_call.items()] + missing


def waits(scenario: Scenario) -> list[float]:
    """How long each good order waited, in seconds of simulated time."""
    return _World(scenario).run()


def starvation(scenarios: Sequence[Scenario]) -> Iterator[Row]:
    """The rows: the longest wait in each scenario."""
    for scenario in scenarios:
        longest = max(waits(scenario))
        good = len(scenario.good)
        measured = f"{longest:.1f} s at most, of {good}" if good > 1 else f"{longest:.1f} s"
        met = longest <= BOUND_SECONDS
        yield Row(f"A good order with {scenario.name}", measured, f"≤ {BOUND_SECONDS:g} s", met, {"seconds": longest})


def scenarios(*, few: bool = False) -> list[Scenario]:
    """What is tried; `few` with a tenth of the garbage."""
    many = 10 if few else 1
    one, others = "webhook:1", [f"arn:aws:iam::123456789012:user/noisy{n}" for n in range(5)]
    good = [_good(n, at=2 + 7 * n) for n in range(6)]
    return [
        Scenario("10,000 refused orders", _refused(10_000 // many, one), good),
        Scenario("10,000 refused orders of the same asker", _refused(10_000 // many, _ASKER), good),
        Scenario("2,000 new ones of a webhook's sender", _new(2_000 // many, one), good),
        Scenario("18,000 new ones of a webhook's sender", _new(18_000 // many, one), good),
        Scenario("18,000 new ones of the same asker before", _new(18_000 // many, _ASKER), good[:1]),
        Scenario("5 a second for ten minutes", _coming(3_000 // many, one), good_all_along(600 // many), 600),
        Scenario("2,000 new ones of each of five askers", [r for a in others for r in _new(2_000 // many, a)], good),
        Scenario("10,000 booked for the same second", _new(10_000 // many, one, at=9), [_good(1, at=9)]),
        Scenario("10,000 refused orders of 500 askers", _of_many(_refused, 10_000 // many, 500 // many), good),
        Scenario("2,000 new ones of 100 askers", _of_many(_new, 2_000, 100), good),
        Scenario("10,000 refused orders that were just asked for again", _again(10_000 // many), good),
        Scenario("10,000 orders that can't be read", _unreadable(10_000 // many), good, says=_cannot_be_read),
        Scenario("2,000 orders that were filled long ago", _new(2_000 // many, one), good, says=_filled),
        Scenario("2,000 new ones of a schedule", _new(2_000 // many, "event:nightly 2024-08-22T09:00:00Z"), good),
        Scenario("18,000 new ones, a refund to be looked for", _new(18_000 // many, _ASKER), [_refunding()]),
        Scenario("18,000 new ones, an order just old enough", _new(18_000 // many, _ASKER), [_eligible()]),
        Scenario("18,000 new ones, a lease that ended", _new(18_000 // many, _ASKER), [_left_behind()]),
    ]


_ASKER = "arn:aws:sts::123456789012:assumed-role/shop/session"


def good_all_along(seconds: int) -> list[Cancellation]:
    """A good order every half a minute."""
    return [_good(n, at=2 + 30 * n) for n in range(seconds // 30)]


def _good(number: int, *, at: int) -> Cancellation:
    return _waiting(f"7{number:09}", NOW + at, requested_by=f"{_ASKER}{number}", requested_at=NOW + at)


def _waiting(order_no: str, due_at: int, **values: object) -> Cancellation:
    fields = {"state": State.WAITING, "state_reason": StateReason.QUEUED, "due_at": due_at, "attempt": 0} | values
    return row(order_no=order_no, **fields)


def _refunding() -> Cancellation:
    return _waiting("7000000001", NOW + 9, state=State.REFUNDING, state_reason=StateReason.REFUND_PENDING, status=11)


def _eligible() -> Cancellation:
    return _waiting("7000000001", NOW + 9, state_reason=StateReason.TOO_EARLY, status=4, requested_by=_ASKER)


def _left_behind() -> Cancellation:
    return _waiting("7000000001", NOW + 9, state=State.CANCELLING, requested_by=_ASKER)


def _new(count: int, asker: str, *, at: int = -3600) -> list[Cancellation]:
    fields = {"requested_by": asker, "requested_at": NOW - 3600}
    return [_waiting(f"{abs(hash(asker)) % 10**9}{n:06}", NOW + at, **fields) for n in range(count)]


def _coming(count: int, asker: str) -> list[Cancellation]:
    return [replace(one, due_at=NOW + n // 5, requested_at=NOW + n // 5) for n, one in enumerate(_new(count, asker))]


def _refused(count: int, asker: str) -> list[Cancellation]:
    def _refuse(one: Cancellation, due_at: int) -> Cancellation:
        said = replace(one, answer=AnswerKind.REFUSED, refusals="1/1", tries=9, since=NOW, attempt=9)
        return replace(said, state_reason=StateReason.ORDER_REFUSED, due_at=due_at)

    return [_refuse(one, NOW - 300 + n * 600 // count) for n, one in enumerate(_new(count, asker))]


def _of_many(make: Callable[[int, str], list[Cancellation]], count: int, askers: int) -> list[Cancellation]:
    """So many in all, of so many callers."""
    callers = (f"arn:aws:iam::123456789012:user/caller{n}" for n in range(askers))
    return [one for caller in callers for one in make(count // askers, caller)]


def _again(count: int) -> list[Cancellation]:
    return [replace(one, due_at=NOW) for one in _refused(count, "webhook:1")]


def _unreadable(count: int) -> list[Cancellation]:
    def _garbled(one: Cancellation) -> Cancellation:
        said = replace(one, answer=AnswerKind.NO_USABLE_ANSWER, code=0, tries=9, attempt=9, in_doubt_after=0)
        return replace(said, state_reason=StateReason.OUTCOME_UNKNOWN)

    return [_garbled(one) for one in _new(count, "webhook:1")]


def _cannot_be_read(_: str) -> Answer:
    return answer(AnswerKind.NO_USABLE_ANSWER, code=0)


def _filled(order_no: str) -> Answer:
    return shown(order_no=order_no, status=6)
