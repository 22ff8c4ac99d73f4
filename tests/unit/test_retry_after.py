"""A `Retry-After` of feee.io: believed within bounds, and honoured by the row, the attempt and the drain."""

import time
from dataclasses import replace

import pytest

from feee_cancel.adapters.feee_answer import believed_rest
from feee_cancel.domain.answer import Answer, AnswerKind
from feee_cancel.domain.cancellation import State
from feee_cancel.domain.decision import Policy, decide
from feee_cancel.domain.documents import CancellationRequest
from feee_cancel.usecases.drain import Drain
from feee_cancel.usecases.request import request_cancellation
from tests.builders import NOW, ORDER_NO, answer, refused, row, shown
from tests.fakes import Clock, FakeFeee, FakeLease, FakeTable, InlineExecutor, ports

LIMITED = replace(answer(AnswerKind.RATE_EXCEEDED), retry_after=60)
DOWN = replace(answer(AnswerKind.NO_USABLE_ANSWER), retry_after=60)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("", 0),
        ("0", 0),
        ("7", 7),
        ("300", 300),
        ("86400", 300),
        ("999999999", 300),
        ("9" * 4_000, 0),
        ("-5", 0),
        ("1.5", 0),
        ("soon", 0),
        ("Thu, 22 Aug 2024 09:38:31 GMT", 60),
        ("Thu, 22 Aug 2024 09:38:31 +0000", 60),
        ("Thu, 22 Aug 2024 09:00:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 300),
        ("Thu, 22 Aug 0001 09:38:31 +2359", 0),
        ("Thu, 99 Aug 2024 09:38:31 GMT", 0),
        ("Thursday, 22-Aug-24 09:38:31 GMT", 60),
        ("Thu, 22 Aug 2024 17:38:31 +0800", 60),
        ("Thu, 22 Aug 2024 09:38:31 -0000", 60),
        ("Thu Aug 22 09:38:31 2024", 60),
        ("\u0663", 0),
    ],
)
def test_it_is_seconds_or_a_date_and_believed_for_five_minutes(header: str, seconds: float) -> None:
    assert believed_rest(header, now=NOW) == pytest.approx(seconds, abs=0.01)


def test_a_date_without_a_zone_is_in_utc_wherever_this_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        with monkeypatch.context() as elsewhere:
            elsewhere.setenv("TZ", "America/New_York")
            time.tzset()
            assert believed_rest("Thu Aug 22 09:38:31 2024", now=NOW) == pytest.approx(60, abs=0.01)
    finally:
        time.tzset()


@pytest.mark.parametrize(
    ("cancel", "query", "waits"),
    [
        (LIMITED, None, 60),
        (DOWN, None, 60),
        (replace(LIMITED, retry_after=1), None, 3),
        (refused(), replace(refused(), retry_after=200), 200),
        (replace(shown(), retry_after=90), None, 90),
        (refused(), replace(shown(create_time=NOW - 10), retry_after=20), 295),
        (refused(), replace(shown(create_time=NOW - 300), retry_after=20), 20),
    ],
)
def test_the_next_attempt_is_no_sooner(cancel: Answer, query: Answer | None, waits: int) -> None:
    decided = decide(row(), cancel, query, now=NOW, policy=Policy(), jitter=0)
    assert decided.due_at - NOW >= waits
    assert not decided.state.final


def test_a_row_still_gives_up_when_its_time_is_up() -> None:
    decided = decide(row(gives_up_at=NOW + 9), LIMITED, None, now=NOW, policy=Policy(), jitter=0)
    assert decided.due_at == NOW + 9


def test_after_an_answer_that_asks_for_a_rest_the_order_is_not_queried_at_once() -> None:
    feee = FakeFeee(cancel=[DOWN])
    asked = CancellationRequest(order_no=ORDER_NO)
    taken = request_cancellation(asked, ports(feee, FakeTable()), requested_by="me", deadline=NOW + 99)
    assert (taken.state, taken.due_at, taken.in_doubt, feee.calls) == (State.WAITING, NOW + 60, True, ["cancel"])


class Resting(FakeFeee):
    """Asks for a rest once, and serves then. Notes when it is called."""

    def __init__(self, clock: Clock, rest: Answer) -> None:
        super().__init__()
        self.clock, self.rests, self.at = clock, [rest], list[float]()

    def cancel(self, order_no: str, *, deadline: float) -> Answer:
        self.at.append(self.clock() - NOW)
        return self.rests.pop() if self.rests else shown(order_no=order_no, status=6)


def drained(rest: Answer) -> tuple[Resting, dict[str, int]]:
    """A drain of five due rows."""
    clock, held = Clock(), dict[str, int]()
    feee = Resting(clock, rest)
    table = FakeTable(*[row(order_no=str(n), state=State.WAITING, due_at=NOW) for n in range(5)])
    wired = ports(feee, table, clock=clock)
    Drain(wired, FakeLease(held), InlineExecutor(), pace=4, deadline=NOW + 100).run(until=0)
    return feee, held


@pytest.mark.parametrize("rest", [LIMITED, DOWN])
def test_a_short_rest_is_waited_for_by_all(rest: Answer) -> None:
    feee, held = drained(replace(rest, retry_after=8))
    assert feee.at[0] < 1
    assert all(at >= 8 for at in feee.at[1:])
    assert (len(feee.at), held["lease_until"]) == (6, 0)


@pytest.mark.parametrize(("seconds", "rests"), [(11, 30), (60, 60), (300, 100)])
def test_a_long_rest_ends_the_drain_and_nobody_drains_meanwhile(seconds: int, rests: int) -> None:
    feee, held = drained(replace(LIMITED, retry_after=seconds))
    assert len(feee.at) == 1
    assert held["lease_until"] - NOW == pytest.approx(rests, abs=2)


def test_a_rest_that_an_answer_about_its_order_asks_for_is_that_orders() -> None:
    feee, _ = drained(replace(shown(order_no="0"), retry_after=60))
    assert [at < 3 for at in feee.at] == [True] * 5
