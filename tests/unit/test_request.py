"""A request is written first, tried at once if it is due, and never lost."""

from dataclasses import replace
from decimal import Decimal
from typing import Any, NoReturn

import pytest

from feee_cancel.domain.answer import Answer, AnswerKind
from feee_cancel.domain.cancellation import Cancellation, State, StateReason
from feee_cancel.domain.documents import CancellationRequest
from feee_cancel.usecases.errors import TableUnavailableError
from feee_cancel.usecases.request import request_cancellation
from tests.builders import NOW, ORDER_NO, answer, refused, row, shown, waiting
from tests.fakes import Clock, FakeFeee, FakeTable, ports

CANCELLED = shown(status=12, refund_amount=Decimal("3.92"))


def ask(
    feee: FakeFeee,
    table: FakeTable,
    *,
    not_before: int | None = None,
    now: float = NOW,
    deadline: float = NOW + 100,
    woken: list[int] | None = None,
) -> Cancellation:
    asked = CancellationRequest(order_no=ORDER_NO, not_before=not_before, reason="unfilled")
    return request_cancellation(
        asked, ports(feee, table, clock=Clock(now), woken=woken), requested_by="me", deadline=deadline
    )


def test_a_happy_cancel_is_one_call_and_two_writes() -> None:
    feee, table = FakeFeee(cancel=[CANCELLED]), FakeTable()
    settled = ask(feee, table)
    assert (settled.state, settled.refund_amount, settled.attempt) == ("cancelled", Decimal("3.92"), 1)
    assert (settled.requested_by, settled.reason, settled.requested_at) == ("me", "unfilled", NOW)
    assert (feee.calls, table.writes) == (["cancel"], 2)
    assert table.rows[ORDER_NO] == settled


def test_after_any_other_answer_the_order_is_queried() -> None:
    feee = FakeFeee(cancel=[refused()], query=[shown(status=6)])
    assert ask(feee, FakeTable()).state is State.REJECTED
    assert feee.calls == ["cancel", "query"]


@pytest.mark.parametrize("kind", [AnswerKind.MISCONFIGURED, AnswerKind.RATE_EXCEEDED])
def test_where_a_query_would_be_refused_alike_it_is_not_made(kind: AnswerKind) -> None:
    feee = FakeFeee(cancel=[answer(kind)])
    assert ask(feee, FakeTable()).state is State.WAITING
    assert feee.calls == ["cancel"]


def test_where_nothing_was_sent_it_is_tried_once_more_at_once() -> None:
    not_sent = answer(AnswerKind.NOT_SENT)
    feee = FakeFeee(cancel=[not_sent, CANCELLED])
    assert ask(feee, FakeTable()).state is State.CANCELLED
    down = FakeFeee(cancel=[not_sent, not_sent])
    assert ask(down, FakeTable()).state_reason is StateReason.UNREACHABLE
    assert down.calls == ["cancel", "cancel"]


def test_a_request_for_later_is_written_and_nothing_is_called() -> None:
    feee, table = FakeFeee(), FakeTable()
    waiting = ask(feee, table, not_before=NOW + 1000)
    assert (waiting.state, waiting.state_reason, waiting.due_at) == ("waiting", "not_before", NOW + 1000)
    assert (waiting.attempt, waiting.gives_up_at) == (0, NOW + 1000 + 86_400)
    assert (feee.calls, table.writes) == ([], 1)


def test_a_time_that_is_past_is_now() -> None:
    assert ask(FakeFeee(cancel=[CANCELLED]), FakeTable(), not_before=NOW - 5).state is State.CANCELLED


@pytest.mark.parametrize(
    "there",
    [
        row(state=State.CANCELLED, due_at=NOW - 60),
        row(state=State.read("paused"), due_at=NOW - 60),
        row(),
        row(state=State.REFUNDING, due_at=NOW + 5),
        waiting(5, reason="unfilled"),
    ],
)
def test_asking_again_while_it_is_under_way_or_cancelled_calls_nobody(there: Cancellation) -> None:
    class Unclaimed(FakeTable):
        def claim(self, *_: object, **__: object) -> NoReturn:
            pytest.fail("a claim is a write")

    feee, table = FakeFeee(), Unclaimed(there)
    assert ask(feee, table) == there
    assert (feee.calls, table.writes) == ([], 0)


@pytest.mark.parametrize("state", [State.REJECTED, State.WITHDRAWN, State.FAILED])
def test_a_new_request_starts_what_ended_otherwise_afresh(state: State) -> None:
    there = row(state=state, due_at=NOW - 60, attempt=4, tries=9, code=1, settled_at=NOW - 60, expires_at=NOW)
    settled = ask(FakeFeee(cancel=[CANCELLED]), FakeTable(there))
    assert (settled.state, settled.attempt, settled.tries) == (State.CANCELLED, 5, 1)


def test_asking_when_a_waiting_order_is_due_makes_the_attempt() -> None:
    there = row(state=State.WAITING, state_reason=StateReason.TOO_EARLY, due_at=NOW)
    feee = FakeFeee(cancel=[CANCELLED])
    settled = ask(feee, FakeTable(there))
    assert (settled.state, settled.attempt) == (State.CANCELLED, 2)


def test_an_attempt_that_died_is_taken_over_when_its_lease_ended() -> None:
    feee = FakeFeee(cancel=[refused()], query=[CANCELLED])
    assert ask(feee, FakeTable(row(due_at=NOW))).state is State.CANCELLED
    assert ask(FakeFeee(), FakeTable(row(due_at=NOW + 1))).state is State.CANCELLING


def test_a_refund_that_is_due_is_queried_and_never_cancelled_again() -> None:
    feee = FakeFeee(query=[CANCELLED])
    assert ask(feee, FakeTable(row(state=State.REFUNDING, due_at=NOW))).state is State.CANCELLED
    assert feee.calls == ["query"]


def test_an_attempt_that_was_overtaken_changes_nothing() -> None:
    table = FakeTable()
    later = row(attempt=2, state=State.CANCELLED)

    class Overtaken(FakeFeee):
        def cancel(self, order_no: str, *, deadline: float) -> Answer:
            table.rows[order_no] = later
            return answer(AnswerKind.MISCONFIGURED)

    assert ask(Overtaken(), table) == later
    assert table.rows[ORDER_NO] == later


def test_a_repeated_request_for_what_was_just_rejected_is_answered_from_the_table() -> None:
    rejected = row(state=State.REJECTED, state_reason=StateReason.FILLED, due_at=NOW - 59, settled_at=NOW - 59)
    feee, table, woken = FakeFeee(), FakeTable(rejected), list[int]()
    assert ask(feee, table, woken=woken) == rejected
    assert (feee.calls, table.writes, woken) == ([], 0, [])


def test_a_request_that_cannot_be_written_is_not_accepted_and_calls_nobody() -> None:
    feee, table = FakeFeee(), FakeTable()
    table.trouble = {"start"}
    with pytest.raises(TableUnavailableError):
        ask(feee, table)
    assert feee.calls == []


def test_an_outcome_that_cannot_be_written_leaves_a_lease_and_the_request_stays_accepted() -> None:
    table = FakeTable()
    table.trouble = {"settle"}
    claimed = ask(FakeFeee(cancel=[CANCELLED]), table)
    assert (claimed.state, claimed.due_at) == (State.CANCELLING, NOW + 30)
    table.trouble = set()
    later = ask(FakeFeee(cancel=[refused()], query=[CANCELLED]), table, now=NOW + 30, deadline=NOW + 130)
    assert (later.state, later.attempt) == (State.CANCELLED, 2)


def test_an_attempt_ends_by_its_own_limit_or_the_callers_whichever_is_sooner() -> None:
    for deadline, expected in ((NOW + 100, NOW + 16), (NOW + 3, NOW + 3)):
        feee = FakeFeee(cancel=[CANCELLED])
        ask(feee, FakeTable(), deadline=deadline)
        assert feee.deadlines == [expected]


def test_a_claim_lost_to_another_returns_the_row_as_it_is() -> None:
    class Raced(FakeTable):
        def start(self, row: Cancellation, **named: Any) -> tuple[Cancellation, bool]:
            found, started = super().start(row, **named)
            self.rows[row.order_no] = replace(found, due_at=NOW + 30, attempt=found.attempt + 1)
            return found, started

    feee = FakeFeee()
    assert ask(feee, Raced(row(due_at=NOW))).attempt == 2
    assert feee.calls == []


WAITING = waiting(200, reason="unfilled")


@pytest.mark.parametrize(
    ("there", "not_before", "due_at", "reason"),
    [
        (WAITING, NOW + 500, NOW + 500, "not_before"),
        (WAITING, NOW + 100, NOW + 200, "too_early"),
        (WAITING, NOW + 200, NOW + 200, "too_early"),
        (replace(WAITING, due_at=NOW + 500, not_before=NOW + 500), None, NOW + 200, "too_early"),
        (replace(WAITING, due_at=NOW + 500, not_before=NOW + 500), NOW + 300, NOW + 300, "not_before"),
        (
            replace(WAITING, eligible_at=None, due_at=NOW + 500, not_before=NOW + 500),
            NOW + 300,
            NOW + 300,
            "not_before",
        ),
        (replace(WAITING, eligible_at=NOW - 9, state_reason=StateReason.UNREACHABLE), NOW + 9, NOW + 9, "not_before"),
    ],
)
def test_asking_again_moves_what_waits_but_never_before_feee_io_allows(
    there: Cancellation, not_before: int | None, due_at: int, reason: str
) -> None:
    feee, table = FakeFeee(), FakeTable(there)
    moved = ask(feee, table, not_before=not_before)
    assert (moved.state, moved.due_at, moved.state_reason) == ("waiting", due_at, reason)
    assert (moved.not_before, moved.gives_up_at) == (not_before, due_at + 86_400)
    assert table.rows[ORDER_NO] == moved
    assert feee.calls == []


@pytest.mark.parametrize(
    "there",
    [
        row(state=State.WAITING, state_reason=StateReason.NOT_BEFORE, due_at=NOW + 500, not_before=NOW + 500),
        row(state=State.WAITING, state_reason=StateReason.UNREACHABLE, due_at=NOW + 60, eligible_at=NOW - 5),
    ],
)
def test_asking_again_without_a_time_brings_forward_what_feee_io_may_allow_now(there: Cancellation) -> None:
    settled = ask(FakeFeee(cancel=[CANCELLED]), FakeTable(there))
    assert (settled.state, settled.attempt) == (State.CANCELLED, 2)


def test_asking_the_same_again_attempts_what_waits_after_an_attempt() -> None:
    there = replace(WAITING, state_reason=StateReason.UNREACHABLE, due_at=NOW + 60, eligible_at=NOW - 5)
    settled = ask(FakeFeee(cancel=[CANCELLED]), table := FakeTable(there))
    assert (settled.state, settled.requests, table.writes) == (State.CANCELLED, (), 2)


def test_asking_the_same_again_changes_nothing() -> None:
    there = replace(WAITING, due_at=NOW + 500, not_before=NOW + 500)
    table, woken = FakeTable(there), list[int]()
    assert ask(FakeFeee(), table, not_before=NOW + 500, woken=woken) == there
    assert (table.writes, woken) == (0, [])


def test_an_attempt_that_crashes_leaves_an_accepted_request_and_a_lease_that_ends() -> None:
    class Crashing(FakeFeee):
        def cancel(self, order_no: str, *, deadline: float) -> Answer:
            raise RuntimeError

    table, woken = FakeTable(), list[int]()
    row = ask(Crashing(), table, woken=woken)
    assert (row.state, row.due_at, row) == (State.CANCELLING, NOW + 30, table.rows[ORDER_NO])
    assert woken == [NOW + 30]


def test_a_row_that_moved_on_meanwhile_is_left_as_it_is() -> None:
    class Raced(FakeTable):
        def start(self, row: Cancellation, **named: Any) -> tuple[Cancellation, bool]:
            found, started = super().start(row, **named)
            self.rows[row.order_no] = replace(found, due_at=NOW + 30, attempt=2, state=State.CANCELLING)
            return found, started

    assert ask(FakeFeee(), Raced(WAITING), not_before=NOW + 900).state is State.CANCELLING


@pytest.mark.parametrize(
    ("feee", "not_before", "woken_until"),
    [
        (FakeFeee(cancel=[refused()], query=[shown(create_time=NOW - 290)]), None, [NOW + 15]),
        (FakeFeee(cancel=[shown(status=11)]), None, [NOW + 5]),
        (FakeFeee(), NOW + 120, [NOW + 120]),
        (FakeFeee(), NOW + 121, []),
        (FakeFeee(cancel=[refused()], query=[shown(create_time=NOW - 100)]), None, []),
        (FakeFeee(cancel=[CANCELLED]), None, []),
    ],
)
def test_the_drain_is_woken_for_what_becomes_due_before_the_next_tick(
    feee: FakeFeee, not_before: int | None, woken_until: list[int]
) -> None:
    woken: list[int] = []
    ask(feee, FakeTable(), not_before=not_before, woken=woken)
    assert woken == woken_until


@pytest.mark.parametrize(
    ("since", "status", "calls"),
    [(60, 4, ["query", "cancel"]), (59, 4, ["query"]), (600, 11, ["query"]), (600, 12, ["query"])],
)
def test_a_cancel_that_was_accepted_and_had_no_effect_is_made_again(since: int, status: int, calls: list[str]) -> None:
    feee = FakeFeee(query=[shown(status=status)], cancel=[CANCELLED])
    there = row(state=State.REFUNDING, state_reason=StateReason.REFUND_PENDING, due_at=NOW, since=NOW - since, tries=4)
    settled = ask(feee, FakeTable(there))
    assert feee.calls == calls
    assert settled.state is (State.CANCELLED if "cancel" in calls else State.REFUNDING)


def test_a_cancel_made_again_that_is_refused_leaves_the_row_refunding() -> None:
    feee = FakeFeee(query=[shown()], cancel=[refused()])
    there = row(state=State.REFUNDING, state_reason=StateReason.REFUND_PENDING, due_at=NOW, since=NOW - 99, tries=4)
    assert ask(feee, FakeTable(there)).state is State.REFUNDING


class TakenMeanwhile(FakeTable):
    """Whoever reschedules a row finds that somebody else wanted it now, and that a drain has just claimed it."""

    def reschedule(self, row: Cancellation, **was: Any) -> tuple[Cancellation, bool]:
        claimed = replace(self.rows[row.order_no], state=State.CANCELLING, due_at=NOW + 30, not_before=None)
        self.rows[row.order_no] = claimed
        return claimed, False


def test_a_row_that_a_drain_took_while_it_was_asked_for_sooner_is_left_to_the_drain() -> None:
    later = row(state=State.WAITING, state_reason=StateReason.NOT_BEFORE, due_at=NOW + 60, not_before=NOW + 60)
    feee = FakeFeee()
    assert ask(feee, TakenMeanwhile(later)).state is State.CANCELLING
    assert feee.calls == []


@pytest.mark.parametrize(
    "there",
    [
        row(state=State.WAITING, state_reason=StateReason.UNREACHABLE, due_at=NOW, requested_by="me"),
        row(state=State.WAITING, state_reason=StateReason.NOT_BEFORE, due_at=NOW + 9, not_before=NOW + 9),
        row(state=State.CANCELLING, due_at=NOW),
        row(state=State.REFUNDING, due_at=NOW),
    ],
)
def test_a_request_that_is_on_record_stays_accepted_though_nothing_can_be_claimed(there: Cancellation) -> None:
    feee, table, woken = FakeFeee(), FakeTable(there), list[int]()
    table.trouble = {"claim"}
    asked = ask(feee, table, woken=woken)
    assert (asked, asked.due_at <= NOW) == (table.rows[ORDER_NO], True)
    assert (feee.calls, woken) == ([], [NOW + 2])
