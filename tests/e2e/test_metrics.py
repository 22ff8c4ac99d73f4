"""The metrics of the deployed functions, read as CloudWatch would read them, and the alarms that they set off."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from local.metrics import emitted
from local.stack import STACK, LocalStack
from tests.alarms import alarms, fires
from tests.e2e.restored import clear, renew
from tests.e2e.rows import invoke_the_drain, let_an_attempt_crash, no_drain_at_work, put, tick
from tests.e2e.waiting import wait_for

ALARMS = alarms()
Fault = Callable[[LocalStack], None]


def cancelled(stack: LocalStack) -> None:
    order = stack.simulator.client.create_order(age=743)
    assert stack.api.cancel(order.order_no).status == 200


def rejected(stack: LocalStack) -> None:
    for status in (6, 2):
        order = stack.simulator.client.create_order(age=743, status=status)
        assert stack.api.cancel(order.order_no).status == 409
    unknown = "2304170329503866885310"
    code = stack.api.call("GET", f"/orders/{unknown}").body["last_answer"]["code"]
    refused = {
        "state_reason": "order_refused",
        "refusals": f"{code}/{code}",
        "tries": 2,
        "since": int(time.time()) - 99,
    }
    with no_drain_at_work(stack):
        put(stack, unknown, "waiting", **refused)
        answer = stack.api.cancel(unknown)
    assert answer.body.get("type", "").endswith(":refused"), answer


def gave_up(stack: LocalStack) -> None:
    with no_drain_at_work(stack):
        put(stack, "2304170329503866885311", "waiting", gives_up_at=int(time.time()) - 1)
        answer = stack.api.cancel("2304170329503866885311")
    assert answer.body.get("type", "").endswith(":gave-up"), answer


def wrong_key(stack: LocalStack) -> None:
    _answered(stack, "error_code", code=10001)


def rate_exceeded(stack: LocalStack) -> None:
    _answered(stack, "http_error", status=429)


def no_usable_answer(stack: LocalStack) -> None:
    _answered(stack, "http_error", status=503)


def _answered(stack: LocalStack, kind: str, **options: Any) -> None:
    order = stack.simulator.client.create_order(age=743)
    stack.simulator.client.misbehave(kind, order_no=order.order_no, **options)
    assert stack.api.cancel(order.order_no).status == 202


def refund_missing(stack: LocalStack) -> None:
    order = stack.simulator.client.create_order(age=743, status=11, refund="never")
    put(stack, order.order_no, "refunding", state_reason="refund_pending", since=int(time.time()) - 1300)
    assert stack.api.cancel(order.order_no).body["state"] == "refunding"


def late(stack: LocalStack) -> None:
    order, since = stack.simulator.client.create_order(age=743), time.time()
    with no_drain_at_work(stack):
        put(stack, order.order_no, "waiting", due_at=int(time.time()) - 400)
        tick(stack)
        look = partial(emitted, stack, since=since)
        wait_for(look, lambda data: fires(ALARMS["DrainLateAlarm"], data, now=time.time()))
    stack.api.cancel(order.order_no)


def crashed(stack: LocalStack) -> None:
    let_an_attempt_crash(stack, "2304170329503866885312")
    time.sleep(2)  # the drain that met the row notices that it is gone, and tells what it counted


def malformed(stack: LocalStack) -> None:
    invoke = partial(invoke_the_drain, stack, '{"unknown": 1}')  # on a busy machine its process may not start in time
    wait_for(invoke, lambda error: "neither order_no nor" in error["errorMessage"])


EMITTED: dict[Fault, set[str]] = {
    cancelled: {"Requested", "Cancelled", "RefundedTRX", "EligibleToCancelled", "FeeeLatency"},
    rejected: {"RejectedFilled", "RejectedNeverPaid", "RejectedRefused", "FeeeRefused"},
    gave_up: {"Failed"},
    wrong_key: {"Misconfigured"},
    rate_exceeded: {"FeeeRateExceeded"},
    no_usable_answer: {"FeeeNoUsableAnswer"},
    refund_missing: {"RefundMissing"},
    late: {"Unsettled", "OldestOverdue"},
    crashed: {"AttemptCrashed"},
    malformed: {"MalformedEvent"},
}
"""What each emits; `FeeeNotSent` needs a feee.io that can't be reached (test_options.py)."""
SETS_OFF: dict[Fault, str] = {
    gave_up: "CancellationFailedAlarm",
    wrong_key: "MisconfiguredAlarm",
    refund_missing: "RefundMissingAlarm",
    late: "DrainLateAlarm",
    crashed: "AttemptCrashedAlarm",
    malformed: "MalformedEventAlarm",
}


def test_every_alarm_on_our_metrics_has_its_fault() -> None:
    """But for the fault of emitting nothing: test_faults.py."""
    ours = {name for name, alarm in ALARMS.items() if alarm["Namespace"] == "FeeeCancel"}
    assert {*SETS_OFF.values()} == ours - {"DrainNotRunningAlarm"}


@pytest.fixture(autouse=True)
def _fresh(stack: LocalStack) -> None:
    """No drain is at work on another test's rows: it would tell its metrics at its end.

    The rows go first: an event whose process is replaced comes again, and must find nothing.
    """
    clear(stack)
    renew(stack)


@pytest.fixture(params=EMITTED, ids=lambda fault: fault.__name__)
def fault(request: pytest.FixtureRequest) -> Fault:
    chosen: Fault = request.param
    return chosen


def test_what_happens_is_emitted_with_just_the_one_dimension_and_sets_its_alarm_off(
    stack: LocalStack, fault: Fault
) -> None:
    since = time.time() - 0.01
    fault(stack)
    look = partial(emitted, stack, since=since)  # a log is there a moment after what it is about
    data = wait_for(look, lambda data: EMITTED[fault] <= {datum.name for datum in data})
    if fault in SETS_OFF:  # a tick before may have told that nothing was wrong
        data = wait_for(look, lambda data: fires(ALARMS[SETS_OFF[fault]], data, now=time.time()))
    of_the_stack = {("FeeeCancel", (("service", STACK),))}
    assert {(datum.namespace, datum.dimensions) for datum in data} == of_the_stack


def test_where_all_goes_well_no_alarm_of_ours_is_set_off(stack: LocalStack) -> None:
    since = time.time() - 0.01
    cancelled(stack)
    data = wait_for(lambda: emitted(stack, since=since), lambda data: "Cancelled" in {datum.name for datum in data})
    assert not any(fires(ALARMS[alarm], data, now=time.time()) for alarm in SETS_OFF.values())
