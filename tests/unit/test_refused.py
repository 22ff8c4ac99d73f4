"""An order is refused for good only if feee.io shows others meanwhile, or after hours: a maintenance ends nothing."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from feee_cancel.domain.answer import Answer, AnswerKind
from feee_cancel.domain.cancellation import Cancellation, State, StateReason
from feee_cancel.domain.decision import Policy, decide, hinges_on_others
from feee_cancel.usecases.attempt import attempt
from feee_cancel.usecases.control import ShownOrders
from feee_cancel.usecases.drain import Drain
from tests.builders import NOW, answer, refused, row, shown
from tests.fakes import Clock, FakeFeee, FakeLease, FakeTable, InlineExecutor, ports

HOUR = 3_600
GARBAGE = "9"
"""Numbers that begin with this aren't orders of the key."""


def count(since: int, tries: int = 2, **fields: object) -> Cancellation:
    """A row that was refused so many times in a row, the first time so many seconds ago."""
    values = {"state_reason": StateReason.ORDER_REFUSED, "refusals": "20003/20003", "tries": tries}
    return row(**(values | {"since": NOW - since, "in_doubt_after": 0} | fields))


def after(there: Cancellation, *, others_shown: bool) -> Cancellation:
    return decide(there, refused(), refused(), now=NOW, policy=Policy(), jitter=0, others_shown=others_shown)


@pytest.mark.parametrize(
    ("there", "hinges", "with_others", "alone"),
    [
        (count(60), True, "rejected", "waiting"),
        (count(59), False, "waiting", "waiting"),
        (count(60, tries=1), False, "waiting", "waiting"),
        (count(60, refusals="20003/1"), False, "waiting", "waiting"),
        (count(HOUR, tries=9), True, "rejected", "waiting"),
        (count(6 * HOUR - 1, tries=20), True, "rejected", "waiting"),
        (count(6 * HOUR, tries=20), False, "rejected", "rejected"),
        # an earlier cancel may have taken effect
        (count(HOUR - 1, tries=9, attempt=11), False, "waiting", "waiting"),
        (count(HOUR, tries=9, attempt=11), True, "rejected", "waiting"),
        # an order that was seen exists, whatever feee.io says later
        (count(6 * HOUR, tries=20, seen_at=NOW - 9 * HOUR), False, "waiting", "waiting"),
        (count(600, seen_at=NOW - HOUR), False, "waiting", "waiting"),
        (count(600, status=4), False, "waiting", "waiting"),
    ],
)
def test_when_an_order_is_refused_for_good(there: Cancellation, hinges: bool, with_others: str, alone: str) -> None:
    hinged = hinges_on_others(there, refused(), refused(), now=NOW, policy=Policy())
    assert hinged == (there.since if hinges else None)
    decided = after(there, others_shown=True)
    assert (decided.state, decided.state_reason == "refused") == (with_others, with_others == "rejected")
    assert after(there, others_shown=False).state == alone


@pytest.mark.parametrize("in_doubt_after", [None, 0], ids=["sure", "in doubt"])
def test_the_time_after_which_nothing_else_matters_is_the_latest(in_doubt_after: int | None) -> None:
    there = count(30, attempt=4, in_doubt_after=in_doubt_after)
    policy = Policy(refused_alone_for=30)
    decided = [
        decide(there, refused(), refused(), now=NOW, policy=policy, jitter=0, others_shown=others)
        for others in (True, False)
    ]
    assert [one.state for one in decided] == [State.REJECTED] * 2
    assert hinges_on_others(there, refused(), refused(), now=NOW, policy=policy) is None


def test_an_order_that_this_key_cannot_have_cancelled_is_not_in_doubt() -> None:
    assert not after(count(60), others_shown=True).in_doubt
    assert after(count(6 * HOUR), others_shown=False).in_doubt


@pytest.mark.parametrize(
    ("cancel", "query"),
    [
        (refused(), shown()),
        (shown(), None),
        (refused(), answer(AnswerKind.NO_USABLE_ANSWER)),
        (answer(AnswerKind.NO_USABLE_ANSWER), refused()),
        (answer(AnswerKind.MISCONFIGURED, code=10001), None),
        (answer(AnswerKind.RATE_EXCEEDED, code=11001), None),
        (None, refused()),
    ],
)
def test_no_other_answers_hinge_on_other_orders(cancel: Answer | None, query: Answer | None) -> None:
    assert hinges_on_others(count(HOUR), cancel, query, now=NOW, policy=Policy()) is None


def test_an_order_that_is_not_shown_is_asked_for_ever_more_rarely() -> None:
    waits, current, now = list[int](), row(), NOW
    for _ in range(10):
        current = decide(current, refused(), refused(), now=now, policy=Policy(), jitter=0)
        waits.append(current.due_at - now)
        now = current.due_at
    assert waits == [15, 30, 60, 120, 240, 480, 960, 1800, 1800, 1800]


# -- the control


def settled(order_no: str, ago: int, reason: str = "refunded", state: State = State.CANCELLED) -> Cancellation:
    return row(order_no=order_no, state=state, state_reason=StateReason(reason), due_at=NOW - ago)


class Asked(FakeFeee):
    """Notes which orders were asked for."""

    def __init__(self, *query: Answer) -> None:
        super().__init__(query=list(query))
        self.order_nos: list[str] = []

    def query(self, order_no: str, *, deadline: float) -> Answer:
        self.order_nos.append(order_no)
        return super().query(order_no, deadline=deadline)


def since(control: ShownOrders, feee: FakeFeee, table: FakeTable, ago: float, *, now: float = NOW) -> bool:
    return control.shown_since(now - ago, feee, table, now=now, deadline=now + 9)


def test_an_order_that_an_attempt_saw_since_then_and_lately_speaks_for_feee_io() -> None:
    for seen_ago, refused_ago, expected in ((30, 90, True), (30, 31, True), (30, 30, False), (61, 90, False)):
        control, feee = ShownOrders(), Asked()
        control.saw(NOW - 999)
        control.saw(NOW - seen_ago)
        control.saw(NOW - 888)
        assert since(control, feee, FakeTable(), refused_ago) is expected
        assert feee.order_nos == []


@pytest.mark.parametrize(
    ("rows", "asked"),
    [
        ([], []),
        ([settled("1", 50), settled("2", 40)], ["2"]),
        ([settled("1", 50), settled("2", 40, "filled", State.REJECTED)], ["2"]),
        ([settled("1", 50), settled("2", 40, "refused", State.REJECTED)], ["1"]),
        ([settled("2", 40, "refused", State.REJECTED)], []),
        ([settled("2", 40, "gave_up", State.FAILED), settled("3", 4, "taken_back", State.WITHDRAWN)], []),
        ([settled("2", 40, "never_paid", State.REJECTED)], ["2"]),
    ],
)
def test_where_no_attempt_saw_one_the_last_order_that_ended_is_asked_for(
    rows: list[Cancellation], asked: list[str]
) -> None:
    feee = Asked(shown())
    assert since(ShownOrders(), feee, FakeTable(*rows), 90) is bool(asked)
    assert feee.order_nos == asked


@pytest.mark.parametrize("said", [refused(50_000), answer(AnswerKind.NO_USABLE_ANSWER), answer(AnswerKind.ACCEPTED)])
def test_it_is_asked_for_once_a_minute_whatever_feee_io_says(said: Answer) -> None:
    control, feee, table = ShownOrders(), Asked(said, shown()), FakeTable(settled("1", 50))
    assert [since(control, feee, table, 90, now=NOW + later) for later in (0, 1, 30, 59.9)] == [False] * 4
    assert feee.order_nos == ["1"]
    assert since(control, feee, table, 90, now=NOW + 60)
    assert since(control, feee, table, 90, now=NOW + 100)
    assert len(feee.order_nos) == 2


def test_where_the_table_cannot_be_read_nothing_speaks_for_feee_io() -> None:
    table = FakeTable(settled("1", 50))
    table.trouble = {"page"}
    assert not since(ShownOrders(), Asked(), table, 90)


def test_an_attempt_that_sees_its_order_is_a_control_for_others() -> None:
    table = FakeTable(row(), count(99, order_no="2"))
    wired = ports(FakeFeee([shown(), refused()], [refused()]), table)
    attempt(table.rows[row().order_no], wired, deadline=NOW + 9)
    wired = replace(wired, now=Clock(NOW + 1))
    assert attempt(table.rows["2"], wired, deadline=NOW + 9).state is State.REJECTED


# -- the whole of it, on the drain and a clock


class World:
    """feee.io as a function of the time and the order, and a drain that ticks every minute."""

    def __init__(self, answer: Callable[[float, str], Answer], *rows: Cancellation) -> None:
        self.clock = Clock()
        self.answer = answer
        self.table = FakeTable(*rows)
        self.calls: list[str] = []
        self.control = ShownOrders()
        self.held: dict[str, int] = {}

    def cancel(self, order_no: str, *, deadline: float) -> Answer:
        self.calls.append(order_no)
        return self.answer(self.clock() - NOW, order_no)

    query = cancel

    def tick_until(self, seconds: float) -> None:
        while self.clock() < NOW + seconds:
            started = self.clock()
            wired = replace(ports(self, self.table, clock=self.clock), control=self.control)
            lease = FakeLease(self.held, len(self.calls) + 1)
            Drain(wired, lease, InlineExecutor(), pace=4, deadline=started + 150).run(until=0)
            self.clock.time = max(started + 60, self.clock())

    @property
    def states(self) -> list[State]:
        return [row.state for order_no, row in self.table.rows.items() if order_no not in OLD]


OLD = {"77": settled("77", 86_400)}
"""An order that was cancelled yesterday."""


def queued(order_no: str) -> Cancellation:
    return row(order_no=order_no, state=State.WAITING, state_reason=StateReason.QUEUED, due_at=NOW, attempt=0)


def cancelled(order_no: str) -> Answer:
    return shown(order_no=order_no, status=12, refund_amount=Decimal("3.92"))


def sensible(order_no: str) -> Answer:
    return refused(20004) if order_no.startswith(GARBAGE) else cancelled(order_no)


@pytest.mark.parametrize("lasts", [120, 600, HOUR, 3 * HOUR])
@pytest.mark.parametrize("there", [{}, OLD], ids=["a new stack", "a stack that has cancelled before"])
def test_a_maintenance_that_answers_everything_with_one_code_ends_nothing(
    lasts: int, there: dict[str, Cancellation]
) -> None:
    def feee(seconds: float, order_no: str) -> Answer:
        return refused(50_000) if seconds < lasts else cancelled(order_no)

    world = World(feee, *(queued(str(n)) for n in range(20)), *there.values())
    world.tick_until(lasts)
    assert world.states == [State.WAITING] * 20
    world.tick_until(lasts + 2_000)
    assert world.states == [State.CANCELLED] * 20


def test_a_maintenance_that_comes_and_goes_ends_nothing_that_was_ever_seen() -> None:
    """Every other minute; the orders were seen while they were too young."""

    def feee(seconds: float, order_no: str) -> Answer:
        if int(seconds / 60) % 2:
            return refused(50_000)
        return cancelled(order_no) if seconds > 900 else shown(order_no=order_no, create_time=NOW + 500)

    world = World(feee, *(queued(str(n)) for n in range(20)))
    world.tick_until(2 * HOUR)
    assert world.states == [State.CANCELLED] * 20


def test_a_mistyped_number_ends_within_minutes_and_few_calls_where_others_are_shown() -> None:
    world = World(lambda _, order_no: sensible(order_no), queued("91"), *OLD.values())
    world.tick_until(300)
    assert world.table.rows["91"].state_reason is StateReason.REFUSED
    assert world.calls.count("91") == 8
    assert world.calls.count("77") == 1


def test_a_mistyped_number_ends_within_hours_and_few_calls_where_no_others_are_known() -> None:
    world = World(lambda _, order_no: sensible(order_no), queued("91"))
    world.tick_until(5.9 * HOUR)
    assert world.states == [State.WAITING]
    world.tick_until(7 * HOUR)
    assert world.table.rows["91"].state_reason is StateReason.REFUSED
    assert len(world.calls) <= 40


def test_many_mistyped_numbers_cost_one_call_a_minute_to_tell_them_from_a_maintenance() -> None:
    world = World(lambda _, order_no: sensible(order_no), *(queued(f"9{n}") for n in range(40)), *OLD.values())
    world.tick_until(600)
    assert world.states == [State.REJECTED] * 40
    assert world.calls.count("77") <= 10
    assert len(world.calls) <= 40 * 10 + 10


def test_mistyped_numbers_in_a_maintenance_wait_for_its_end_and_then_end() -> None:
    def feee(seconds: float, order_no: str) -> Answer:
        return refused(50_000) if seconds < HOUR else sensible(order_no)

    world = World(feee, *(queued(n) for n in ("91", "1", "92", "2")))
    world.tick_until(HOUR - 120)
    assert world.states == [State.WAITING] * 4
    world.tick_until(3 * HOUR)
    assert world.states == [State.REJECTED, State.CANCELLED] * 2
