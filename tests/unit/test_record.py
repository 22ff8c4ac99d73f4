"""Several askers for one order: nobody weakens what another asked for, and old messages change nothing."""

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feee_cancel.domain.cancellation import Cancellation, Requested, State, StateReason
from feee_cancel.domain.documents import CancellationRequest
from feee_cancel.domain.record import MOST, noted, requests_of, who
from feee_cancel.usecases.enqueue import enqueue
from feee_cancel.usecases.errors import RowBusyError
from feee_cancel.usecases.receiver import SignedMessage
from feee_cancel.usecases.request import request_cancellation
from feee_cancel.usecases.withdraw import withdraw
from functions.api.app import create
from tests.builders import NOW, ORDER_NO, refused, row, shown
from tests.events import Context, sample
from tests.fakes import Clock, FakeFeee, FakeMessages, FakeTable, ports, service

if TYPE_CHECKING:
    from feee_cancel.usecases.ports import Ports

SHOP = "arn:aws:sts::123456789012:assumed-role/shop/session-1"
TREASURY = "arn:aws:iam::123456789012:user/treasury"


class Case:
    """A table, a clock, and everybody who asks."""

    def __init__(self, table: FakeTable | None = None, feee: FakeFeee | None = None) -> None:
        self.clock, self.table = Clock(), table or FakeTable()
        self.ports: Ports = ports(feee or FakeFeee(), self.table, clock=self.clock)

    @property
    def row(self) -> Cancellation:
        return self.table.rows[ORDER_NO]

    def batch(self, by: str, not_before: int | None = None, reason: str | None = None) -> Cancellation:
        asked = CancellationRequest(order_no=ORDER_NO, not_before=not_before, reason=reason)
        return enqueue(asked, self.ports, requested_by=by)

    def post(self, by: str, not_before: int | None = None) -> Cancellation:
        asked = CancellationRequest(order_no=ORDER_NO, not_before=not_before)
        return request_cancellation(asked, self.ports, requested_by=by, deadline=self.clock() + 20)

    def send(
        self, message: str, not_before: int | None = None, *, sender: str | None = "shop", at: int
    ) -> Cancellation:
        signed = SignedMessage(sender=sender, id=message, sent_at=at)
        asked = CancellationRequest(order_no=ORDER_NO, not_before=not_before, reason="by webhook")
        return enqueue(asked, self.ports, requested_by=signed.requested_by, asker=signed.asker, sent_at=at)

    def run(self, schedule: str, at: str = "2024-08-22T09:37:31Z", **asked: Any) -> None:
        event = {"order_no": ORDER_NO, "execution_id": f"{schedule} {at}", **asked}
        service(self.ports).enqueue_event(event, invocation=str(self.clock()))

    def take_back(self) -> Cancellation | None:
        return withdraw(ORDER_NO, self.ports)


def test_anothers_later_time_and_reason_weaken_nothing_and_are_on_record() -> None:
    case = Case()
    case.batch(TREASURY, NOW + 50, "unfilled")
    case.send("msg_1", NOW + 30 * 86_400, at=NOW)
    assert (case.row.due_at, case.row.not_before, case.row.reason) == (NOW + 50, NOW + 50, "unfilled")
    assert case.row.requests == (
        Requested(requested_by=TREASURY, requested_at=NOW, not_before=NOW + 50, reason="unfilled"),
        Requested(
            requested_by="webhook:shop:msg_1",
            asker="webhook:shop",
            requested_at=NOW,
            not_before=NOW + 30 * 86_400,
            reason="by webhook",
        ),
    )


def test_what_somebody_wants_now_nobody_else_puts_off() -> None:
    case = Case()
    case.batch(TREASURY)
    case.table.rows[ORDER_NO] = backing_off = replace(case.row, state_reason=StateReason.UNREACHABLE, due_at=NOW + 9)
    case.send("msg_1", NOW + 900, at=NOW)
    assert case.row == replace(backing_off, requests=case.row.requests, reason="by webhook")
    assert case.post(SHOP, NOW + 900).due_at == NOW + 9
    assert [one.requested_by for one in case.row.requests] == [TREASURY, "webhook:shop:msg_1", SHOP]


def test_the_earliest_time_that_anybody_asks_for_counts_and_each_may_change_their_own() -> None:
    case = Case()
    asks = [(TREASURY, 100), (SHOP, 50), (SHOP, 200), (TREASURY, 300), (SHOP, 20), ("other", None), ("other", 70)]
    due = [case.batch(by, at and NOW + at).due_at - NOW for by, at in asks]
    assert due == [100, 50, 100, 200, 20, 0, 20]
    assert case.row.state_reason is StateReason.NOT_BEFORE
    assert case.row.gives_up_at == NOW + 20 + 86_400


def test_the_first_asker_may_change_the_reason_and_what_is_brought_forward_gives_up_sooner() -> None:
    case = Case()
    case.batch(TREASURY, NOW + 30 * 86_400, "unfilled")
    assert case.batch(SHOP, NOW + 30 * 86_400, "another").reason == "unfilled"
    assert case.batch(TREASURY, NOW + 30 * 86_400, "too dear").reason == "too dear"
    assert case.batch(SHOP).gives_up_at == case.ports.policy.ends_by(case.row, now=NOW) < NOW + 2 * 86_400


def test_a_role_is_one_asker_whatever_its_session_and_a_schedule_whatever_its_run() -> None:
    def asks(by: str | None, asker: str | None = None) -> str:
        return who(Requested(requested_by=by, asker=asker))

    arn = "arn:aws:scheduler:us-east-1:123456789012:schedule/default/nightly"
    assert asks(SHOP) == asks(SHOP.replace("session-1", "session-2")) != asks(TREASURY)
    assert asks(f"event:{arn} 2024-08-22T09:37:31Z") == asks(f"event:{arn} 2024-08-23T09:37:31Z")
    assert asks(f"event:{arn}-2 2024-08-22T09:37:31Z") != asks(f"event:{arn} 2024-08-22T09:37:31Z")
    assert asks("webhook:1") == asks("webhook:2") != asks("webhook:shop:3", "webhook:shop")
    assert asks("webhook:shop:1", "webhook:shop") != asks("webhook:shop:1")
    assert asks(None) == ""


def test_two_schedules_are_two_askers() -> None:
    case = Case()
    case.run("arn:one", not_before=NOW + 60, reason="one")
    case.run("arn:two", not_before=NOW + 600, reason="two")
    assert (case.row.due_at, case.row.reason, len(case.row.requests)) == (NOW + 60, "one", 2)
    case.run("arn:one", at="2024-08-22T09:38:31Z", not_before=NOW + 90)
    assert (case.row.due_at, case.row.not_before, case.row.reason) == (NOW + 90, NOW + 90, "one")


def test_a_new_asker_of_what_is_due_is_put_on_record_and_attempts_it() -> None:
    case = Case(feee=FakeFeee(cancel=[refused(), shown(status=6)], query=[refused()]))
    case.post(TREASURY)
    case.clock.sleep(5)
    assert case.post(SHOP).state is State.REJECTED
    assert [one.requested_by for one in case.row.requests] == [TREASURY, SHOP]


def test_who_asked_the_same_before_is_not_put_on_record_again() -> None:
    case = Case()
    case.batch(TREASURY, NOW + 50, "unfilled")
    assert case.batch(TREASURY, NOW + 50, "unfilled") == case.batch(TREASURY, NOW + 50)
    assert (case.table.writes, case.row.requests) == (1, ())


def test_the_record_is_bounded_and_keeps_the_first_the_last_and_the_earliest() -> None:
    def asks(by: str, at: int | None) -> Requested:
        return Requested(requested_by=by, requested_at=NOW, not_before=at)

    there = row(state=State.WAITING, requested_by="first", not_before=NOW + 500)
    for n in range(20):
        there = noted(there, asks("restless", NOW + 400 + n))
    there = noted(there, asks("soonest", NOW + 5))
    for n in range(20):
        there = noted(there, asks(f"asker-{n}", NOW + 100 + n))
    by = [one.requested_by for one in there.requests]
    assert (len(by), by[0], by[-1], "soonest" in by) == (MOST, "first", "asker-19", True)
    assert there.not_before == NOW + 5
    assert noted(there, asks("now", None)).not_before is None
    assert requests_of(noted(there, asks("now", None)))[-1].requested_by == "now"


def test_what_the_first_asker_has_put_off_never_holds_again_however_many_ask() -> None:
    case = Case()
    case.batch("first")
    case.batch("first", NOW + 900)
    for n in range(MOST):
        case.batch(f"asker-{n}", NOW + 500 + n)
    assert (case.row.due_at, case.row.not_before) == (NOW + 500, NOW + 500)
    assert [one.not_before for one in requests_of(case.row)][:2] == [None, NOW + 900]


REQUESTS = st.builds(
    lambda by, message, at: Requested(requested_by=f"webhook:{message}", asker=by, requested_at=NOW, not_before=at),
    st.sampled_from(["first", *(f"asker-{n}" for n in range(MOST))]),
    st.integers(),
    st.sampled_from([None, *range(NOW + 1, NOW + 9)]),
)


@given(st.lists(REQUESTS, min_size=2 * MOST, max_size=3 * MOST, unique_by=lambda request: request.requested_by))
def test_of_any_requests_the_earliest_time_counts_that_an_asker_asked_for_last(asked: list[Requested]) -> None:
    there = row(state=State.WAITING, requested_by="first", not_before=NOW)
    lasts = {"first": there.not_before}
    for request in asked:
        there = noted(there, request)
        lasts[who(request)] = request.not_before
        assert there.not_before == min(lasts.values(), key=lambda at: at or 0)
    assert len(there.requests) == MOST


def test_a_message_that_is_older_than_the_withdrawal_revives_nothing() -> None:
    case = Case()
    case.post(TREASURY, NOW + 600)
    case.clock.sleep(10)
    taken_back = case.take_back()
    case.clock.sleep(10)
    assert case.send("msg_1", at=NOW + 9) == taken_back == case.row
    case.run("arn:one", at="2024-08-22T09:37:40Z")
    assert case.row == taken_back
    assert case.send("msg_2", at=NOW + 11).state is State.WAITING


@pytest.mark.parametrize("state", [State.REJECTED, State.FAILED])
def test_a_message_that_is_older_than_any_end_changes_nothing(state: State) -> None:
    ended = row(state=state, due_at=NOW - 500, settled_at=NOW - 500)
    case = Case(FakeTable(ended))
    assert case.send("msg_1", at=NOW - 501) == ended
    assert case.send("msg_2", at=NOW - 500).state is State.WAITING


def test_a_redelivery_revives_nothing_though_nobody_remembers_the_message() -> None:
    case = Case()
    case.send("msg_1", at=NOW)
    taken_back = case.take_back()
    assert case.send("msg_1", at=NOW) == taken_back, "at the same moment"
    case.clock.sleep(300)
    assert case.send("msg_1", at=NOW + 300) == taken_back, "sent again, and signed again"
    assert case.send("msg_1", sender="other", at=NOW + 300).state is State.WAITING


def test_the_message_of_a_second_asker_is_known_again_too() -> None:
    case = Case()
    case.post(TREASURY, NOW + 600)
    case.send("msg_1", NOW + 700, at=NOW)
    assert case.send("msg_1", NOW + 5, at=NOW).due_at == NOW + 600
    taken_back = case.take_back()
    case.clock.sleep(300)
    assert case.send("msg_1", NOW + 700, at=NOW + 300) == taken_back


def test_a_message_older_than_the_end_before_changes_nothing_of_the_fresh_start() -> None:
    case = Case()
    case.post(TREASURY, NOW + 600)
    case.clock.sleep(10)
    case.take_back()
    case.clock.sleep(10)
    restarted = case.post(TREASURY, NOW + 900)
    assert (restarted.ended_before, restarted.requests) == (NOW + 10, ())
    assert case.send("msg_1", at=NOW + 5) == restarted
    assert case.send("msg_2", at=NOW + 15).due_at == NOW + 20


def test_a_scheduled_event_that_nobody_remembers_revives_nothing() -> None:
    case = Case()
    assert isinstance(case.ports.messages, FakeMessages)
    case.ports.messages.trouble = True
    case.run("arn:one", not_before=NOW + 60)
    taken_back = case.take_back()
    case.clock.sleep(5)
    case.run("arn:one", not_before=NOW + 60)
    assert case.row == taken_back


def test_a_request_that_finds_the_row_changed_is_put_to_what_is_there_now() -> None:
    class Raced(FakeTable):
        races = 1

        def reschedule(self, row: Cancellation, **was: Any) -> tuple[Cancellation, bool]:
            if self.races:
                self.races -= 1
                self.rows[ORDER_NO] = replace(self.rows[ORDER_NO], due_at=NOW + 30, not_before=NOW + 30)
            return super().reschedule(row, **was)

    case = Case(Raced())
    case.batch(TREASURY, NOW + 60)
    assert case.batch(SHOP, NOW + 45).due_at == NOW + 30
    assert case.row.requests[-1].requested_by == SHOP


def test_a_request_that_is_overtaken_time_and_again_was_not_accepted() -> None:
    class Busy(FakeTable):
        def reschedule(self, row: Cancellation, **was: Any) -> tuple[Cancellation, bool]:
            return self.rows[ORDER_NO], False

    case = Case(Busy())
    case.batch(TREASURY, NOW + 60)
    with pytest.raises(RowBusyError, match="others are changing"):
        case.batch(SHOP, NOW + 45)
    with pytest.raises(RowBusyError, match="others are changing"):
        case.take_back()


def test_the_record_is_shown() -> None:
    case = Case()
    case.batch(TREASURY, NOW + 50, "unfilled")
    case.send("msg_1", at=NOW)
    body = json.loads(create(service(case.ports))(sample("api-get"), Context())["body"])
    assert body["requests"] == [
        {"requested_by": TREASURY, "requested_at": NOW, "not_before": NOW + 50, "reason": "unfilled"},
        {"requested_by": "webhook:shop:msg_1", "requested_at": NOW, "reason": "by webhook"},
    ]


@pytest.mark.parametrize("way", ["post", "batch", "send"])
@pytest.mark.parametrize("lease", [30, 0])
def test_who_wants_it_now_is_not_accepted_while_an_attempt_only_looks_at_it(way: str, lease: int) -> None:
    """The attempt overwrites the row when it ends: a request that is put on record meanwhile would be lost."""
    looked_at = row(requested_by=TREASURY, not_before=NOW + 600, in_doubt_after=0, due_at=NOW + lease)
    case = Case(FakeTable(looked_at))
    ask = {"post": lambda: case.post(SHOP), "batch": lambda: case.batch(SHOP), "send": lambda: case.send("1", at=NOW)}
    with pytest.raises(RowBusyError, match=f"an attempt is looking at order {ORDER_NO} just now"):
        ask[way]()
    assert case.row == looked_at
    assert case.batch(SHOP, NOW + 900) == looked_at, "it changes nothing, so nothing is lost with it"


@pytest.mark.parametrize("way", ["batch", "send"])
def test_who_wants_it_now_is_answered_with_the_row_if_only_its_refund_is_awaited(way: str) -> None:
    """A look found it cancelled before it was to be cancelled again: an attempt has nothing left to do earlier."""
    refunding = row(
        requested_by=TREASURY, not_before=NOW + 600, state=State.REFUNDING, state_reason=StateReason.REFUND_PENDING
    )
    case = Case(FakeTable(refunding))
    assert {"batch": lambda: case.batch(SHOP), "send": lambda: case.send("1", at=NOW)}[way]() == refunding
