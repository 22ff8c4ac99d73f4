"""What an answer means, row by row, and what holds for every row. All statuses and sums: test_answers.py."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feee_cancel.domain.answer import Answer, AnswerKind
from feee_cancel.domain.cancellation import UNREADABLE_TIME, Cancellation, State, StateReason
from feee_cancel.domain.decision import Backoff, Policy, decide
from tests.builders import NOW, answer, refused, row, shown

POLICY = Policy()
YOUNG = NOW - 100
ELIGIBLE = YOUNG + 305
ACCEPTED = answer(AnswerKind.ACCEPTED, code=0)
MISCONFIGURED = answer(AnswerKind.MISCONFIGURED, code=10001)
RATE_EXCEEDED = answer(AnswerKind.RATE_EXCEEDED, code=11001)
NOT_SENT = answer(AnswerKind.NOT_SENT)
NO_ANSWER = answer(AnswerKind.NO_USABLE_ANSWER)


def after(
    cancel: Answer | None,
    query: Answer | None,
    start: Cancellation | None = None,
    *,
    now: float = NOW,
    jitter: float = 0,
) -> Cancellation:
    return decide(start or row(), cancel, query, now=now, policy=POLICY, jitter=jitter)


@pytest.mark.parametrize(
    ("cancel", "query", "state", "reason"),
    [
        # 12 or 14 and the refund shows, or nothing had been paid
        (shown(status=12, refund_amount=Decimal("3.92")), None, "cancelled", "refunded"),
        (refused(), shown(status=14, refund_amount=Decimal("3.92")), "cancelled", "refunded"),
        (shown(status=12, pay_amount=0), None, "cancelled", "nothing_paid"),
        (shown(status=12, pay_time=0), None, "cancelled", "nothing_paid"),
        # ended or ending without the refund yet, or accepted and it still looks open
        *[(shown(status=s), None, "refunding", "refund_pending") for s in (11, 12, 13, 14)],
        (shown(status=12, pay_amount=None), None, "refunding", "refund_pending"),
        *[(shown(status=s), None, "refunding", "refund_pending") for s in (1, 3, 4, 7, 15, 16, 99)],
        (ACCEPTED, shown(status=4), "refunding", "refund_pending"),
        (ACCEPTED, NO_ANSWER, "refunding", "refund_pending"),
        (ACCEPTED, RATE_EXCEEDED, "refunding", "refund_pending"),
        # filled
        *[(refused(), shown(status=s), "rejected", "filled") for s in (5, 6, 8, 9, 10, 17)],
        (shown(status=6), None, "rejected", "filled"),
        # never paid
        (refused(), shown(status=2, pay_time=0), "rejected", "never_paid"),
        # open and too young, whatever cancel answered
        *[(refused(), shown(status=s, create_time=YOUNG), "waiting", "too_early") for s in (1, 3, 4, 7, 15, 16, 99)],
        (NO_ANSWER, shown(create_time=YOUNG), "waiting", "too_early"),
        # open and old enough, and refused
        *[(refused(), shown(status=s), "waiting", "cancel_refused") for s in (1, 3, 4, 7, 15, 16, 99)],
        # open and old enough, and whether cancel arrived isn't known
        (NO_ANSWER, shown(), "waiting", "outcome_unknown"),
        # both refused
        (refused(), refused(), "waiting", "order_refused"),
        # no order seen
        (MISCONFIGURED, None, "waiting", "misconfigured"),
        (refused(), MISCONFIGURED, "waiting", "misconfigured"),
        (RATE_EXCEEDED, None, "waiting", "rate_exceeded"),
        (NO_ANSWER, RATE_EXCEEDED, "waiting", "rate_exceeded"),
        (NOT_SENT, None, "waiting", "unreachable"),
        (NO_ANSWER, NO_ANSWER, "waiting", "outcome_unknown"),
        (NO_ANSWER, NOT_SENT, "waiting", "outcome_unknown"),
        (NO_ANSWER, refused(), "waiting", "outcome_unknown"),
        (refused(), NO_ANSWER, "waiting", "outcome_unknown"),
    ],
)
def test_what_an_answer_means(cancel: Answer | None, query: Answer | None, state: str, reason: str) -> None:
    decided = after(cancel, query)
    assert (decided.state, decided.state_reason) == (state, reason)
    assert decided.state.final == (decided.settled_at is not None)


@pytest.mark.parametrize(
    ("query", "state", "reason"),
    [
        (shown(status=12, refund_amount=Decimal("3.92")), "cancelled", "refunded"),
        (shown(status=12), "refunding", "refund_pending"),
        (shown(status=4), "refunding", "refund_pending"),
        (shown(status=6), "rejected", "filled"),
        (refused(), "refunding", "refund_pending"),
        (NO_ANSWER, "refunding", "refund_pending"),
        (MISCONFIGURED, "refunding", "refund_pending"),
    ],
)
def test_a_refund_is_looked_for_until_it_shows(query: Answer, state: str, reason: str) -> None:
    decided = after(None, query, row(state=State.REFUNDING))
    assert (decided.state, decided.state_reason) == (state, reason)


def test_an_order_too_young_is_due_just_when_feee_io_allows_and_the_margin() -> None:
    decided = after(refused(), shown(create_time=YOUNG))
    assert decided.due_at == decided.eligible_at == ELIGIBLE
    at_the_margin = after(refused(), shown(create_time=YOUNG), now=ELIGIBLE)
    assert at_the_margin.state_reason is StateReason.CANCEL_REFUSED


@pytest.mark.parametrize(
    ("not_before", "reason", "due_at"),
    [
        (NOW, StateReason.TOO_EARLY, ELIGIBLE),
        (NOW + 1, StateReason.NOT_BEFORE, ELIGIBLE),
        (ELIGIBLE + 1, StateReason.NOT_BEFORE, ELIGIBLE + 1),
    ],
)
def test_an_open_order_that_was_only_looked_at_waits_for_what_was_asked_and_what_feee_io_allows(
    not_before: int, reason: StateReason, due_at: int
) -> None:
    decided = after(None, shown(create_time=YOUNG), row(not_before=not_before))
    assert (decided.state_reason, decided.due_at) == (reason, due_at)


def test_a_row_is_settled_no_sooner_than_feee_io_was_asked() -> None:
    decided = after(refused(), shown(status=6), now=NOW + 0.25)
    assert (decided.settled_at, decided.due_at) == (NOW + 1, NOW + 1)


def test_an_order_from_before_1970_is_eligible_at_no_negative_time() -> None:
    decided = after(refused(), shown(create_time=-9_999))
    assert (decided.eligible_at, decided.state_reason) == (0, StateReason.CANCEL_REFUSED)


def waits(cancel: Answer | None, query: Answer | None, start: Cancellation, times: int = 8) -> list[int]:
    """How long each of several attempts in a row waits, each made when the one before it is due."""
    waited, current, now = [], start, NOW
    for _ in range(times):
        current = after(cancel, query, current, now=now)
        waited.append(current.due_at - now)
        now = current.due_at
    return waited


@pytest.mark.parametrize(
    ("cancel", "query", "waited"),
    [
        (None, shown(status=12), [5, 10, 20, 40, 60, 60, 60, 60]),
        (refused(), shown(), [15, 30, 60, 120, 240, 300, 300, 300]),
        (NOT_SENT, None, [1, 2, 4, 8, 16, 32, 60, 60]),
        (NO_ANSWER, NO_ANSWER, [1, 2, 4, 8, 16, 32, 60, 60]),
        (MISCONFIGURED, None, [60] * 8),
        (RATE_EXCEEDED, None, [3, 6, 6, 6, 6, 6, 6, 6]),
    ],
)
def test_how_long_each_kind_waits(cancel: Answer | None, query: Answer | None, waited: list[int]) -> None:
    start = row(state=State.REFUNDING) if cancel is None else row()
    assert waits(cancel, query, start) == waited


def test_the_waits_are_the_policys() -> None:
    patient = Policy(backoff={StateReason.UNREACHABLE: Backoff(7, 7)})
    assert decide(row(), NOT_SENT, None, now=NOW, policy=patient, jitter=0).due_at == NOW + 7


def test_the_wait_starts_over_when_the_trouble_is_another() -> None:
    unreachable = after(NOT_SENT, None, after(NOT_SENT, None))
    assert unreachable.tries == 2
    assert after(NO_ANSWER, NO_ANSWER, unreachable).tries == 1


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_jitter_adds_its_share(tries: int, jitter: float) -> None:
    backoff = Backoff(5, 60)
    assert backoff.wait(tries, jitter) == backoff.wait(tries, 0) * (1 + jitter)


def test_an_order_refused_three_times_over_a_minute_is_rejected_while_others_are_shown() -> None:
    current, now = row(), NOW
    history = []
    while not current.state.final:
        answers = refused(20004), refused(20004)
        current = decide(current, *answers, now=now, policy=POLICY, jitter=0, others_shown=True)
        history.append((current.state_reason, now - NOW))
        now = current.due_at
    assert history == [("order_refused", 0), ("order_refused", 15), ("order_refused", 45), ("refused", 105)]
    assert (current.state, current.code, current.msg) == (State.REJECTED, 20004, "no")


def test_refusals_with_other_codes_are_counted_afresh() -> None:
    start = after(refused(20004), refused(20004))
    for cancel_code, query_code in ((20005, 20004), (20004, 20005)):
        other = after(refused(cancel_code), refused(query_code), start, now=NOW + 100)
        assert (other.tries, other.since) == (1, NOW + 100)


def test_three_refusals_within_a_minute_are_not_enough() -> None:
    current = row()
    for seconds in (0, 20, 40):
        current = after(refused(), refused(), current, now=NOW + seconds)
    assert (current.tries, current.state) == (3, State.WAITING)


@pytest.mark.parametrize("start", [row(gives_up_at=NOW), row(gives_up_at=NOW, state=State.REFUNDING)])
def test_a_cancellation_whose_time_is_up_fails_with_the_last_answer(start: Cancellation) -> None:
    failed = after(NO_ANSWER, answer(AnswerKind.REFUSED, code=7, msg="later"), start)
    assert (failed.state, failed.state_reason, failed.code) == (State.FAILED, StateReason.GAVE_UP, 7)


def test_a_refund_seen_after_its_time_is_still_a_refund() -> None:
    assert (
        after(None, shown(status=12, refund_amount=1), row(gives_up_at=NOW - 1, state=State.REFUNDING)).state
        is State.CANCELLED
    )


def test_the_last_step_is_due_when_the_time_is_up() -> None:
    assert after(MISCONFIGURED, None, row(gives_up_at=NOW + 10)).due_at == NOW + 10


def test_a_final_row_says_when_and_is_kept_as_long_as_the_policy_says() -> None:
    final = after(shown(status=12, refund_amount=1), None)
    assert (final.due_at, final.settled_at, final.expires_at) == (NOW, NOW, NOW + 400 * 86_400)
    kept_for_ever = decide(row(), shown(status=12, refund_amount=1), None, now=NOW, policy=Policy(kept_for=0), jitter=0)
    assert kept_for_ever.expires_at is None


def test_the_row_tells_feee_ios_words_and_a_refusal_rather_than_the_ok_after_it() -> None:
    decided = after(replace(refused(20003), request_id="c-1"), shown(status=6))
    assert (decided.answer, decided.code, decided.msg, decided.request_id) == ("refused", 20003, "no", "c-1")
    assert (decided.status, decided.pay_amount, decided.partly_filled) == (6, Decimal("3.92"), False)


@pytest.mark.parametrize(
    ("cancel", "query", "told"),
    [(refused(7), refused(8), 7), (NO_ANSWER, refused(8), 8), (ACCEPTED, refused(8), 8)],
)
def test_of_two_answers_the_row_tells_the_first_with_a_code_that_says_no(
    cancel: Answer, query: Answer, told: int
) -> None:
    assert after(cancel, query).code == told


def test_of_two_answers_that_say_no_more_the_row_tells_the_last() -> None:
    assert after(replace(NO_ANSWER, detail="cut off"), replace(NO_ANSWER, detail="no JSON")).detail == "no JSON"
    assert after(ACCEPTED, NO_ANSWER).answer is AnswerKind.NO_USABLE_ANSWER


def test_a_partly_filled_order_is_cancelled_and_says_so() -> None:
    decided = after(shown(status=12, refund_amount=Decimal("1.96"), frozen_resource_value=16_000), None)
    assert (decided.state, decided.refund_amount, decided.partly_filled) == ("cancelled", Decimal("1.96"), True)


ANSWERS = st.sampled_from(
    [None, ACCEPTED, MISCONFIGURED, RATE_EXCEEDED, NOT_SENT, NO_ANSWER, refused(1), refused(2)]
) | st.builds(
    lambda status, age, refund, paid: shown(
        status=status, create_time=NOW - age, refund_amount=refund, pay_amount=paid
    ),
    st.integers(-1, 30),
    st.integers(-1000, 100_000),
    st.sampled_from([0, Decimal("0.000001"), Decimal("3.92"), None]),
    st.sampled_from([0, Decimal("3.92"), None]),
)
ROWS = st.builds(
    row,
    state=st.sampled_from([State.CANCELLING, State.REFUNDING]),
    state_reason=st.sampled_from([None, *StateReason]),
    tries=st.integers(0, 50),
    since=st.none() | st.integers(NOW - 500, NOW),
    refusals=st.sampled_from([None, "1/1", "1/2"]),
    gives_up_at=st.integers(NOW - 10, NOW + 90_000),
)


@given(ROWS, ANSWERS, ANSWERS, st.floats(0, 1))
def test_whatever_happens_nothing_is_guessed_and_nothing_is_left_behind(
    start: Cancellation, cancel: Answer | None, query: Answer | None, jitter: float
) -> None:
    if cancel is None and query is None:
        return
    decided = after(cancel, query, start, jitter=jitter)
    seen = [given.order for given in (cancel, query) if given and given.order]
    if decided.state is State.CANCELLED:
        assert any(order.refunded or order.nothing_paid for order in seen)
    if decided.state is State.REJECTED:
        assert seen or decided.state_reason is StateReason.REFUSED
    if not decided.state.final:
        assert NOW < decided.due_at <= max(decided.gives_up_at, NOW)
    assert decided.attempt == start.attempt


@pytest.mark.parametrize("since", [NOW + 10**6, NOW * 1000])
def test_a_count_that_another_wrote_keeps_no_order_waiting_or_asked_again_and_again(since: int) -> None:
    """It counts from now on, and a wait isn't shorter for it."""
    before = row(state_reason=StateReason.ORDER_REFUSED, refusals="1/1", tries=-(10**6), since=since)
    after = decide(before, refused(1), refused(1), now=NOW, policy=Policy(), jitter=0)
    assert (after.tries, after.since, after.due_at) == (1, NOW, NOW + 15)


def test_a_cancellation_whose_times_cannot_be_read_gives_up_a_day_after_it_was_first_attempted() -> None:
    before = row(requested_at=UNREADABLE_TIME, gives_up_at=UNREADABLE_TIME)
    after = decide(before, refused(), refused(), now=NOW, policy=Policy(), jitter=0)
    assert (after.state, after.gives_up_at) == (State.WAITING, NOW + 305 + 86_400)
    over = decide(after, refused(), refused(), now=after.gives_up_at, policy=Policy(), jitter=0)
    assert (over.state, over.state_reason) == (State.FAILED, StateReason.GAVE_UP)


def test_a_cancellation_for_later_gives_up_no_sooner_for_a_look_before_its_time() -> None:
    later = NOW + 30 * 86_400
    looked = after(None, NO_ANSWER, row(not_before=later, gives_up_at=later + 86_400))
    assert looked.gives_up_at == later + 86_400
