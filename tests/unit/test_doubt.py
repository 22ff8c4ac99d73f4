"""That a cancel may have taken effect is remembered until an order was seen, and nothing takes such a row back."""

from dataclasses import replace
from decimal import Decimal

import pytest

from feee_cancel.domain.answer import Answer, AnswerKind
from feee_cancel.domain.cancellation import ON_ITS_WAY_SECONDS, Cancellation, State, StateReason
from feee_cancel.domain.decision import Policy, decide
from feee_cancel.domain.documents import CancellationRequest
from feee_cancel.usecases.attempt import attempt, contained_attempt
from feee_cancel.usecases.enqueue import enqueue
from feee_cancel.usecases.errors import TableUnavailableError
from feee_cancel.usecases.request import request_cancellation
from feee_cancel.usecases.withdraw import withdraw
from tests.builders import NOW, ORDER_NO, answer, refused, row, shown
from tests.fakes import Clock, FakeFeee, FakeTable, ports

CANCELLED = shown(status=12, refund_amount=Decimal("3.92"), refund_time=NOW)
NO_ANSWER = answer(AnswerKind.NO_USABLE_ANSWER)
NOT_SENT = answer(AnswerKind.NOT_SENT)
RATE = answer(AnswerKind.RATE_EXCEEDED, code=11001)
WRONG_KEY = answer(AnswerKind.MISCONFIGURED, code=10001)
BARE_429 = replace(answer(AnswerKind.RATE_EXCEEDED), http_status=429)
BARE_403 = replace(answer(AnswerKind.MISCONFIGURED), http_status=403)
NO_KEY = answer(AnswerKind.MISCONFIGURED)
ACCEPTED = answer(AnswerKind.ACCEPTED, code=0)
OPEN = shown()
YOUNG = shown(create_time=NOW - 100)

SURE, DOUBT, EARLIER = None, 1, 0
"""What `in_doubt_after` is for an attempt, the second of its row, with a doubt of its own or one from before it."""


def asked(not_before: int | None = None) -> CancellationRequest:
    return CancellationRequest(order_no=ORDER_NO, not_before=not_before)


def after(cancel: Answer | None, query: Answer | None, *, earlier: bool, **fields: object) -> Cancellation:
    """The row after its second attempt; its first left a doubt, or didn't."""
    claimed = row(attempt=2, in_doubt_after=EARLIER if earlier else DOUBT, **fields)
    return decide(claimed, cancel, query, now=NOW, policy=Policy(), jitter=0)


@pytest.mark.parametrize(
    ("cancel", "query", "begins", "keeps"),
    [
        # it was only looked at, whatever came of that
        *[(None, query, SURE, EARLIER) for query in (NO_ANSWER, NOT_SENT, RATE, BARE_429, refused(), OPEN, YOUNG)],
        # nothing was sent, or feee.io itself says that this cancel wasn't carried out
        (NOT_SENT, None, SURE, EARLIER),
        (RATE, None, SURE, EARLIER),
        (WRONG_KEY, None, SURE, EARLIER),
        (NO_KEY, None, SURE, EARLIER),
        # somebody in between speaks: the cancel may have gone through before
        (BARE_429, None, DOUBT, EARLIER),
        (BARE_403, None, DOUBT, EARLIER),
        # no order was seen after a cancel that was sent
        *[
            (cancel, query, DOUBT, EARLIER)
            for cancel in (NO_ANSWER, refused())
            for query in (NO_ANSWER, NOT_SENT, RATE, WRONG_KEY, BARE_429, BARE_403, NO_KEY, refused(), ACCEPTED)
        ],
        # an order was seen, and feee.io had said no to this cancel; an earlier one may still be on its way
        (refused(), OPEN, SURE, EARLIER),
        (refused(), YOUNG, SURE, EARLIER),
        # it looks open, but a cancel without an answer may still be on its way
        (NO_ANSWER, OPEN, DOUBT, EARLIER),
        (NO_ANSWER, YOUNG, DOUBT, EARLIER),
        # it is being cancelled: the end is still to be seen
        (OPEN, None, DOUBT, EARLIER),
        (ACCEPTED, NO_ANSWER, DOUBT, EARLIER),
        (NO_ANSWER, shown(status=11), DOUBT, EARLIER),
        (refused(), shown(status=12), DOUBT, EARLIER),
        # the end was seen
        (CANCELLED, None, SURE, SURE),
        (NO_ANSWER, CANCELLED, SURE, SURE),
        (refused(), shown(status=6), SURE, SURE),
        (NO_ANSWER, shown(status=2), SURE, SURE),
        (NO_ANSWER, shown(status=12, pay_amount=0), SURE, SURE),
    ],
)
def test_what_begins_a_doubt_and_what_ends_one(
    cancel: Answer | None, query: Answer | None, begins: int | None, keeps: int | None
) -> None:
    assert after(cancel, query, earlier=False).in_doubt_after == begins
    assert after(cancel, query, earlier=True).in_doubt_after == keeps


@pytest.mark.parametrize("query", [NO_ANSWER, NOT_SENT, RATE, WRONG_KEY, refused(), OPEN, shown(status=11)])
def test_a_refund_that_is_looked_for_stays_in_doubt_until_the_end_was_seen(query: Answer) -> None:
    """The claim has given the doubt its time."""
    claimed = {"state": State.REFUNDING, "in_doubt_until": NOW + ON_ITS_WAY_SECONDS}
    assert after(None, query, earlier=True, **claimed).in_doubt_after == EARLIER
    assert after(None, query, earlier=False, **claimed).in_doubt_after == DOUBT
    assert after(None, CANCELLED, earlier=True, **claimed).in_doubt_after is None


@pytest.mark.parametrize("cancel", [NOT_SENT, RATE, WRONG_KEY, refused()])
def test_a_doubt_that_has_its_time_is_an_earlier_one_whatever_the_count_says(cancel: Answer) -> None:
    query = OPEN if cancel.kind is AnswerKind.REFUSED else None
    left = after(cancel, query, earlier=False, in_doubt_until=NOW + 9)
    assert (left.in_doubt_after, left.in_doubt_until) == (DOUBT, NOW + 9)


def test_a_doubt_ends_no_sooner_for_a_fraction_of_a_second() -> None:
    left = decide(row(), NO_ANSWER, OPEN, now=NOW + 0.5, policy=Policy(), jitter=0)
    assert left.in_doubt_until == NOW + ON_ITS_WAY_SECONDS + 1


@pytest.mark.parametrize("query", [NO_ANSWER, NOT_SENT, RATE, OPEN, ACCEPTED])
def test_a_request_that_feee_never_heard_may_be_taken_back_though_it_was_looked_at(query: Answer) -> None:
    table, clock = FakeTable(), Clock()
    feee = FakeFeee([RATE] * 4, [query])
    wired = ports(feee, table, clock=clock)
    request_cancellation(asked(), wired, requested_by="me", deadline=NOW + 100)
    for _ in range(4):
        clock.time = table.rows[ORDER_NO].due_at
        (due,) = table.due(now=clock(), until=clock(), limit=9)
        contained_attempt(due, wired)
    assert feee.calls == ["cancel", "cancel", "cancel", "query", "cancel"]
    taken_back = withdraw(ORDER_NO, wired)
    assert taken_back
    assert taken_back.state is State.WITHDRAWN


@pytest.mark.parametrize("query", [NO_ANSWER, RATE, WRONG_KEY, refused(5), ACCEPTED, NOT_SENT])
def test_a_cancellation_that_fails_in_doubt_says_so(query: Answer) -> None:
    failed = after(NO_ANSWER, query, earlier=False, gives_up_at=NOW)
    assert (failed.state, failed.in_doubt) == (State.FAILED, True)


def test_a_row_whose_outcome_was_unknown_before_doubt_was_kept_is_in_doubt() -> None:
    assert row(state=State.WAITING, state_reason=StateReason.OUTCOME_UNKNOWN).in_doubt


# -- taking back


TROUBLE = [
    pytest.param([NO_ANSWER], [query], id=f"reset, then {query.kind} {query.http_status or query.code or ''}")
    for query in (BARE_429, BARE_403, RATE, WRONG_KEY, NO_ANSWER, NOT_SENT, refused(50_000))
]


@pytest.mark.parametrize(("cancel", "query"), TROUBLE)
@pytest.mark.parametrize(
    "later", [NOT_SENT, RATE, WRONG_KEY, BARE_429, BARE_403, NO_KEY], ids=lambda a: f"{a.kind} {a.http_status or ''}"
)
def test_a_cancel_that_may_have_taken_effect_is_never_taken_back(
    cancel: list[Answer], query: list[Answer], later: Answer
) -> None:
    """The next attempt's trouble, a request for later and a request for now hide nothing."""
    table, clock = FakeTable(), Clock()
    wired = ports(FakeFeee(cancel, query), table, clock=clock)
    request_cancellation(asked(), wired, requested_by="me", deadline=NOW + 100)
    assert withdraw(ORDER_NO, wired) == table.rows[ORDER_NO]
    clock.time = table.rows[ORDER_NO].due_at
    again = ports(FakeFeee([later, later], [later]), table, clock=clock)
    request_cancellation(asked(), again, requested_by="me", deadline=clock() + 100)
    assert enqueue(asked(NOW + 9_999), again, requested_by="me").state is State.WAITING
    kept = withdraw(ORDER_NO, again)
    assert kept
    assert (kept.state, kept.in_doubt) == (State.WAITING, True)


def test_a_request_whose_attempt_can_have_sent_nothing_may_be_taken_back() -> None:
    for nothing_sent in ([NOT_SENT, NOT_SENT], [RATE], [WRONG_KEY]):
        table = FakeTable()
        wired = ports(FakeFeee(nothing_sent), table)
        request_cancellation(asked(), wired, requested_by="me", deadline=NOW + 100)
        taken_back = withdraw(ORDER_NO, wired)
        assert taken_back
        assert taken_back.state is State.WITHDRAWN


@pytest.mark.parametrize("trouble", [NOT_SENT, RATE, WRONG_KEY, NO_KEY])
def test_an_order_that_no_cancel_was_ever_carried_out_for_may_be_taken_back(trouble: Answer) -> None:
    """Every fourth attempt only looks: that sends no cancel either, whatever comes of it."""
    table, clock = FakeTable(), Clock()
    wired = ports(FakeFeee([trouble] * 20, [trouble, refused(), NO_ANSWER]), table, clock=clock)
    for _ in range(9):
        waiting = request_cancellation(asked(), wired, requested_by="me", deadline=clock() + 100)
        assert waiting.in_doubt_after is None
        clock.time = waiting.due_at
    taken_back = withdraw(ORDER_NO, wired)
    assert taken_back
    assert taken_back.state is State.WITHDRAWN


@pytest.mark.parametrize("until", [NOW * 1000, NOW + 99 * ON_ITS_WAY_SECONDS])
def test_no_clock_that_was_ahead_keeps_an_order_in_doubt_for_longer(until: int) -> None:
    table, clock = FakeTable(replace(IN_DOUBT, due_at=NOW, attempt=2, in_doubt_until=until)), Clock()
    wired = ports(FakeFeee([refused()] * 2, [OPEN] * 2), table, clock=clock)
    for _ in range(2):
        request_cancellation(asked(), wired, requested_by="me", deadline=clock() + 100)
        clock.time += ON_ITS_WAY_SECONDS
    assert table.rows[ORDER_NO].in_doubt_after is None


def test_an_order_that_is_open_after_all_may_be_taken_back_again() -> None:
    table, clock = FakeTable(), Clock()
    wired = ports(FakeFeee([NO_ANSWER, refused()], [NO_ANSWER, OPEN]), table, clock=clock)
    for _ in range(2):
        request_cancellation(asked(), wired, requested_by="me", deadline=clock() + 100)
        clock.time += ON_ITS_WAY_SECONDS
    taken_back = withdraw(ORDER_NO, wired)
    assert taken_back
    assert (taken_back.state, taken_back.in_doubt) == (State.WITHDRAWN, False)


class Death(BaseException):
    """The function dies."""


class Dies(FakeFeee):
    def cancel(self, order_no: str, *, deadline: float) -> Answer:
        raise Death


def test_a_function_that_dies_inside_the_call_leaves_a_doubt_that_outlives_the_next_attempts_trouble() -> None:
    table, clock = FakeTable(), Clock()
    with pytest.raises(Death):
        request_cancellation(asked(), ports(Dies(), table, clock=clock), requested_by="me", deadline=NOW + 100)
    clock.time = NOW + 30
    for _ in range(2):
        down = ports(FakeFeee([NOT_SENT, NOT_SENT]), table, clock=clock)
        request_cancellation(asked(), down, requested_by="me", deadline=clock() + 100)
        assert withdraw(ORDER_NO, down) == table.rows[ORDER_NO]
        assert table.rows[ORDER_NO].state is State.WAITING
        clock.time += 60


def test_a_lease_that_ran_out_on_a_row_without_the_mark_leaves_a_doubt_all_the_same() -> None:
    table = FakeTable(row(attempt=7, due_at=NOW))
    down = ports(FakeFeee([NOT_SENT, NOT_SENT]), table)
    assert request_cancellation(asked(), down, requested_by="me", deadline=NOW + 100).in_doubt


def test_an_outcome_that_could_not_be_written_leaves_a_doubt() -> None:
    table, clock = FakeTable(), Clock()
    table.trouble = {"settle"}
    request_cancellation(
        asked(), ports(FakeFeee([NOT_SENT, NOT_SENT]), table, clock=clock), requested_by="me", deadline=NOW + 9
    )
    table.trouble = set()
    clock.time = NOW + 30
    later = ports(FakeFeee([NOT_SENT, NOT_SENT]), table, clock=clock)
    assert request_cancellation(asked(), later, requested_by="me", deadline=clock() + 9).in_doubt


# -- looking soon


IN_DOUBT = row(
    state=State.WAITING, state_reason=StateReason.OUTCOME_UNKNOWN, due_at=NOW + 4, in_doubt_after=0, requested_by="me"
)


@pytest.mark.parametrize("ask", ["by the API", "for the drain"])
def test_an_order_in_doubt_is_looked_at_soon_whatever_time_is_asked_for(ask: str) -> None:
    table = FakeTable(IN_DOUBT)
    wired = ports(FakeFeee(), table)
    if ask == "by the API":
        request_cancellation(asked(NOW + 5_000), wired, requested_by="me", deadline=NOW + 100)
    else:
        enqueue(asked(NOW + 5_000), wired, requested_by="me")
    there = table.rows[ORDER_NO]
    assert (there.due_at, there.not_before, there.in_doubt_after) == (NOW + 4, NOW + 5_000, 0)
    assert there.gives_up_at == NOW + 5_000 + 86_400


def look(answer: Answer) -> tuple[Cancellation, list[str]]:
    """An attempt for an order in doubt that is wanted much later."""
    there = replace(IN_DOUBT, due_at=NOW, not_before=NOW + 5_000, gives_up_at=NOW + 90_000)
    feee = FakeFeee(query=[answer])
    return request_cancellation(
        asked(), ports(feee, FakeTable(there)), requested_by="somebody", deadline=NOW + 100
    ), feee.calls


@pytest.mark.parametrize(
    ("answer", "state", "reason", "due_at", "in_doubt"),
    [
        (OPEN, "waiting", "not_before", NOW + 1, True),
        (YOUNG, "waiting", "not_before", NOW + 1, True),
        (CANCELLED, "cancelled", "refunded", NOW, False),
        (shown(status=12), "refunding", "refund_pending", NOW + 5, True),
        (shown(status=6), "rejected", "filled", NOW, False),
        (NO_ANSWER, "waiting", "outcome_unknown", NOW + 1, True),
        (NOT_SENT, "waiting", "unreachable", NOW + 1, True),
        (RATE, "waiting", "rate_exceeded", NOW + 3, True),
        (WRONG_KEY, "waiting", "misconfigured", NOW + 60, True),
        (refused(), "waiting", "order_refused", NOW + 15, True),
        (ACCEPTED, "waiting", "outcome_unknown", NOW + 1, True),
    ],
)
def test_before_its_time_an_order_in_doubt_is_looked_at_and_not_cancelled(
    answer: Answer, state: str, reason: str, due_at: int, in_doubt: bool
) -> None:
    there = replace(IN_DOUBT, due_at=NOW, not_before=NOW + 5_000, gives_up_at=NOW + 90_000, tries=0, state_reason=None)
    claimed, won = FakeTable(there).claim(ORDER_NO, State.WAITING, due_by=NOW, lease_until=NOW + 30)
    assert won
    feee = FakeFeee(query=[answer])
    settled = attempt(claimed, ports(feee, FakeTable(claimed)), deadline=NOW + 100)
    assert feee.calls == ["query"]
    assert (settled.state, settled.state_reason, settled.due_at) == (state, reason, due_at)
    assert settled.in_doubt is in_doubt


@pytest.mark.parametrize("ask", [None, NOW + 9_999], ids=["now", "later"])
def test_a_cancel_that_is_still_on_its_way_is_not_taken_back_because_the_order_looks_open(ask: int | None) -> None:
    """Its call timed out, and feee.io carries it out minutes later: refused calls and looks in between end no doubt."""
    table, clock = FakeTable(), Clock()
    feee = FakeFeee([NO_ANSWER, *[refused()] * 99], [OPEN] * 99)
    wired = ports(feee, table, clock=clock)
    request_cancellation(asked(), wired, requested_by="me", deadline=clock() + 100)
    request_cancellation(asked(ask), wired, requested_by="me", deadline=clock() + 100)
    while clock() < NOW + ON_ITS_WAY_SECONDS:
        there = withdraw(ORDER_NO, wired)
        assert there
        assert (there.state, there.in_doubt) == (State.WAITING, True)
        clock.time = there.due_at
        (due,) = table.due(now=clock(), until=clock(), limit=9)
        contained_attempt(due, wired)
    assert len(feee.calls) < 30
    taken_back = withdraw(ORDER_NO, wired)
    assert taken_back
    assert taken_back.state is State.WITHDRAWN


def test_a_clock_that_is_ten_seconds_ahead_of_the_last_ones_ends_no_doubt_sooner() -> None:
    """Five minutes after it was sent, by any clock, a cancel may still be carried out."""
    unanswered = decide(row(in_doubt_after=0), NO_ANSWER, OPEN, now=NOW - 10, policy=Policy(), jitter=0)
    for passed, in_doubt in ((299, True), (311, False)):
        claimed = replace(unanswered, state=State.CANCELLING, attempt=2)
        looked = decide(claimed, refused(), OPEN, now=NOW + passed, policy=Policy(), jitter=0)
        assert (looked.in_doubt_after is not None) is in_doubt


def test_nobody_knows_when_an_attempt_that_died_has_called() -> None:
    """What was known of calls before it is overwritten by the claim that takes over."""
    table = FakeTable(row(attempt=3, in_doubt_after=0, in_doubt_until=NOW - 9, due_at=NOW))
    looked = request_cancellation(asked(), ports(FakeFeee([refused()], [OPEN]), table), requested_by="a", deadline=NOW)
    assert (looked.state_reason, looked.in_doubt_until) == (StateReason.CANCEL_REFUSED, NOW + ON_ITS_WAY_SECONDS)


def test_a_cancel_that_was_refused_is_not_on_its_way_any_more() -> None:
    """Its code may have said that it was carried out; an order that looks open then says that it wasn't."""
    unseen = after(refused(50_000), NO_ANSWER, earlier=False)
    assert unseen.in_doubt
    again = decide(replace(unseen, attempt=3), refused(), OPEN, now=NOW + 15, policy=Policy(), jitter=0)
    assert not again.in_doubt


def test_a_lost_cancel_of_an_order_that_looks_too_young_is_looked_at_again_at_once() -> None:
    waiting = after(NO_ANSWER, YOUNG, earlier=False)
    assert (waiting.state_reason, waiting.due_at, waiting.in_doubt) == (StateReason.TOO_EARLY, NOW + 1, True)
    assert after(refused(), YOUNG, earlier=False).due_at == NOW + 205
    nearly = after(NO_ANSWER, shown(create_time=NOW - 303), earlier=False, state_reason=StateReason.TOO_EARLY, tries=9)
    assert (nearly.due_at, nearly.in_doubt) == (NOW + 2, True)


# -- starting again


@pytest.mark.parametrize("state", [State.FAILED, State.REJECTED])
def test_a_row_in_doubt_that_starts_again_keeps_its_doubt_and_is_due_at_once(state: State) -> None:
    ended = row(state=state, due_at=NOW - 99, attempt=5, in_doubt_after=3)
    for again in (asked(), asked(NOW + 5_000)):
        table = FakeTable(ended)
        wired = ports(FakeFeee(), table)
        started = enqueue(again, wired, requested_by="me")
        assert (started.state, started.due_at, started.in_doubt_after) == (State.WAITING, NOW, 3)
        assert withdraw(ORDER_NO, wired) == started


def test_a_row_that_starts_again_with_an_attempt_has_that_attempts_doubt_or_an_earlier_one() -> None:
    for earlier, kept in ((None, None), (2, 2)):
        ended = row(state=State.FAILED, due_at=NOW - 99, attempt=5, in_doubt_after=earlier)
        down = ports(FakeFeee([NOT_SENT, NOT_SENT]), FakeTable(ended))
        assert request_cancellation(asked(), down, requested_by="me", deadline=NOW + 9).in_doubt_after == kept


def test_trouble_at_the_table_while_taking_back_is_trouble() -> None:
    table = FakeTable(IN_DOUBT)
    table.trouble = {"find"}
    with pytest.raises(TableUnavailableError):
        withdraw(ORDER_NO, ports(FakeFeee(), table))
