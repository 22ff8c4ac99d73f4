"""The metrics of the deployed functions, read as CloudWatch would read them, and the alarms that they set off."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.metrics import Datum, emitted
from local.stack import STACK, LocalStack
from tests.alarms import alarms, fires
from tests.e2e.rows import hold_the_turn, invoke_the_drain, put

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
    put(stack, unknown, "waiting", **refused)
    assert stack.api.cancel(unknown).body["type"].endswith(":refused")


def gave_up(stack: LocalStack) -> None:
    put(stack, "2304170329503866885311", "waiting", gives_up_at=int(time.time()) - 1)
    assert stack.api.cancel("2304170329503866885311").body["type"].endswith(":gave-up")


def wrong_key(stack: LocalStack) -> None:
    _answered(stack, "error_code", code=10001)


def rate_exceeded(stack: LocalStack) -> None:
    _answered(stack, "http_error", status=429)


def no_usable_answer(stack: LocalStack) -> None:
    _answered(stack, "http_error", status=503)


def _answered(stack: LocalStack, kind: str, **options: Any) -> None:
    order = stack.simulator.client.create_order(age=743)
    stack.simulator.client.misbehave(kind, order_no=order.order_no, **options)
    stack.api.cancel(order.order_no)


def refund_missing(stack: LocalStack) -> None:
    order = stack.simulator.client.create_order(age=743, status=11, refund="never")
    put(stack, order.order_no, "refunding", state_reason="refund_pending", since=int(time.time()) - 1300)
    assert stack.api.cancel(order.order_no).body["state"] == "refunding"


def late(stack: LocalStack) -> None:
    order = stack.simulator.client.create_order(age=743)
    hold_the_turn(stack, 20)
    time.sleep(4)  # a drain that is at work notices within three seconds that its turn is another's
    put(stack, order.order_no, "waiting", due_at=int(time.time()) - 400)
    invoke_the_drain(stack, "{}")
    hold_the_turn(stack, 0)
    stack.api.cancel(order.order_no)


def malformed(stack: LocalStack) -> None:
    assert invoke_the_drain(stack, '{"unknown": 1}')["FunctionError"]


EMITTED: dict[Fault, set[str]] = {
    cancelled: {"Requested", "Cancelled", "RefundedTRX", "EligibleToCancelled", "FeeeLatency"},
    rejected: {"RejectedFilled", "RejectedNeverPaid", "RejectedRefused", "FeeeRefused"},
    gave_up: {"Failed"},
    wrong_key: {"Misconfigured"},
    rate_exceeded: {"FeeeRateExceeded"},
    no_usable_answer: {"FeeeNoUsableAnswer"},
    refund_missing: {"RefundMissing"},
    late: {"Unsettled", "OldestOverdue"},
    malformed: {"MalformedEvent"},
}
"""What each emits; `FeeeNotSent` needs a feee.io that can't be reached (test_options.py)."""
SETS_OFF: dict[Fault, str] = {
    gave_up: "CancellationFailedAlarm",
    wrong_key: "MisconfiguredAlarm",
    refund_missing: "RefundMissingAlarm",
    late: "DrainLateAlarm",
    malformed: "MalformedEventAlarm",
}


@pytest.fixture(params=EMITTED, ids=lambda fault: fault.__name__)
def fault(request: pytest.FixtureRequest) -> Fault:
    chosen: Fault = request.param
    return chosen


def test_what_happens_is_emitted_with_just_the_one_dimension_and_sets_its_alarm_off(
    stack: LocalStack, fault: Fault
) -> None:
    since = time.time() - 0.01
    fault(stack)
    data = emitted(stack, since=since)
    assert EMITTED[fault] <= {datum.name for datum in data}
    of_the_stack = {("FeeeCancel", (("service", STACK),))}
    assert {(datum.namespace, datum.dimensions) for datum in data} == of_the_stack
    if fault in SETS_OFF:
        assert fires(ALARMS[SETS_OFF[fault]], data, now=time.time())


def test_where_all_goes_well_no_alarm_of_ours_is_set_off(stack: LocalStack) -> None:
    since = time.time() - 0.01
    cancelled(stack)
    data = emitted(stack, since=since)
    assert not any(fires(ALARMS[alarm], data, now=time.time()) for alarm in SETS_OFF.values())


def test_five_minutes_after_the_last_tick_the_drain_is_known_not_to_run(stack: LocalStack) -> None:
    late(stack)
    data = [datum for datum in emitted(stack) if datum.name == "OldestOverdue"]
    last = max(datum.at for datum in data)
    assert not fires(ALARMS["DrainNotRunningAlarm"], data, now=last + 299)
    assert fires(ALARMS["DrainNotRunningAlarm"], data, now=last + 301)


def counted(stack: LocalStack, alarm: str, function: str) -> list[Datum]:
    """What the emulator's CloudWatch has of a function's metric."""
    metric = ALARMS[alarm]["MetricName"]
    now = datetime.now(UTC)
    answer = stack.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName=metric,
        Dimensions=[{"Name": "FunctionName", "Value": stack.outputs[function]}],
        StartTime=now - timedelta(minutes=5),
        EndTime=now + timedelta(minutes=1),
        Period=60,
        Statistics=["Sum"],
    )
    of = {"namespace": "AWS/Lambda", "name": metric, "dimensions": (("FunctionName", ""),), "unit": "Count"}
    return [Datum(**of, value=point["Sum"], at=time.time()) for point in answer["Datapoints"]]


def test_a_function_that_fails_sets_its_alarm_off(stack: LocalStack) -> None:
    malformed(stack)
    assert fires(
        ALARMS["ScheduleErrorsAlarm"], counted(stack, "ScheduleErrorsAlarm", "ScheduleFunctionName"), now=time.time()
    )


@pytest.fixture
def no_concurrency(stack: LocalStack) -> Iterator[None]:
    """The drain's function may not run at all."""
    function, client = stack.outputs["ScheduleFunctionName"], stack.client("lambda")
    client.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
    yield
    client.delete_function_concurrency(FunctionName=function)


@pytest.mark.usefixtures("no_concurrency")
def test_a_function_without_concurrency_sets_its_alarm_off(stack: LocalStack) -> None:
    with pytest.raises(stack.client("lambda").exceptions.TooManyRequestsException):
        invoke_the_drain(stack, "{}")
    data = counted(stack, "ScheduleThrottlesAlarm", "ScheduleFunctionName")
    assert fires(ALARMS["ScheduleThrottlesAlarm"], data, now=time.time())


@pytest.mark.parametrize("queue", ["UndeliveredTicks", "FailedEvents", "UnannouncedRecords"])
def test_what_nobody_took_sets_its_queues_alarm_off(stack: LocalStack, queue: str) -> None:
    """A message as AWS puts it there, since that would take minutes of retries."""
    alarm, client = ALARMS[f"{queue}Alarm"], stack.client("sqs")
    url = f"{stack.endpoint}/{'/'.join(stack.outputs[f'{queue}Url'].split('/')[3:])}"
    client.send_message(QueueUrl=url, MessageBody="{}")
    attribute = "ApproximateNumberOfMessages"  # SQS's attribute of the metric ApproximateNumberOfMessagesVisible
    waiting = client.get_queue_attributes(QueueUrl=url, AttributeNames=[attribute])["Attributes"][attribute]
    of = {"namespace": "AWS/SQS", "name": alarm["MetricName"], "dimensions": (("QueueName", ""),), "unit": "Count"}
    assert fires(alarm, [Datum(**of, value=float(waiting), at=time.time())], now=time.time())
    client.purge_queue(QueueUrl=url)


def test_an_api_whose_function_crashes_sets_its_alarm_off(stack: LocalStack) -> None:
    """What API Gateway counts as 5XXError is an answer of 5xx; the emulator emits no metric of it."""
    order = stack.simulator.client.create_order(age=743)
    stack.simulator.client.misbehave("delay", order_no=order.order_no, seconds=3)
    killer = threading.Timer(1.0, stack.kill, [stack.outputs["ApiFunctionName"]])
    killer.start()
    answer = stack.api.cancel(order.order_no)
    killer.join()
    alarm = ALARMS["ApiServerErrorsAlarm"]
    of = {"namespace": "AWS/ApiGateway", "name": alarm["MetricName"], "unit": "Count", "at": time.time()}
    datum = Datum(**of, dimensions=(("ApiName", ""), ("Stage", "")), value=float(answer.status >= 500))
    assert fires(alarm, [datum], now=time.time())
