"""What is told, as CloudWatch gets it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from decimal import Decimal

import pytest

from feee_cancel.adapters.telemetry import EmbeddedMetrics
from feee_cancel.domain.answer import Answer, AnswerKind
from feee_cancel.domain.cancellation import Cancellation, State, StateReason
from feee_cancel.domain.documents import CancellationRequest
from feee_cancel.usecases.attempt import attempt, contained
from feee_cancel.usecases.backlog import recall_what_is_due_too_late, report_backlog
from feee_cancel.usecases.enqueue import enqueue
from feee_cancel.usecases.errors import TableUnavailableError
from local.metrics import Datum, embedded
from tests.builders import NOW, ORDER_NO, row, shown
from tests.fakes import Clock, FakeFeee, FakeTable, FakeTelemetry, ports

Told = Callable[[EmbeddedMetrics], None]


@pytest.fixture
def written(capsys: pytest.CaptureFixture[str]) -> Callable[[Told], list[Datum]]:
    """The data that one invocation writes in which this is told."""

    def _written(tell: Told) -> list[Datum]:
        metrics = EmbeddedMetrics("feee-cancel", 1200, now=lambda: NOW)
        metrics.published(lambda event, context: tell(metrics))({}, None)
        return [datum for line in capsys.readouterr().out.splitlines() for datum in embedded(line)]

    return _written


CANCELLED = row(
    state=State.CANCELLED,
    state_reason=StateReason.REFUNDED,
    refund_amount=Decimal("3.92"),
    eligible_at=NOW - 438,
    settled_at=NOW + 2,
)


@pytest.mark.parametrize(
    ("ended", "values"),
    [
        (CANCELLED, {"Cancelled": 1, "RefundedTRX": 3.92, "EligibleToCancelled": 2}),
        (replace(CANCELLED, refund_amount=Decimal(0)), {"Cancelled": 1, "EligibleToCancelled": 2}),
        (replace(CANCELLED, refund_amount=None, settled_at=None), {"Cancelled": 1, "EligibleToCancelled": 0}),
        (replace(CANCELLED, eligible_at=NOW + 1, refund_amount=None), {"Cancelled": 1, "EligibleToCancelled": 1}),
        (replace(CANCELLED, not_before=NOW + 2, refund_amount=None), {"Cancelled": 1, "EligibleToCancelled": 0}),
        (replace(CANCELLED, eligible_at=NOW + 99, refund_amount=None), {"Cancelled": 1, "EligibleToCancelled": 0}),
        (row(state=State.REJECTED, state_reason=StateReason.FILLED), {"RejectedFilled": 1}),
        (row(state=State.REJECTED, state_reason=StateReason.NEVER_PAID), {"RejectedNeverPaid": 1}),
        (row(state=State.REJECTED, state_reason=StateReason.REFUSED), {"RejectedRefused": 1}),
        (row(state=State.FAILED, state_reason=StateReason.GAVE_UP), {"Failed": 1}),
        (row(state=State.WAITING, answer=AnswerKind.REFUSED), {}),
        (row(state=State.REFUNDING, since=NOW - 1199), {}),
        (row(state=State.REFUNDING, since=NOW - 1200), {"RefundMissing": 1}),
    ],
)
def test_what_an_attempt_came_to(
    ended: Cancellation, values: dict[str, float], written: Callable[[Told], list[Datum]]
) -> None:
    data = written(lambda metrics: metrics.attempted(ended))
    assert {datum.name: datum.value for datum in data} == values


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (AnswerKind.ORDER, {}),
        (AnswerKind.ACCEPTED, {}),
        (AnswerKind.REFUSED, {"FeeeRefused": 1}),
        (AnswerKind.MISCONFIGURED, {"Misconfigured": 1}),
        (AnswerKind.RATE_EXCEEDED, {"FeeeRateExceeded": 1}),
        (AnswerKind.NOT_SENT, {"FeeeNotSent": 1}),
        (AnswerKind.NO_USABLE_ANSWER, {"FeeeNoUsableAnswer": 1}),
    ],
)
def test_how_a_call_to_feee_io_went(
    kind: AnswerKind, values: dict[str, float], written: Callable[[Told], list[Datum]]
) -> None:
    data = written(lambda metrics: metrics.answered(Answer(kind=kind, seconds=0.25)))
    assert {datum.name: datum.value for datum in data} == {"FeeeLatency": 250.0} | values
    without_a_call = written(lambda metrics: metrics.answered(Answer(kind=kind)))
    assert {datum.name: datum.value for datum in without_a_call} == values


def test_every_datum_has_the_namespace_the_one_dimension_and_its_unit(
    written: Callable[[Told], list[Datum]],
) -> None:
    def _tell(metrics: EmbeddedMetrics) -> None:
        metrics.backlog(3, overdue=12.5)
        metrics.started()
        metrics.crashed()
        metrics.attempted(CANCELLED)
        metrics.answered(Answer(kind=AnswerKind.ORDER, seconds=1))

    data = written(_tell)
    assert {(datum.namespace, datum.dimensions) for datum in data} == {("FeeeCancel", (("service", "feee-cancel"),))}
    assert {datum.name: datum.unit for datum in data} == {
        "Requested": "Count",
        "AttemptCrashed": "Count",
        "Unsettled": "Count",
        "OldestOverdue": "Seconds",
        "Cancelled": "Count",
        "RefundedTRX": "None",
        "EligibleToCancelled": "Seconds",
        "FeeeLatency": "Milliseconds",
    }


def test_where_nothing_happened_nothing_is_written(written: Callable[[Told], list[Datum]]) -> None:
    assert written(lambda metrics: None) == []


def test_a_handler_that_fails_writes_what_was_counted(capsys: pytest.CaptureFixture[str]) -> None:
    metrics = EmbeddedMetrics("feee-cancel", 1200)

    def _fail(event: object, context: object) -> None:
        metrics.count("MalformedEvent")
        raise LookupError

    with pytest.raises(LookupError):
        metrics.published(_fail)({}, None)
    assert [datum.name for datum in embedded(capsys.readouterr().out.strip())] == ["MalformedEvent"]


def test_what_a_long_drain_counts_is_written_meanwhile(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    metrics = EmbeddedMetrics("feee-cancel", 1200, now=clock)

    def _drain(event: object, context: object) -> None:
        for _ in range(3):
            clock.sleep(5)
            metrics.count("Failed")

    metrics.published(_drain)({}, None)
    lines = [list(embedded(line)) for line in capsys.readouterr().out.splitlines()]
    assert [len(data) for data in lines] == [2, 1]


def test_a_drain_of_a_thousand_orders_in_threads_loses_no_value(written: Callable[[Told], list[Datum]]) -> None:
    def _tell(metrics: EmbeddedMetrics) -> None:
        with ThreadPoolExecutor(32) as executor:
            list(executor.map(metrics.attempted, [CANCELLED] * 1000))

    data = written(_tell)
    assert sum(datum.value for datum in data if datum.name == "Cancelled") == 1000
    assert sum(datum.value for datum in data if datum.name == "RefundedTRX") == pytest.approx(3920)


def test_a_request_counts_once_however_often_it_is_made() -> None:
    wired = ports(FakeFeee(), FakeTable(), telemetry := FakeTelemetry())
    for _ in range(3):
        enqueue(CancellationRequest(order_no=ORDER_NO), wired, requested_by=None)
    assert telemetry.requests == 1


def test_an_attempt_that_was_overtaken_counts_nothing() -> None:
    refunded = shown(status=12, refund_amount=Decimal("3.92"))
    table = FakeTable(there := replace(CANCELLED, attempt=2))
    wired = ports(FakeFeee(cancel=[refunded]), table, telemetry := FakeTelemetry())
    assert attempt(row(attempt=1), wired, deadline=NOW + 16) == there
    assert telemetry.rows == []


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([], (0, 0)),
        ([row(order_no="1", due_at=NOW + 50), row(order_no="2", state=State.WAITING, due_at=NOW)], (2, 0)),
        ([row(order_no="1", due_at=NOW - 7), row(order_no="2", state=State.REFUNDING, due_at=NOW - 301)], (2, 301)),
        ([row(order_no="1", due_at=NOW - 7), row(order_no="2", state=State.FAILED, due_at=NOW - 301)], (1, 7)),
    ],
)
def test_a_report_says_how_much_is_unsettled_and_how_late_the_oldest_is(
    rows: list[Cancellation], told: tuple[int, float]
) -> None:
    wired = ports(FakeFeee(), FakeTable(*rows), telemetry := FakeTelemetry())
    report_backlog(wired)
    assert telemetry.backlogs == [told]


@pytest.mark.parametrize(
    ("due_at", "count", "looks"),
    [(NOW, 0, False), (NOW + 31 * 86_400, 999, False), (NOW + 31 * 86_400 + 1, 1, True), (NOW, 1_000, True)],
)
def test_a_tick_looks_for_what_is_due_too_late_only_if_there_may_be_some(
    due_at: int, count: int, *, looks: bool
) -> None:
    table = FakeTable(*(row(order_no=str(n), due_at=due_at) for n in range(count)))
    wired = ports(FakeFeee(), table)
    backlog = report_backlog(wired)
    table.trouble = {"page"}
    with pytest.raises(TableUnavailableError) if looks else nullcontext():
        recall_what_is_due_too_late(wired, backlog)


def test_an_attempt_that_cannot_be_written_is_no_crash() -> None:
    def _unwritable() -> None:
        raise TableUnavailableError

    telemetry = FakeTelemetry()
    wired = replace(ports(FakeFeee(), FakeTable()), telemetry=telemetry)
    assert contained(_unwritable, ORDER_NO, wired) == (False, None)
    assert telemetry.crashes == 0
