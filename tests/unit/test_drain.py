"""The drain: in order, on time, at its pace, one at a time, and not against a wall."""

import math
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feee_cancel.domain.answer import Answer, AnswerKind
from feee_cancel.domain.cancellation import Cancellation, State, StateReason
from feee_cancel.domain.documents import CancellationRequest
from feee_cancel.domain.due import Due
from feee_cancel.usecases.drain import Drain
from feee_cancel.usecases.errors import TableUnavailableError
from feee_cancel.usecases.request import request_cancellation
from tests.builders import NOW, answer, row, shown
from tests.fakes import Clock, FakeLease, FakeTable, FakeTelemetry, InlineExecutor, ports

ORDER_REFUSED = StateReason.ORDER_REFUSED


class Feee:
    """Answers each call by a function, and notes when it was called."""

    def __init__(self, clock: Clock, answer: Callable[[str], Answer], *, seconds: float = 0.0) -> None:
        self._clock = clock
        self._answer = answer
        self._seconds = seconds
        self.calls: list[tuple[str, float]] = []

    def cancel(self, order_no: str, *, deadline: float) -> Answer:
        self.calls.append((order_no, self._clock() - NOW))
        self._clock.sleep(self._seconds)
        return self._answer(order_no)

    query = cancel


def cancelled(order_no: str) -> Answer:
    return shown(order_no=order_no, status=12, refund_amount=Decimal("3.92"))


class Case:
    """A drain over fakes."""

    def __init__(self, *rows: Cancellation, answer: Callable[[str], Answer] = cancelled, seconds: float = 0.0) -> None:
        self.clock = Clock()
        self.feee = Feee(self.clock, answer, seconds=seconds)
        self.table = FakeTable(*rows)
        self.held: dict[str, int] = {}
        self.woken: list[int] = []
        self.telemetry = FakeTelemetry()

    def run(self, *, until: int = 0, pace: float = 1000, seconds: float = 150, holder: int = 1) -> None:
        wired = ports(self.feee, self.table, self.telemetry, clock=self.clock, woken=self.woken)
        lease = FakeLease(self.held, holder)
        Drain(wired, lease, InlineExecutor(), pace=pace, deadline=self.clock() + seconds).run(until=until)

    @property
    def states(self) -> list[State]:
        return [row.state for row in self.table.rows.values()]


def near(seconds: float) -> Any:
    return pytest.approx(seconds, abs=0.1)


def waiting(order_no: int, due_in: int = 0, **fields: object) -> Cancellation:
    values = {"state": State.WAITING, "state_reason": StateReason.TOO_EARLY, "due_at": NOW + due_in, "attempt": 1}
    return row(order_no=str(order_no), **(values | fields))


def test_where_nothing_is_due_soon_it_ends_at_once_and_writes_nothing() -> None:
    case = Case(waiting(1, due_in=126), row(order_no="2", state=State.CANCELLED, due_at=NOW))
    case.run()
    assert (case.clock(), case.table.writes, case.held, case.feee.calls) == (NOW, 0, {}, [])


def test_what_is_due_is_attempted_in_the_order_in_which_it_became_due() -> None:
    case = Case(waiting(1, due_in=-1), waiting(2, due_in=-3), waiting(3, due_in=-2))
    case.run()
    assert [order_no for order_no, _ in case.feee.calls] == ["2", "3", "1"]
    assert case.states == [State.CANCELLED] * 3
    assert len(case.telemetry.rows) == 3


def test_it_stays_for_what_is_due_before_the_next_tick_and_is_on_time() -> None:
    case = Case(*[waiting(due_in, due_in=due_in) for due_in in (3, 17, 17, 44, 61, 121)])
    case.run()
    assert case.feee.calls == [(str(due_in), near(due_in)) for due_in in (3, 17, 44, 61, 121)]
    assert all(at >= int(order_no) for order_no, at in case.feee.calls)


@given(
    due_in=st.integers(0, 400),
    delays=st.lists(st.floats(0, 60, exclude_max=True), min_size=8, max_size=8),
)
def test_whenever_the_ticks_come_within_their_minutes_what_is_due_is_on_time(due_in: int, delays: list[float]) -> None:
    """EventBridge Scheduler is precise to a minute: a tick for 1:00 comes between 1:00:00 and 1:00:59."""
    case = Case(waiting(1, due_in=due_in))
    for minute, delay in enumerate(delays):
        case.clock.time = max(case.clock.time, NOW + 60 * (minute - 1) + delay)
        case.run()
    ((_, at),) = case.feee.calls
    first = delays[0] - 60
    assert due_in <= at <= max(due_in + 2, first + 2)


@pytest.mark.parametrize("state", [State.WAITING, State.CANCELLING, State.REFUNDING])
def test_whatever_was_left_behind_is_taken_up_when_its_time_or_its_lease_ends(state: State) -> None:
    case = Case(waiting(1, due_in=20, state=state))
    case.run()
    assert case.states == [State.CANCELLED]
    assert case.feee.calls == [("1", near(20))]


def test_the_pace_counts_calls_and_not_orders() -> None:
    refused_then_shown = iter([answer(AnswerKind.REFUSED, code=1), shown(order_no="1", status=6)] * 5)
    case = Case(
        *[waiting(n) for n in range(5)], answer=lambda order_no: replace_order(next(refused_then_shown), order_no)
    )
    case.run(pace=4)
    times = [at for _, at in case.feee.calls]
    assert len(times) == 10
    assert all(later - earlier >= 0.25 for earlier, later in pairwise(times))
    assert times[0] >= 0.25, "the drain before may just have made its last call"
    assert times[-1] <= 10 * 0.25 + 0.1


def replace_order(given: Answer, order_no: str) -> Answer:
    return replace(given, order=replace(given.order, order_no=order_no)) if given.order else given


def test_a_drain_that_runs_out_of_time_hands_over_at_once() -> None:
    case = Case(*[waiting(n) for n in range(100)])
    case.run(pace=10, seconds=5)
    assert case.states.count(State.CANCELLED) == pytest.approx(50, abs=2)
    assert case.woken == [pytest.approx(NOW + 5, abs=2)]
    assert case.held["lease_until"] == 0
    case.run(pace=10, holder=2, until=case.woken[0])
    assert case.states.count(State.CANCELLED) == 100
    assert len(case.woken) == 1, "nothing was left to hand over"


def test_one_drain_at_a_time() -> None:
    case = Case(waiting(1))
    case.held = {"holder": 9, "lease_until": NOW + 15, "requested_end": 0}
    case.run()
    assert (case.states, case.feee.calls) == ([State.WAITING], [])
    case.run(until=NOW + 7)
    assert case.held["requested_end"] == NOW + 7
    case.clock.sleep(15)
    case.run()
    assert case.states == [State.CANCELLED]


def test_a_woken_drain_stays_for_a_row_that_the_index_does_not_show_yet() -> None:
    class Lagging(FakeTable):
        lag_until = NOW + 4.0

        def due(self, *, now: float, until: float, limit: int) -> list[Due]:
            return [] if clock() < self.lag_until else super().due(now=now, until=until, limit=limit)

    case = Case()
    clock = case.clock
    case.table = Lagging(waiting(1, due_in=3))
    case.run(until=NOW + 3)
    assert case.states == [State.CANCELLED]


def test_an_end_requested_while_it_works_keeps_the_drain() -> None:
    case = Case(waiting(1))

    def requesting(order_no: str) -> Answer:
        if order_no == "1":
            case.table.rows["2"] = waiting(2, due_in=50)
            assert FakeLease(case.held, 2).acquire(now=case.clock(), lease_until=NOW + 99, until=NOW + 50) is None
        return cancelled(order_no)

    case.feee = Feee(case.clock, requesting)
    case.run()
    assert case.states == [State.CANCELLED] * 2


@pytest.mark.parametrize(
    ("seconds", "state", "woken"),
    [(150, State.CANCELLED, []), (1.5, State.WAITING, [NOW + 64]), (0, State.WAITING, [NOW + 64])],
)
def test_an_end_requested_just_before_the_lease_is_released_is_not_lost(
    seconds: float, state: State, woken: list[int]
) -> None:
    case = Case(waiting(1))

    class LateRequest(FakeLease):
        requested = False

        def release(self) -> bool:
            if not self.requested:
                self.requested = True
                case.table.rows["2"] = waiting(2, due_in=64)
                FakeLease(case.held, 2).acquire(now=case.clock(), lease_until=NOW + 99, until=NOW + 64)
            return super().release()

    wired = ports(case.feee, case.table, clock=case.clock, woken=case.woken)
    Drain(wired, LateRequest(case.held), InlineExecutor(), pace=1000, deadline=NOW + seconds).run(until=NOW)
    assert case.held["lease_until"] == 0
    assert case.table.rows["2"].state is state
    assert case.woken == woken


def test_an_end_beyond_the_horizon_does_not_keep_the_drain() -> None:
    case = Case()
    case.run(until=NOW + 10**9)
    assert case.clock() - NOW < 130


@pytest.mark.parametrize(
    "kind",
    [
        AnswerKind.NOT_SENT,
        AnswerKind.NO_USABLE_ANSWER,
        AnswerKind.MISCONFIGURED,
        AnswerKind.RATE_EXCEEDED,
    ],
)
def test_where_feee_io_is_plainly_down_it_stops_after_a_few_failures_and_rests(kind: AnswerKind) -> None:
    case = Case(*[waiting(n) for n in range(100)], answer=lambda _: answer(kind))
    case.run()
    assert len({order_no for order_no, _ in case.feee.calls}) == 3
    assert case.woken == []
    rested = len(case.feee.calls)
    case.run(holder=2)
    assert len(case.feee.calls) == rested, "nobody calls while it rests"
    case.clock.sleep(31)
    case.feee = Feee(case.clock, cancelled)
    case.run(holder=3)
    assert case.states == [State.CANCELLED] * 100


@pytest.mark.parametrize("code", [0, 50_000])
def test_orders_that_cannot_be_read_are_no_outage(code: int) -> None:
    def undecidable(order_no: str) -> Answer:
        return answer(AnswerKind.NO_USABLE_ANSWER, code=code) if int(order_no) < 40 else cancelled(order_no)

    case = Case(*[waiting(n) for n in range(50)], answer=undecidable)
    case.run()
    assert case.states == [State.WAITING] * 40 + [State.CANCELLED] * 10
    assert case.held["lease_until"] == 0


def test_a_failure_now_and_then_stops_nothing() -> None:
    fails = iter([True, True, False] * 100)
    case = Case(
        *[waiting(n) for n in range(30)],
        answer=lambda order_no: answer(AnswerKind.NOT_SENT) if next(fails) else cancelled(order_no),
    )
    case.run()
    assert case.states == [State.CANCELLED] * 30


def test_a_drain_that_lost_its_lease_begins_nothing_more() -> None:
    case = Case(*[waiting(n) for n in range(10)])

    def stalls(order_no: str) -> Answer:
        case.clock.sleep(20)
        FakeLease(case.held, 2).acquire(now=case.clock(), lease_until=int(case.clock()) + 15, until=0)
        return cancelled(order_no)

    case.feee = Feee(case.clock, stalls)
    case.run()
    assert case.states.count(State.CANCELLED) == 1
    assert case.held["holder"] == 2
    assert case.woken == []


def test_an_attempt_that_cannot_be_written_does_not_stop_the_others() -> None:
    class Flaky(FakeTable):
        def claim(self, order_no: str, state: State, **options: Any) -> tuple[Cancellation, bool]:
            if order_no == "1":
                raise TableUnavailableError
            return super().claim(order_no, state, **options)

    case = Case()
    case.table = Flaky(waiting(1), waiting(2))
    case.table.trouble = {"postpone"}
    case.run()
    assert case.states == [State.WAITING, State.CANCELLED]


def test_a_row_that_the_index_still_shows_as_it_was_is_attempted_once() -> None:
    class Stale(FakeTable):
        def due(self, *, now: float, until: float, limit: int) -> list[Due]:
            fresh = super().due(now=now, until=until, limit=limit)
            return [*stale, *fresh] if clock() < NOW + 3 else list(fresh)

    case = Case()
    clock = case.clock
    case.table = Stale(waiting(1))
    stale = FakeTable(waiting(1)).due(now=NOW, until=NOW, limit=1)
    case.run()
    assert case.states == [State.CANCELLED]
    assert case.table.writes == 2


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_is_set_keeps_no_drain_asleep(hours: int) -> None:
    class SetClock(Clock):
        """A wall clock that is set once, seven seconds on."""

        def __call__(self) -> float:
            return self.time if self.time < NOW + 7 else self.time + 3600 * hours

    case = Case(*[waiting(n, due_in=2 * n) for n in range(40)])
    wall = SetClock()
    wired = replace(ports(case.feee, case.table, clock=case.clock), now=wall)
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        wall.sleep(seconds)
        case.clock.sleep(seconds)

    wired = replace(wired, sleep=sleep)
    Drain(wired, FakeLease(case.held), InlineExecutor(), pace=1000, deadline=NOW + 150).run(until=NOW + 30)
    assert max(slept) <= 1
    assert case.clock() - NOW < 80
    assert case.held["lease_until"] == 0


def test_trouble_at_the_table_is_raised() -> None:
    case = Case(waiting(1))
    case.table.trouble = {"due"}
    with pytest.raises(TableUnavailableError):
        case.run()


class UnreadableTable(FakeTable):
    """A table with rows that can't be read: even a claim that was taken raises."""

    unreadable: frozenset[str] = frozenset()

    def claim(self, order_no: str, state: State, **options: Any) -> tuple[Cancellation, bool]:
        claimed = super().claim(order_no, state, **options)
        if order_no in self.unreadable:
            raise ValueError("the key is 8a63d52f")
        return claimed


class FullTable(FakeTable):
    """A table that takes no outcome, as if each were too large."""

    def settle(self, row: Cancellation) -> Cancellation:
        raise TableUnavailableError("ValidationException")


def crashing(order_no: str) -> Answer:
    if int(order_no) < 5:
        raise ValueError("the key is 8a63d52f")
    return cancelled(order_no)


@pytest.mark.parametrize("what", ["the answer", "the row"])
def test_rows_that_raise_hold_nobody_up_and_are_told_of_without_what_they_hold(
    what: str, caplog: pytest.LogCaptureFixture
) -> None:
    case = Case(answer=crashing if what == "the answer" else cancelled)
    case.table = UnreadableTable(*[waiting(n) for n in range(35)])
    case.table.unreadable = frozenset("01234" if what == "the row" else "")
    case.run(seconds=20)
    assert case.states == [State.CANCELLING] * 5 + [State.CANCELLED] * 30
    assert case.telemetry.crashes == 5
    crashes = [record for record in caplog.records if "crashed" in record.message]
    assert {record.__dict__["order_no"] for record in crashes} == set("01234")
    assert {record.__dict__["crash"] for record in crashes} == {"ValueError"}
    assert all("test_drain.py" in record.__dict__["place"][-1] for record in crashes)
    assert "8a63d52f" not in caplog.text


@pytest.mark.parametrize(
    ("table", "answer"), [(UnreadableTable, cancelled), (FakeTable, crashing), (FullTable, cancelled)]
)
def test_a_row_that_raises_waits_longer_each_time_and_fails_when_its_time_is_up(
    table: type[FakeTable], answer: Callable[[str], Answer]
) -> None:
    case = Case(answer=answer)
    case.table = table(waiting(1, gives_up_at=NOW + 7200))
    UnreadableTable.unreadable = frozenset("1")
    due_at = []
    for holder in range(125):
        case.run(holder=holder)
        due_at.append(case.table.rows["1"].due_at)
        case.clock.time = NOW + 60.0 * (holder + 1)
    waits = [later - earlier for earlier, later in pairwise(sorted(set(due_at))[:-1])]
    assert waits == sorted(waits)
    assert len(waits) < 20
    failed = case.table.rows["1"]
    assert (failed.state, failed.state_reason) == (State.FAILED, StateReason.GAVE_UP)
    assert failed.settled_at == pytest.approx(NOW + 7200, abs=900)
    assert failed.expires_at == failed.due_at + 400 * 86_400


def test_a_row_that_raised_once_waits_half_a_minute_and_is_forgiven() -> None:
    fails = iter([True, False, True, False])

    def now_and_then(order_no: str) -> Answer:
        if next(fails):
            raise ValueError
        return shown(order_no=order_no, status=11)

    case = Case(waiting(1), answer=now_and_then)
    case.run(seconds=20)
    assert case.table.postponed == {"1": 1}
    assert case.table.rows["1"].due_at == pytest.approx(NOW + 31, abs=1)
    case.clock.time = NOW + 31.0
    case.run(holder=2, seconds=20)
    assert case.table.postponed == {"1": 1}, "crashed again, after an attempt that worked"
    assert case.table.rows["1"].state is State.REFUNDING


def test_what_ends_the_process_is_not_contained() -> None:
    def ends(_: str) -> Answer:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Case(waiting(1), answer=ends).run()


def test_attempts_run_side_by_side_in_threads() -> None:
    together = threading.Barrier(2)

    def side_by_side(order_no: str) -> Answer:
        together.wait(60)
        return cancelled(order_no)

    table = FakeTable(*[waiting(n) for n in range(40)])
    wired = replace(ports(Feee(Clock(), side_by_side), table), monotonic=time.monotonic, sleep=time.sleep)
    with ThreadPoolExecutor(20) as executor:
        Drain(wired, FakeLease({}), executor, pace=200, deadline=time.monotonic() + 60).run(until=0)
    assert [row.state for row in table.rows.values()] == [State.CANCELLED] * 40


def test_a_look_that_hangs_holds_up_nothing_that_was_seen_before() -> None:
    called = threading.Event()

    def noted(order_no: str) -> Answer:
        if order_no == "2":
            called.set()
        return cancelled(order_no)

    class Hanging(FakeTable):
        looks = 0

        def due(self, *, now: float, until: float, limit: int) -> list[Due]:
            self.looks += 1
            if self.looks > 2:  # the first decides whether to begin at all
                assert called.wait(60)
            return super().due(now=now, until=until, limit=limit)

    now = math.ceil(time.time())
    table = Hanging(waiting(1, now - NOW), waiting(2, now - NOW + 1))
    fake = ports(Feee(Clock(), noted), table)
    wired = replace(fake, now=time.time, monotonic=time.monotonic, sleep=time.sleep)
    with ThreadPoolExecutor(3) as executor:
        Drain(wired, FakeLease({}), executor, pace=200, deadline=time.monotonic() + 60).run(until=0)
    assert [row.state for row in table.rows.values()] == [State.CANCELLED] * 2


class LateEnds(InlineExecutor):
    """Does at once what is submitted; that it is done is known so many seconds of real time later."""

    def __init__(self, *seconds: float) -> None:
        self.seconds = iter(seconds)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done, late = super().submit(fn, *args, **kwargs), Future[Any]()
        threading.Timer(next(self.seconds, 0.0), lambda: late.set_result(done.result())).start()
        return late


class Looked(FakeTable):
    """Calls a function with the number of each look, whose result it may change."""

    def __init__(self, *rows: Cancellation, sees: Callable[[int, list[Due]], list[Due]]) -> None:
        super().__init__(*rows)
        self.looks, self.sees = 0, sees

    def due(self, *, now: float, until: float, limit: int) -> list[Due]:
        self.looks += 1
        return self.sees(self.looks, super().due(now=now, until=until, limit=limit))


def test_a_look_that_began_before_an_attempt_ended_does_not_say_that_nothing_is_left() -> None:
    answers = iter([shown(order_no="1", status=4, create_time=NOW - 300)])
    case = Case(answer=lambda order_no: next(answers, cancelled(order_no)), seconds=1.5)
    case.table = Looked(waiting(1), sees=lambda look, found: [] if look == 3 else found)
    wired = ports(case.feee, case.table, clock=case.clock)
    executor = LateEnds(0.0, 0.0, 0.1)  # the look under way, the attempt, the look that began before its end
    Drain(wired, FakeLease({}), executor, pace=1000, deadline=case.clock() + 150).run(until=0)
    assert case.states == [State.CANCELLED]


def test_what_was_begun_is_waited_for_without_work_though_a_look_is_over() -> None:
    asked = 0

    def monotonic() -> float:
        nonlocal asked
        asked += 1
        return case.clock()

    def sees(look: int, found: list[Due]) -> list[Due]:
        case.clock.sleep(20 if look == 3 else 0)  # past the deadline
        return found

    case = Case(seconds=1.5)
    case.table = Looked(waiting(1), waiting(2, due_in=60), sees=sees)
    wired = replace(ports(case.feee, case.table, clock=case.clock), monotonic=monotonic)
    executor = LateEnds(0.0, 0.5, 0.1)
    Drain(wired, FakeLease({}), executor, pace=1000, deadline=case.clock() + 10).run(until=0)
    assert case.states == [State.CANCELLED, State.WAITING]
    assert asked < 100


def test_what_was_begun_is_waited_for_when_the_time_is_up() -> None:
    begun: list[str] = []

    def slow(order_no: str) -> Answer:
        begun.append(order_no)
        time.sleep(0.0 if order_no == "0" else 0.2)
        return cancelled(order_no)

    def monotonic() -> float:
        return time.monotonic() + 3_600 * (len(begun) == 4)

    table = FakeTable(*[waiting(n) for n in range(4)])
    wired = replace(ports(Feee(Clock(), slow), table), monotonic=monotonic, sleep=time.sleep)
    with ThreadPoolExecutor(4) as executor:
        Drain(wired, FakeLease({}), executor, pace=200, deadline=time.monotonic() + 60).run(until=0)
        assert [row.state for row in table.rows.values()] == [State.CANCELLED] * 4


def test_an_hour_of_feee_io_being_down_loses_nothing_and_costs_few_calls() -> None:
    """Requests come all the while; afterwards every one is settled."""
    down = True
    case = Case(answer=lambda order_no: answer(AnswerKind.NO_USABLE_ANSWER) if down else cancelled(order_no))
    accepted = 0
    for minute in range(60):
        order_no = str(1000 + minute)
        wired = ports(case.feee, case.table, clock=case.clock, woken=case.woken)
        row = request_cancellation(
            CancellationRequest(order_no=order_no), wired, requested_by=None, deadline=case.clock() + 20
        )
        accepted += row.state is State.WAITING
        while case.woken:
            case.run(until=case.woken.pop(), holder=10 * minute)
        case.clock.time = NOW + 60.0 * (minute + 1)
        case.run(holder=10 * minute + 1)
    assert accepted == 60
    calls_of_requests, calls_of_drains = 2 * 60, 12 * 60
    assert len(case.feee.calls) <= calls_of_requests + calls_of_drains
    down = False
    for tick in range(7):
        case.clock.time += 60.0
        case.run(holder=10_000 + tick)
    assert case.states == [State.CANCELLED] * 60


def test_a_run_of_the_drain_makes_at_most_ten_calls_while_feee_io_is_down_whoever_asked() -> None:
    """With two runs a minute, as in the hour above, these are the twenty that the README states."""

    five = threading.Barrier(5)

    def down(_: str) -> Answer:
        five.wait(60)  # for as many as may be under way
        return answer(AnswerKind.NO_USABLE_ANSWER)

    case = Case(*[waiting(n, requested_by=f"caller{n}") for n in range(20)], answer=down)
    wired = replace(ports(case.feee, case.table), monotonic=time.monotonic, sleep=time.sleep)
    with ThreadPoolExecutor(20) as executor:
        Drain(wired, FakeLease({}), executor, pace=100, deadline=time.monotonic() + 60).run(until=0)
    assert len(case.feee.calls) == 10


@pytest.mark.parametrize(("first", "order_nos"), [(AnswerKind.NO_USABLE_ANSWER, "132"), (AnswerKind.ORDER, "123")])
def test_once_an_answer_could_not_be_used_an_order_that_was_served_before_comes_first(
    first: AnswerKind, order_nos: str
) -> None:
    """One more of those that weren't would say nothing of whether feee.io is down."""

    def answered(order_no: str) -> Answer:
        return answer(first) if (order_no, first) == ("1", AnswerKind.NO_USABLE_ANSWER) else cancelled(order_no)

    troubled = waiting(2, due_in=1, state_reason=StateReason.OUTCOME_UNKNOWN)
    case = Case(waiting(1), troubled, waiting(3, due_in=1), answer=answered)
    case.run(pace=10)
    seen = [order_no for order_no, _ in case.feee.calls]
    assert sorted(set(seen), key=seen.index) == list(order_nos)


class Hanging(ThreadPoolExecutor):
    """Attempts for orders below 1,000 take until enough began, and so long after; then time is up. In vain: 20 s."""

    def __init__(self, enough: Callable[[Sequence[str]], bool], *, later: float = 0.0) -> None:
        super().__init__(64)
        self.began: list[str] = []
        self.over = threading.Event()
        self._enough, self._later = enough, later

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        if not args:  # a look
            return super().submit(fn)
        self.began.append(args[0].order_no)
        if self._enough(self.began):
            threading.Timer(self._later, self.over.set).start()
        if int(self.began[-1]) < 1_000:
            return super().submit(lambda: self.over.wait(60) and None)
        return super().submit(fn, *args, **kwargs)

    def monotonic(self) -> float:
        return time.monotonic() + 3_600 * self.over.is_set()


@pytest.mark.parametrize(
    ("served", "most", "noisy", "due_in"), [(True, 16, "noisy", 5), (False, 3, "noisy", 1), (False, 3, "shop", 1)]
)
def test_an_order_begins_though_slow_attempts_for_others_take_all_the_room(
    served: bool, most: int, noisy: str, due_in: int
) -> None:
    """Whoever has nothing under way waits for nothing that feee.io is slow about, nor for his own refused ones."""
    slow = [waiting(n, requested_by=noisy, refusals="1/1", state_reason=ORDER_REFUSED) for n in range(most * 2)]
    good = [waiting(1_001 + n, requested_by="shop", attempt=0, due_in=due_in) for n in range(2)]
    seen = [waiting(1_000, requested_by="seen", due_in=-60, status=4)] if served else []
    started, awaited = time.monotonic(), {row.order_no for row in good}

    def now() -> float:
        return NOW + time.monotonic() - started

    wired = ports(Case().feee, FakeTable(*slow, *good, *seen))
    with Hanging(lambda began: awaited <= {*began}) as executor:
        wired = replace(wired, now=now, monotonic=executor.monotonic, sleep=time.sleep)
        Drain(wired, FakeLease({}), executor, pace=4, deadline=started + 20).run(until=0)
    first = next(place for place, order_no in enumerate(executor.began) if order_no in awaited)
    assert executor.over.is_set()
    assert sum(int(order_no) < 1_000 for order_no in executor.began[:first]) >= most


def test_room_besides_is_bounded_and_whoever_finds_none_waits_without_work() -> None:
    """Before feee.io has answered five attempts are under way, of whomever."""
    slow = [waiting(n, requested_by=f"caller{n}") for n in range(10)]
    read = 0

    with Hanging(lambda began: len(began) == 5, later=0.5) as executor:

        def monotonic() -> float:
            nonlocal read
            read += 1
            return executor.monotonic()

        wired = replace(ports(Case().feee, FakeTable(*slow)), monotonic=monotonic, sleep=time.sleep)
        Drain(wired, FakeLease({}), executor, pace=100, deadline=time.monotonic() + 60).run(until=0)
    assert len(executor.began) == 5
    assert read < 200
