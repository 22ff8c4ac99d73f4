"""Times from outside are believed within bounds only, and whatever a row says, it can be shown."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feee_cancel.adapters.announcer import Announcer
from feee_cancel.domain.answer import Answer
from feee_cancel.domain.cancellation import Cancellation, State, StateReason
from feee_cancel.domain.decision import Policy, decide
from feee_cancel.domain.documents import CancellationRequest
from feee_cancel.domain.outlook import outlook
from feee_cancel.usecases.enqueue import enqueue
from feee_cancel.usecases.request import request_cancellation
from tests.builders import NOW, ORDER_NO, order, refused, row, shown
from tests.fakes import Clock, FakeFeee, FakeTable, ports

AT_MOST = 305
"""An order that was seen is eligible so much later at the latest: feee.io's five minutes and the margin."""
DAY, MONTH = 86_400, 30 * 86_400
YEAR_56880 = 1_732_908_000_000

CREATED: list[tuple[Any, int]] = [
    # create_time, and after how many seconds an order is due that was first seen now
    (NOW - 100, 205),
    (NOW, 305),
    (NOW + 4, 305),  # feee.io's clock is ahead
    ((NOW - 100) * 1_000, AT_MOST),  # milliseconds
    (NOW - 100 + 8 * 3_600, AT_MOST),  # local time
    (NOW + 10 * 365 * DAY, AT_MOST),
    (YEAR_56880, AT_MOST),
    (999_999_999_999_999, AT_MOST),
    (str(NOW * 1_000), AT_MOST),
]


def after(cancel: Answer, query: Answer, there: Cancellation, *, now: float = NOW) -> Cancellation:
    return decide(there, cancel, query, now=now, policy=Policy(), jitter=0)


@pytest.mark.parametrize(("create_time", "due_in"), CREATED)
def test_an_order_that_was_seen_is_due_within_five_minutes_and_the_margin(create_time: Any, due_in: int) -> None:
    waiting = after(refused(), shown(create_time=create_time), row())
    assert waiting.state_reason is StateReason.TOO_EARLY
    assert (waiting.due_at, waiting.eligible_at, waiting.seen_at) == (NOW + due_in, NOW + due_in, NOW)


@pytest.mark.parametrize(("create_time", "due_in"), CREATED)
def test_the_five_minutes_are_counted_from_when_it_was_first_seen(create_time: Any, due_in: int) -> None:
    """Each look would put it off again otherwise."""
    waiting = after(refused(), shown(create_time=create_time), row())
    later = after(refused(), shown(create_time=create_time), waiting, now=NOW + 150)
    assert (later.due_at, later.seen_at) == (max(NOW + due_in, later.due_at), NOW)
    assert later.eligible_at == NOW + due_in
    at_its_time = after(refused(), shown(create_time=create_time), waiting, now=NOW + due_in)
    assert at_its_time.state_reason is StateReason.CANCEL_REFUSED


@pytest.mark.parametrize("create_time", [0, -1, -NOW, -999_999_999_999_999, 1, NOW - 8 * 3_600])
def test_an_order_that_claims_to_be_old_is_tried_and_its_time_is_none_before_time_began(create_time: int) -> None:
    waiting = after(refused(), shown(create_time=create_time), row())
    assert (waiting.state_reason, waiting.due_at) == (StateReason.CANCEL_REFUSED, NOW + 15)
    assert waiting.eligible_at is not None
    assert waiting.eligible_at >= 0


@given(
    st.integers(-(10**15) + 1, 10**15 - 1),
    st.none() | st.integers(NOW - DAY, NOW),
    st.integers(-(10**12), 10**13),
    st.none() | st.integers(0, NOW + MONTH),
    st.sampled_from([4, 11, 12, 15, 99]),
)
def test_whatever_feee_io_and_the_row_say_the_next_step_is_near(
    create_time: int, seen_at: int | None, gives_up_at: int, not_before: int | None, status: int
) -> None:
    there = row(seen_at=seen_at, gives_up_at=gives_up_at, not_before=not_before)
    settled = after(refused(), shown(create_time=create_time, status=status), there)
    assert settled.gives_up_at <= max(NOW, not_before or 0) + AT_MOST + DAY
    if not settled.state.final:
        assert settled.due_at <= NOW + AT_MOST
        assert settled.eligible_at is not None
        assert 0 <= settled.eligible_at <= NOW + AT_MOST


@pytest.mark.parametrize("create_time", [created for created, _ in CREATED])
def test_a_look_up_believes_no_more(create_time: Any) -> None:
    eligible_at = outlook(order(create_time=create_time), now=NOW + 0.9, policy=Policy()).eligible_at
    assert eligible_at is not None
    assert eligible_at <= NOW + AT_MOST


ASLEEP = row(
    state=State.WAITING,
    state_reason=StateReason.TOO_EARLY,
    due_at=YEAR_56880 + 305,
    eligible_at=YEAR_56880 + 305,
    gives_up_at=YEAR_56880 + 305 + DAY,
    requested_by="me",
)
"""A row of a version that believed any `create_time`."""


@pytest.mark.parametrize("not_before", [None, NOW + 50, NOW + 5_000])
@pytest.mark.parametrize("eligible_at", [YEAR_56880 + 305, NOW + 8 * 3_600, None])
def test_a_row_that_sleeps_for_ages_wakes_up_when_it_is_asked_for_again(
    not_before: int | None, eligible_at: int | None
) -> None:
    asked = CancellationRequest(order_no=ORDER_NO, not_before=not_before)
    latest = max(NOW + AT_MOST, not_before or 0)
    there = replace(ASLEEP, eligible_at=eligible_at)
    for_the_drain = enqueue(asked, ports(FakeFeee(), FakeTable(there)), requested_by="me")
    assert for_the_drain.due_at <= latest
    feee = FakeFeee([shown(status=12, refund_amount=Decimal("3.92"))])
    at_once = request_cancellation(asked, ports(feee, FakeTable(there)), requested_by="me", deadline=NOW + 99)
    assert at_once.due_at <= latest
    for found in (for_the_drain, at_once):
        assert found.state.final or found.gives_up_at <= latest + DAY


def test_asking_again_takes_nothing_off_the_margin() -> None:
    seen_just_now = replace(ASLEEP, due_at=NOW + AT_MOST, eligible_at=NOW + AT_MOST)
    asked = CancellationRequest(order_no=ORDER_NO)
    assert enqueue(asked, ports(FakeFeee(), FakeTable(seen_just_now)), requested_by="other").due_at == NOW + AT_MOST


def test_an_order_first_seen_before_it_failed_is_not_new_when_it_is_asked_for_again() -> None:
    failed = row(state=State.FAILED, seen_at=NOW - 400, due_at=NOW - 99)
    feee = FakeFeee([refused()], [shown(create_time=YEAR_56880)])
    again = request_cancellation(
        CancellationRequest(order_no=ORDER_NO), ports(feee, FakeTable(failed)), requested_by="me", deadline=NOW + 99
    )
    assert (again.seen_at, again.state_reason) == (NOW - 400, StateReason.CANCEL_REFUSED)


class Bus:
    """EventBridge, as far as it is used."""

    def __init__(self) -> None:
        self.entries: list[Any] = []

    def put_events(self, *, Entries: list[Any]) -> dict[str, Any]:  # noqa: N803 - boto3's own
        self.entries += Entries
        return {"Entries": [{} for _ in Entries]}


@pytest.mark.parametrize("settled_at", [-5, 0, YEAR_56880, 10**15])
def test_a_settled_event_has_a_date_whatever_the_row_says(settled_at: int) -> None:
    image = {
        "order_no": {"S": "1"},
        "state": {"S": "failed"},
        **{name: {"N": str(settled_at)} for name in ("due_at", "requested_at", "gives_up_at", "settled_at")},
    }
    bus = Bus()
    announcer = Announcer(bus, "bus", "table")  # type: ignore[arg-type] # a fake
    assert announcer.announce([{"dynamodb": {"SequenceNumber": "1", "NewImage": image}}]) is None
    (event,) = bus.entries
    assert 1970 <= event["Time"].year <= 9999
    assert json.loads(event["Detail"])["settled_at"] == settled_at


def test_the_clock_of_a_request_is_never_the_callers() -> None:
    clock = Clock(NOW)
    waiting = enqueue(CancellationRequest(order_no="1"), ports(FakeFeee(), FakeTable(), clock=clock), requested_by=None)
    assert (waiting.requested_at, waiting.due_at) == (NOW, NOW)
