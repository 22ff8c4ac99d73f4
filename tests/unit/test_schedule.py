"""The schedule's handler, and what it is wired to."""

from decimal import Decimal
from io import BytesIO
from typing import IO, Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from urllib3.exceptions import SSLError

from feee_cancel.adapters.waker import Waker
from feee_cancel.domain.cancellation import State, StateReason
from feee_cancel.domain.faults import InvalidRequestError, PastTimeError
from feee_cancel.usecases.errors import TableUnavailableError
from functions.schedule.app import create
from tests.builders import NOW, ORDER_NO, row, shown
from tests.events import Context, sample
from tests.fakes import Clock, FakeFeee, FakeTable, FakeTelemetry, ports, service

DUE = row(state=State.WAITING, state_reason=StateReason.TOO_EARLY, due_at=NOW)


def test_the_sample_tick_makes_the_attempt_that_is_due() -> None:
    table = FakeTable(DUE)
    feee = FakeFeee(cancel=[shown(status=12, refund_amount=Decimal("3.92"))])
    create(service(ports(feee, table)))(sample("schedule-tick"), Context())
    assert table.rows[ORDER_NO].state is State.CANCELLED


def test_the_sample_wake_up_stays_until_it_says() -> None:
    held: dict[str, int] = {}
    create(service(ports(FakeFeee(), FakeTable()), held))(sample("schedule-wake-up") | {"until": NOW + 5}, Context())
    assert held["lease_until"] == 0


def test_a_tick_tells_how_things_stand_and_a_wake_up_does_not() -> None:
    later = row(order_no="2", state=State.WAITING, due_at=NOW + 999)
    wired = ports(FakeFeee(), FakeTable(later), telemetry := FakeTelemetry())
    create(service(wired))(sample("schedule-wake-up") | {"until": NOW + 1}, Context())
    assert telemetry.backlogs == []
    create(service(wired))(sample("schedule-tick"), Context())
    assert telemetry.backlogs == [(1, 0)]


def test_where_how_things_stand_cannot_be_seen_the_drain_works_all_the_same() -> None:
    table, telemetry = FakeTable(DUE), FakeTelemetry()
    table.trouble = {"unsettled"}
    feee = FakeFeee(cancel=[shown(status=12, refund_amount=Decimal("3.92"))])
    create(service(ports(feee, table, telemetry)))(sample("schedule-tick"), Context())
    assert (table.rows[ORDER_NO].state, telemetry.backlogs) == (State.CANCELLED, [])


def test_an_event_for_a_row_of_a_newer_version_comes_again() -> None:
    there = row(state=State.read("paused"))
    wired = ports(FakeFeee(), table := FakeTable(there))
    handler = create(service(wired))
    for _ in range(2):
        with pytest.raises(TableUnavailableError, match="paused"):
            handler({"order_no": ORDER_NO, "execution_id": "once"}, Context())
    assert table.rows == {ORDER_NO: there}
    table.rows.clear()
    handler({"order_no": ORDER_NO, "execution_id": "once"}, Context())
    assert table.rows[ORDER_NO].state is State.WAITING


def test_an_invocation_with_no_time_left_begins_nothing() -> None:
    table = FakeTable(DUE)
    service(ports(FakeFeee(), table)).drain(until=0, seconds_left=20)
    assert table.rows[ORDER_NO] == DUE


def test_the_doctors_question_is_answered_and_drains_nothing() -> None:
    table = FakeTable(DUE)
    answer = create(service(ports(FakeFeee(), table)))({"diagnose": True}, Context())
    assert (answer or {})["wanted"] is True
    assert table.rows[ORDER_NO] == DUE


@pytest.mark.parametrize(
    "event",
    [
        {"unknown": 1},
        {"diagnose": True, "order_no": "1"},
        {"until": "now"},
        {"until": 1, "order_no": "1"},
        {"until": True},
        {"until": False},
        {"until": None},
        {"until": 5.5},
        {"order_no": "1", "not_before": NOW - 3600},
        {"order_no": "1", "not_before": 20261215},
        {"order_nos": ["1"], "not_before": NOW * 1000},
        {"\ud800": 1},
        {"order_no": "x"},
        {"order_nos": []},
        {"order_no": "1", "order_nos": ["1"]},
        {"order_no": "1", "not_before": "tomorrow"},
        {"order_no": "1", "execution_id": "<aws.scheduler.execution-id>"},
        {"order_no": "1", "execution_id": ""},
        {"order_no": "1", "execution_id": 5},
        {"order_no": "1", "execution_id": "x" * 257},
        {"order_no": "1", "execution_id": "x\n"},
        [],
        "text",
        None,
    ],
)
def test_a_malformed_event_fails_loudly_and_takes_nothing(event: Any) -> None:
    table, counted = FakeTable(), list[str]()
    with pytest.raises(InvalidRequestError):
        create(service(ports(FakeFeee(), table), counted=counted))(event, Context())
    assert (counted, table.rows) == (["MalformedEvent"], {})


@pytest.mark.parametrize(
    ("event", "named"),
    [
        ({"key1": "value1", "key2": "value2"}, "the members key1, key2"),
        ({"Records": [{"eventSource": "aws:sqs", "body": "{}"}]}, "records of aws:sqs"),
        ({"Records": [{"EventSource": "aws:sns", "Sns": {}}]}, "records of aws:sns"),
        ({"version": "0", "detail-type": "Scheduled Event", "detail": {}}, "an EventBridge event: Scheduled Event"),
        ({"version": "2.0", "requestContext": {"http": {}}}, "payload format 2.0"),
        ("text", "a text"),
    ],
)
def test_an_event_of_another_kind_is_named(event: Any, named: str) -> None:
    with pytest.raises(InvalidRequestError, match=named):
        create(service(ports(FakeFeee(), FakeTable())))(event, Context())


@pytest.mark.parametrize("first", [True, False])
def test_an_event_that_comes_late_or_again_is_accepted_though_its_time_has_passed(first: bool) -> None:
    """Lambda keeps an event for hours while the function is throttled, and tries it again when it failed."""
    table, clock = FakeTable(), Clock()
    handler = create(service(ports(FakeFeee(), table, clock=clock)))
    event = {"order_nos": ["1", "2"], "not_before": NOW + 30}
    table.trouble = set() if first else {"start"}
    if first:
        handler(event, Context())
    else:
        with pytest.raises(TableUnavailableError):
            handler(event, Context())
    table.trouble = set()
    clock.time += 6 * 3600 if first else 500
    handler(event, Context())
    assert {row.not_before for row in table.rows.values()} == {NOW + 30}


def test_a_schedules_second_delivery_without_an_id_is_known_by_its_rows() -> None:
    table, clock = FakeTable(), Clock()
    wired = service(ports(FakeFeee(), table, clock=clock))
    event = {"order_no": ORDER_NO, "not_before": NOW + 30}
    wired.enqueue_event(event, invocation="1")
    clock.time += 3600
    wired.enqueue_event(event, invocation="2")
    wired.withdraw(ORDER_NO)
    with pytest.raises(PastTimeError):
        wired.enqueue_event(event, invocation="3")


def test_the_sample_schedule_of_one_order_is_taken_for_the_drain() -> None:
    table, woken = FakeTable(), list[int]()
    create(service(ports(FakeFeee(), table, woken=woken)))(sample("schedule-request"), Context())
    (taken,) = table.rows.values()
    assert (taken.state, taken.state_reason, taken.due_at, taken.attempt) == ("waiting", "queued", NOW, 0)
    assert (taken.reason, taken.requested_by) == ("unfilled", "event:request-1")
    assert woken == [NOW + 2], "long enough for the index to show it"


def test_the_sample_schedule_of_a_batch_is_taken_for_the_drain() -> None:
    table = FakeTable()
    create(service(ports(FakeFeee(), table)))(sample("schedule-batch"), Context())
    assert [taken.state_reason for taken in table.rows.values()] == ["queued", "queued"]


def test_the_good_orders_of_a_malformed_batch_are_taken_all_the_same_and_once() -> None:
    table, counted = FakeTable(), list[str]()
    handler = create(service(ports(FakeFeee(), table), counted=counted))
    event = {"order_nos": ["1", "x", "2"], "not_before": NOW + 99}
    for _ in range(3):  # Lambda tries a failed event three times
        with pytest.raises(InvalidRequestError):
            handler(event, Context())
    assert {(taken.order_no, taken.due_at) for taken in table.rows.values()} == {("1", NOW + 99), ("2", NOW + 99)}
    assert (table.writes, counted) == (2, ["MalformedEvent"] * 3)


def test_an_event_that_comes_again_changes_nothing_even_if_its_order_was_withdrawn_meanwhile() -> None:
    table = FakeTable()
    wired = service(ports(FakeFeee(), table))
    create(wired)({"order_no": ORDER_NO}, Context())
    withdrawn = wired.withdraw(ORDER_NO)
    create(wired)({"order_no": ORDER_NO}, Context())
    assert table.rows[ORDER_NO] == withdrawn


RUN = "arn:aws:scheduler:us-east-1:123456789012:schedule/default/cancel-tonight 2026-12-24T14:00:00Z"


@pytest.mark.parametrize("event", [{"order_no": ORDER_NO}, {"order_nos": [ORDER_NO]}])
def test_a_second_delivery_of_one_run_of_a_schedule_changes_nothing(event: dict[str, Any]) -> None:
    """EventBridge Scheduler delivers at least once, each time as an invocation of its own.

    What it puts for <aws.scheduler.execution-id> is new for each attempt; the schedule and its time are the same.
    """
    table = FakeTable()
    wired = service(ports(FakeFeee(), table))
    create(wired)(event | {"execution_id": RUN}, Context("delivery-1"))
    assert table.rows[ORDER_NO].requested_by == f"event:{RUN}"
    withdrawn = wired.withdraw(ORDER_NO)
    create(wired)(event | {"execution_id": RUN}, Context("delivery-2"))
    assert table.rows[ORDER_NO] == withdrawn
    create(wired)(event | {"execution_id": RUN.replace("24T", "25T")}, Context("delivery-3"))
    assert table.rows[ORDER_NO].state is State.WAITING, "the next run asks again"


def test_an_event_that_cannot_be_written_comes_again() -> None:
    table = FakeTable()
    handler = create(service(ports(FakeFeee(), table)))
    table.trouble = {"start"}
    with pytest.raises(TableUnavailableError):
        handler({"order_no": ORDER_NO}, Context())
    table.trouble = set()
    handler({"order_no": ORDER_NO}, Context())
    assert table.rows[ORDER_NO].state is State.WAITING


class FakeLambda:
    """Lambda's client, as far as it is used."""

    def __init__(self, error: Exception | None = None, payload: IO[bytes] | None = None) -> None:
        self.error = error
        self.payload = payload or BytesIO()
        self.invoked: list[dict[str, Any]] = []

    def invoke(self, **request: Any) -> dict[str, Any]:
        if self.error:
            raise self.error
        self.invoked.append(request)
        return {"StatusCode": 202, "Payload": self.payload}


class FakeTableLease:
    """The lease, held by a drain or not."""

    def __init__(self, *, held: bool | Exception) -> None:
        self.held = held

    def may_wake(self, until: int, *, now: float) -> bool:
        if isinstance(self.held, Exception):
            raise self.held
        return not self.held


def wake(client: FakeLambda, *, held: bool | Exception = False) -> None:
    Waker(FakeTableLease(held=held), lambda: client, "drain")(NOW)  # type: ignore[arg-type,return-value] # fakes


class Broken(BytesIO):
    def read(self, size: int | None = -1, /) -> bytes:
        raise SSLError("bad record mac")


def test_an_invocation_that_was_accepted_is_one_though_the_rest_is_lost(caplog: pytest.LogCaptureFixture) -> None:
    client = FakeLambda(payload=Broken())
    wake(client)
    assert len(client.invoked) == 1
    assert caplog.messages == []


def test_waking_the_drain_is_an_asynchronous_invocation_where_none_is_at_work() -> None:
    client = FakeLambda()
    wake(client, held=True)
    assert client.invoked == []
    wake(client, held=False)
    assert client.invoked == [
        {"FunctionName": "drain", "InvocationType": "Event", "Payload": f'{{"until": {NOW}}}'.encode()}
    ]


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "TooManyRequestsException", "Message": ""}}, "Invoke"),
        EndpointConnectionError(endpoint_url="https://x"),
    ],
)
def test_a_wake_up_that_is_lost_troubles_nobody(error: Exception) -> None:
    wake(FakeLambda(error))
    wake(FakeLambda(), held=TableUnavailableError())
