"""Answers that contradict each other or themselves over time: what follows claims no more than is known."""

import json
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any, Self

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from feee_cancel.adapters.feee_answer import interpret
from feee_cancel.domain.answer import Answer, AnswerKind
from feee_cancel.domain.cancellation import Cancellation, State, StateReason
from feee_cancel.domain.decision import Policy, decide, must_cancel_again
from feee_cancel.domain.documents import CancellationRequest
from feee_cancel.domain.order import Order
from feee_cancel.usecases.attempt import attempt, contained_attempt, only_looks
from feee_cancel.usecases.control import FRESH_SECONDS, ShownOrders
from feee_cancel.usecases.enqueue import enqueue
from feee_cancel.usecases.errors import RowBusyError
from feee_cancel.usecases.pace import Pace
from feee_cancel.usecases.request import request_cancellation
from feee_cancel.usecases.withdraw import withdraw
from tests.builders import NOW, ORDER_NO, answer, order, order_data, refused, row, shown
from tests.fakes import Clock, FakeFeee, FakeTable, ports
from tests.thorough import cases

PAID = shown()
BACK = shown(status=12, refund_amount=Decimal("3.92"))
NO_ANSWER = answer(AnswerKind.NO_USABLE_ANSWER)
LIMITED = answer(AnswerKind.RATE_EXCEEDED, code=11001)
WRONG_KEY = answer(AnswerKind.MISCONFIGURED, code=10001)


def after(
    there: Cancellation, cancel: Answer | None, query: Answer | None, *, now: float = NOW, others_shown: bool = False
) -> Cancellation:
    return decide(there, cancel, query, now=now, policy=Policy(), jitter=0, others_shown=others_shown)


# -- paid, and then unpaid


UNPAID: list[dict[str, Any]] = [{"pay_amount": 0}, {"pay_time": 0}, {"pay_amount": 0, "pay_time": 0}]


@pytest.mark.parametrize("unpaid", UNPAID)
@pytest.mark.parametrize("status", [2, 12, 14])
@pytest.mark.parametrize("between", [[], [shown(status=1, pay_time=0)], [refused()]])
def test_an_order_that_was_seen_paid_does_not_end_as_unpaid(
    unpaid: dict[str, Any], status: int, between: list[Answer]
) -> None:
    there = after(row(), refused(), PAID)
    for seen in between:
        there = after(replace(there, state=State.CANCELLING), refused(), seen)
    ends = shown(status=status, refund_amount=0, **unpaid)
    there = after(replace(there, state=State.CANCELLING), refused(), ends)
    assert (there.state, there.state_reason) == (State.REFUNDING, StateReason.REFUND_PENDING)
    assert after(there, None, BACK).state_reason is StateReason.REFUNDED


@pytest.mark.parametrize("unpaid", UNPAID)
@pytest.mark.parametrize("status", [2, 12, 14])
@pytest.mark.parametrize("state", [State.CANCELLING, State.REFUNDING])
def test_nor_does_one_that_was_seen_paid_in_the_same_attempt(unpaid: dict[str, Any], status: int, state: State) -> None:
    """The query before a second cancel shows the order, and so does that cancel."""
    ended = shown(status=status, refund_amount=0, **unpaid)
    for seen in ((ended, PAID), (PAID, ended)):
        there = after(row(state=state), *seen)
        assert (there.state, there.state_reason) == (State.REFUNDING, StateReason.REFUND_PENDING)
        assert after(there, None, ended).state is State.REFUNDING


@pytest.mark.parametrize("first", [shown(status=1, pay_time=0), shown(status=3, pay_amount=0), shown(status=1)])
def test_one_that_was_only_to_be_paid_does(first: Answer) -> None:
    there = replace(after(row(), refused(), first), state=State.CANCELLING)
    assert after(there, refused(), shown(status=2, pay_time=0)).state_reason is StateReason.NEVER_PAID
    assert after(there, refused(), shown(status=12, pay_time=0)).state_reason is StateReason.NOTHING_PAID


# -- times that can't be read


@pytest.mark.parametrize("name", ["create_time", "pay_time"])
@pytest.mark.parametrize("time", [1_724_318_708_000_000, 10**40, "2024-08-22 09:25:08", None, "", [1], True, "soon"])
def test_a_time_that_cannot_be_read_hides_neither_the_end_of_an_order_nor_its_refund(name: str, time: object) -> None:
    ended = order(**{name: time, "status": 12, "refund_amount": Decimal("3.92")})
    assert getattr(ended, name) is None
    seen = replace(BACK, order=ended)
    assert after(row(), refused(), seen).state is State.CANCELLED


@pytest.mark.parametrize("time", [1_724_318_708_000_000, "2024-08-22 09:25:08", None])
def test_an_order_without_a_readable_create_time_is_old_enough_minutes_after_it_was_seen(time: object) -> None:
    there = after(row(), refused(), shown(create_time=time))
    assert (there.state_reason, there.due_at) == (StateReason.TOO_EARLY, NOW + 305)
    later = after(replace(there, state=State.CANCELLING), refused(), shown(create_time=time), now=NOW + 305)
    assert later.state_reason is StateReason.CANCEL_REFUSED


def test_an_order_without_a_readable_pay_time_was_not_unpaid() -> None:
    assert after(row(), refused(), shown(status=12, pay_time="never")).state is State.REFUNDING


def test_a_clock_that_was_hours_ahead_when_an_order_was_first_seen_delays_nothing() -> None:
    there = row(seen_at=NOW + 9 * 3_600)
    assert after(there, refused(), shown(create_time=NOW * 1000)).due_at == NOW + 305


# -- an order number that is ours, and one that is too long


@pytest.mark.parametrize("written", [f" {ORDER_NO}", f"{ORDER_NO} ", int(ORDER_NO)])
def test_an_order_number_is_ours_whatever_blanks_are_around_it(written: object) -> None:
    body = json.dumps({"code": 0, "data": order_data(order_no=written)}, default=float).encode()
    said = interpret(200, body, ORDER_NO, "key", seconds=0)
    assert (said.kind, said.order and said.order.order_no) == (AnswerKind.ORDER, ORDER_NO)


@pytest.mark.parametrize("name", ["status", "create_time", "pay_time", "pay_amount", "refund_amount"])
def test_a_number_with_ever_so_many_blanks_fits_in_a_row(name: str) -> None:
    data = order_data(note="x" * 200_000)
    read = Order.parse(data | {name: f"{' ' * 450_000}{data[name]}"})
    assert len(read.text) < 1_000
    assert json.loads(read.text)["order_no"] == ORDER_NO


# -- doubt


def test_a_limit_that_says_code_0_may_have_let_the_cancel_through() -> None:
    said = interpret(429, b'{"code": 0, "msg": "ok"}', ORDER_NO, "key", seconds=0)
    assert said.kind is AnswerKind.RATE_EXCEEDED
    there = after(row(in_doubt_after=0), said, None)
    assert there.in_doubt
    table = FakeTable(there)
    assert withdraw(ORDER_NO, ports(FakeFeee(), table)) == there


def refusals(earlier: Answer, query: Answer | None = None, *, others_shown: bool = True) -> Cancellation:
    """An attempt that came to `earlier`, and then refusals, half a minute apart, until the row is final."""
    there, now = after(row(in_doubt_after=0), earlier, query), NOW
    for attempts in range(2, 40):
        now = max(now + 30, there.due_at)
        claimed = replace(there, state=State.CANCELLING, attempt=attempts, in_doubt_after=there.in_doubt_after or 0)
        there = after(claimed, refused(20004), refused(20004), now=now, others_shown=others_shown)
        if there.state.final:
            break
    return there


@pytest.mark.parametrize("query", [NO_ANSWER, refused(20004), LIMITED])
def test_refusals_do_not_end_an_order_that_an_earlier_cancel_may_have_cancelled(query: Answer) -> None:
    """Its code may as well mean that the order ended, or too often; the doubt is never forgotten."""
    there = refusals(NO_ANSWER, query)
    assert there.state_reason is StateReason.REFUSED
    assert there.in_doubt
    assert there.settled_at is not None
    assert there.settled_at >= NOW + 3_600


@pytest.mark.parametrize("earlier", [LIMITED, WRONG_KEY, answer(AnswerKind.NOT_SENT)])
def test_they_end_one_that_no_earlier_cancel_can_have_reached(earlier: Answer) -> None:
    claimed = replace(after(row(in_doubt_after=0), earlier, None), state=State.CANCELLING)
    for attempts in range(2, 5):
        after_earlier = claimed.in_doubt_after if claimed.in_doubt_after is not None else attempts - 1
        claimed = replace(claimed, attempt=attempts, in_doubt_after=after_earlier, state=State.CANCELLING)
        claimed = after(claimed, refused(), refused(), now=NOW + 60 * attempts, others_shown=True)
    assert (claimed.state_reason, claimed.in_doubt) == (StateReason.REFUSED, False)


# -- a cancel that never gets a hearing


class Scripted(FakeFeee):
    """Every cancel gets the same answer, and the order is what it is."""

    def __init__(self, cancel: Answer, query: Answer) -> None:
        super().__init__()
        self._said = {"cancel": cancel, "query": query}

    def _answer(self, call: str, deadline: float) -> Answer:
        self.calls.append(call)
        return self._said[call]


def played(feee: Scripted, *, seconds: int, there: Cancellation | None = None) -> Cancellation:
    """The row after attempts for so long, each when it is due."""
    clock = Clock()
    wired = ports(feee, FakeTable(there or row(state=State.WAITING, due_at=NOW, attempt=0)), clock=clock)
    while clock() < NOW + seconds:
        found = wired.cancellations.due(now=clock(), until=NOW * 2, limit=9)
        if not found:
            break
        (due,) = found
        clock.time = max(clock(), due.due_at)
        wired.control.saw(clock())
        contained_attempt(due, wired)
    left = wired.cancellations.find(ORDER_NO)
    assert left
    return left


UNHEARD = [
    LIMITED,
    replace(LIMITED, retry_after=300),
    WRONG_KEY,
    NO_ANSWER,
    replace(NO_ANSWER, retry_after=300),
    answer(AnswerKind.NOT_SENT),
    refused(),
    replace(refused(), retry_after=300),
]


@pytest.mark.parametrize("cancel", UNHEARD)
@pytest.mark.parametrize(("query", "ends"), [(BACK, "cancelled"), (shown(status=6), "rejected")])
def test_the_end_of_an_order_is_seen_although_its_cancel_never_gets_a_hearing(
    cancel: Answer, query: Answer, ends: str
) -> None:
    assert played(Scripted(cancel, query), seconds=3_600).state == ends


def test_an_order_that_is_open_is_still_cancelled_as_often() -> None:
    feee = Scripted(LIMITED, PAID)
    played(feee, seconds=3_600)
    assert feee.calls.count("cancel") > 3 * feee.calls.count("query") > 0


@pytest.mark.parametrize("seconds", [1, 60, 300])
def test_a_mistyped_number_ends_although_each_refusal_asks_for_a_rest(seconds: int) -> None:
    rests = replace(refused(), retry_after=seconds)
    feee = Scripted(rests, rests)
    assert played(feee, seconds=7_200).state_reason is StateReason.REFUSED
    assert len(feee.calls) <= 12


@pytest.mark.parametrize("seen", [PAID, shown(create_time=NOW - 9)])
@pytest.mark.parametrize("not_before", [None, NOW - 60])
def test_a_look_between_cancels_ends_no_doubt(seen: Answer, not_before: int | None) -> None:
    """A cancel that got no answer may still be on its way, and the next cancel is due in a moment."""
    troubled = row(
        state_reason=StateReason.OUTCOME_UNKNOWN, tries=3, attempt=4, in_doubt_after=0, not_before=not_before
    )
    feee = FakeFeee(query=[seen])
    looked = attempt(troubled, ports(feee, FakeTable(troubled)), deadline=NOW + 9)
    assert (feee.calls, looked.state, looked.in_doubt_after) == (["query"], State.WAITING, 0)
    limited = after(replace(looked, state=State.CANCELLING, attempt=5), LIMITED, None)
    assert limited.in_doubt


@pytest.mark.parametrize(("not_before", "calls"), [(NOW + 1, ["query"]), (NOW, ["cancel", "query"])])
def test_an_order_in_doubt_is_only_looked_at_until_its_time_has_come(not_before: int, calls: list[str]) -> None:
    claimed, feee = row(not_before=not_before), FakeFeee([refused()], [PAID])
    attempt(claimed, ports(feee, FakeTable(claimed)), deadline=NOW + 9)
    assert feee.calls == calls


def test_an_unreachable_server_that_asks_for_a_rest_is_not_asked_twice_in_one_attempt() -> None:
    feee = FakeFeee(cancel=[replace(NO_ANSWER, retry_after=60)])
    attempt(row(), ports(feee, FakeTable(row())), deadline=NOW + 9)
    assert feee.calls == ["cancel"]


# -- what several threads note


class Interrupted(float):
    """A number that is compared, or added to, while another thread does its work."""

    meanwhile: Callable[[], object]

    def __new__(cls, value: float, meanwhile: Callable[[], object]) -> Self:
        number = super().__new__(cls, value)
        number.meanwhile = meanwhile
        return number

    def _let_go_on(self) -> None:
        other = threading.Thread(target=self.meanwhile)
        other.start()
        other.join(0.2)

    def __gt__(self, other: float) -> bool:
        self._let_go_on()
        return float(self) > other

    def __add__(self, other: float) -> float:
        self._let_go_on()
        return float(self) + other


def test_of_two_rests_that_are_heard_at_once_the_longer_counts() -> None:
    readings: list[float] = [0.0]
    pace = Pace(0.25, monotonic=lambda: readings.pop() if readings else 0.0, sleep=lambda _: None)
    long, short = (replace(LIMITED, retry_after=seconds) for seconds in (90, 5))
    heard = threading.Event()

    def meanwhile() -> None:
        pace.heard(long)
        heard.set()

    readings.append(Interrupted(0.0, meanwhile))
    pace.heard(short)
    assert heard.wait(60)
    assert pace.rests_for() == 90


def test_an_order_that_was_shown_an_hour_ahead_of_time_is_no_control_now() -> None:
    control, table = ShownOrders(), FakeTable()
    control.saw(NOW + 3_600)
    assert not control.shown_since(NOW - 90, FakeFeee(), table, now=NOW, deadline=NOW)
    control.saw(NOW)
    assert control.shown_since(NOW - 90, FakeFeee(), table, now=NOW, deadline=NOW)


def test_a_clock_that_is_set_back_does_not_keep_the_control_from_asking() -> None:
    ended = row(order_no="1", state=State.CANCELLED, state_reason=StateReason.REFUNDED, due_at=NOW)
    control, feee = ShownOrders(), FakeFeee(query=[refused(), BACK])
    assert not control.shown_since(NOW, feee, FakeTable(ended), now=NOW + 3_600, deadline=NOW)
    assert control.shown_since(NOW - 90, feee, FakeTable(ended), now=NOW, deadline=NOW)
    assert FRESH_SECONDS < 3_600


# -- any answers in any order


def orders(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Answer]:
    return st.builds(shown, **fields)


FULL = Decimal("3.92")
SAID = st.one_of(
    orders(
        status=st.sampled_from([*range(1, 18), 4, 4, 4, 12, 12, 99, -1]),
        pay_amount=st.sampled_from([FULL, FULL, FULL, 0, None, -FULL]),
        pay_time=st.sampled_from([NOW - 700, NOW - 700, 0, None, "x", NOW * 1000]),
        refund_amount=st.sampled_from([0, 0, None, FULL, "1.96", -FULL, 99]),
        refund_time=st.sampled_from([0, NOW, None, -1, NOW * 1000, "x"]),
        create_time=st.sampled_from([NOW - 700, NOW - 700, NOW - 10, NOW * 10**6, 0, -5, None, "x", NOW + 10**6]),
    ),
    st.sampled_from([shown(status=status, pay_time=0, refund_amount=0) for status in (1, 2, 12, 14)]),
    st.sampled_from([refused(20003), refused(20004), refused(50_000), NO_ANSWER, answer(AnswerKind.NOT_SENT)]),
    st.sampled_from([LIMITED, WRONG_KEY, answer(AnswerKind.ACCEPTED, code=0)]),
    st.sampled_from([replace(answer(kind), http_status=503) for kind in (AnswerKind.RATE_EXCEEDED, NO_ANSWER.kind)]),
)
ANSWERS = st.builds(lambda said, rest: replace(said, retry_after=rest), SAID, st.sampled_from([0, 0, 0, 1, 20, 300]))
ACTS = st.sampled_from(["ask", "ask later", "send", "withdraw", "drain", "drain", "drain", "wait", "set back"])


class AnyFeee(FakeFeee):
    """Answers in turn, and over again; now and then the client itself fails."""

    def __init__(self, answers: list[Answer], crashes_at: set[int]) -> None:
        super().__init__()
        self.answers, self.crashes_at = answers, crashes_at
        self.seen: list[Order] = []

    def _answer(self, call: str, deadline: float) -> Answer:
        place = len(self.calls)
        self.calls.append(call)
        if place in self.crashes_at:
            raise RuntimeError(call)
        said = self.answers[place % len(self.answers)]
        self.seen += [said.order] if said.order else []
        return said


SHORT_DAYS = Policy(gives_up_after=3 * 3_600, refused_alone_for=2 * 3_600)
"""An eighth of the attempts of a whole day, and each of its ends all the same."""


class Days:
    """One order, and feee.io that says anything; what always holds is checked after each act."""

    def __init__(self, feee: AnyFeee) -> None:
        self.clock, self.table, self.feee = Clock(), FakeTable(), feee
        self.ports = replace(ports(feee, self.table, clock=self.clock), policy=SHORT_DAYS)

    @property
    def there(self) -> Cancellation | None:
        return self.table.rows.get(ORDER_NO)

    def act(self, act: str) -> None:
        now = int(self.clock())
        asked = CancellationRequest(order_no=ORDER_NO, not_before=now + 4_000 if act == "ask later" else None)
        match act:
            case "ask" | "ask later":
                with self.unless_looked_at():
                    request_cancellation(asked, self.ports, requested_by="me", deadline=now + 20)
            case "send":
                with self.unless_looked_at():
                    enqueue(asked, self.ports, requested_by=f"webhook:{len(self.feee.calls)}", sent_at=now)
            case "withdraw":
                withdraw(ORDER_NO, self.ports)
            case "drain":
                self.drain()
            case _:
                self.clock.time += {"wait": 900, "set back": -120}[act]
        self.check()

    @contextmanager
    def unless_looked_at(self) -> Iterator[None]:
        """A request may be refused while an attempt, here one that crashed, has a row that it would write over."""
        before = self.there
        try:
            yield
        except RowBusyError:
            assert before
            assert before == self.there
            assert only_looks(before, self.clock())

    def drain(self) -> None:
        if self.there and not self.there.state.final:
            self.clock.time = max(self.clock(), self.there.due_at)
        for due in self.table.due(now=self.clock(), until=self.clock(), limit=9):
            contained_attempt(due, self.ports)

    def check(self) -> None:
        there = self.there
        if there is None:
            return
        if not there.state.final:
            assert there.due_at <= max(self.clock() + 3_000, (there.not_before or 0) + 305)
        if there.state_reason is StateReason.REFUNDED:
            last = self.feee.seen[-1]
            assert last.status in {2, 12, 14} or last.covers_payment
            assert there.refund_amount == last.refund_amount
            assert there.refund_amount is not None
            assert there.refund_amount > 0
        if there.state_reason in {StateReason.NOTHING_PAID, StateReason.NEVER_PAID}:
            assert not any(one.paid for one in self.feee.seen)


@pytest.mark.thorough
@settings(max_examples=cases(300))
@example(answers=[refused(20003)], acts=["ask", "ask later", "drain", "ask"], crashes_at={2})
@given(
    answers=st.lists(ANSWERS, min_size=1, max_size=12),
    acts=st.lists(ACTS, min_size=1, max_size=25),
    crashes_at=st.sets(st.integers(0, 60), max_size=4),
)
def test_whatever_is_answered_it_ends_in_time_and_claims_what_was_seen(
    answers: list[Answer], acts: list[str], crashes_at: set[int]
) -> None:
    logging.disable(logging.CRITICAL)
    try:
        days = Days(AnyFeee(answers, crashes_at))
        for act in acts:
            days.act(act)
        gives_up_at = max(days.there.gives_up_at, int(days.clock())) if days.there else 0
        while days.there and not days.there.state.final:
            days.drain()
            days.check()
            assert days.clock() <= gives_up_at + 3_600
    finally:
        logging.disable(logging.NOTSET)


@pytest.mark.parametrize("status", [1, 4, 7, 15, 16, 99])
def test_an_order_whose_whole_refund_shows_is_not_cancelled_again(status: int) -> None:
    there = row(state=State.REFUNDING, since=int(NOW) - 3_600)
    assert must_cancel_again(there, shown(status=status, refund_amount=0), now=NOW, policy=Policy())
    part = shown(status=status, refund_amount=1, pay_amount=4, refund_time=int(NOW) - 60)
    assert must_cancel_again(there, part, now=NOW, policy=Policy())
    back = shown(status=status, refund_amount=4, pay_amount=4, refund_time=int(NOW) - 60)
    assert not must_cancel_again(there, back, now=NOW, policy=Policy())
