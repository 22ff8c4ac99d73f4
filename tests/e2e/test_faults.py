"""The alarms on AWS's own metrics, and on ticks that don't come: each in its fault, on the deployed stack.

The emulator emits Lambda's metrics for an `Invoke` that waits, and no others; those are counted from what happened.
"""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from local.metrics import Datum, emitted
from local.stack import LocalStack, local_stack
from tests.alarms import alarms, fires
from tests.e2e.gate import Gate, gate
from tests.e2e.restored import clear, put_back
from tests.e2e.waiting import wait_for

ALARMS = alarms()
FUNCTIONS = ("Api", "Webhook", "Schedule", "Notify")
QUEUES = ("FailedEvents", "UndeliveredTicks", "UnannouncedRecords")
THROTTLED = {
    "GetItem": ["TableReadsThrottledAlarm"],
    "Query": ["IndexReadsThrottledAlarm"],
    "PutItem": ["TableWritesThrottledAlarm", "IndexWritesThrottledAlarm"],
}
"""The operation that DynamoDB refuses, and what it sets off; a write that the index can't take is refused whole."""
NEEDING: Mapping[str, tuple[str, str, bytes | None]] = {
    "GetItem": ("GET", "/cancellations/2404170329503866", None),
    "Query": ("GET", "/cancellations?state=waiting", None),
    "PutItem": ("POST", "/cancellations", b'{"order_no": "2404170329503866"}'),
}
"""A request that needs the operation."""
NOT_BROUGHT_ABOUT = {
    "UndeliveredTicksAlarm": "the emulator's scheduler keeps no tick that it couldn't deliver: a message stands for it",
}
"""Besides DynamoDB's throttles: the emulator's takes whatever comes, so a gate before it refuses."""


@pytest.fixture(scope="module")
def deployed() -> Iterator[LocalStack]:
    """A stack of their own: another test's drain mustn't be caught by these faults."""
    with local_stack(Console(quiet=True)) as stack:
        yield stack


@pytest.fixture(scope="module", autouse=True)
def last_tick(deployed: LocalStack) -> float:
    """When the drain ticked last: the stack's schedule is disabled for all of these tests, as the last one needs it."""
    scheduler = deployed.client("scheduler")
    (listed,) = scheduler.list_schedules()["Schedules"]
    found = scheduler.get_schedule(Name=listed["Name"], GroupName=listed["GroupName"])
    settings = ("Name", "GroupName", "ScheduleExpression", "FlexibleTimeWindow", "Target")
    schedule = {name: found[name] for name in settings}
    scheduler.update_schedule(**schedule, State="DISABLED")
    if not ticks(deployed):
        invoke(deployed, "Schedule")
    return ticks(deployed)[-1].at


@pytest.fixture
def stack(deployed: LocalStack) -> Iterator[LocalStack]:
    """A stack whose functions may be spoilt."""
    clear(deployed)
    with put_back(deployed):
        yield deployed


def ticks(stack: LocalStack) -> list[Datum]:
    """What the drain's ticks emitted: each says for how long the oldest row has been due."""
    return sorted((one for one in emitted(stack) if one.name == "OldestOverdue"), key=lambda one: one.at)


def datum(alarm: str, value: float, at: float | None = None) -> Datum:
    """A value of the alarm's metric, now unless said otherwise."""
    of = {"namespace": ALARMS[alarm]["Namespace"], "name": ALARMS[alarm]["MetricName"], "unit": "None"}
    names = tuple((dimension["Name"], "") for dimension in ALARMS[alarm]["Dimensions"])
    return Datum(**of, dimensions=names, value=value, at=time.time() if at is None else at)


def assert_set_off(alarm: str, value: float) -> None:
    """That it fires at this value of its metric, and that before there was none of it doesn't."""
    assert fires(ALARMS[alarm], [datum(alarm, value)], now=time.time())
    assert not fires(ALARMS[alarm], [datum(alarm, 0)], now=time.time())


@contextmanager
def settings(stack: LocalStack, function: str, **changes: str | None) -> Iterator[None]:
    """A function with other variables; None takes one away."""
    client, name = stack.client("lambda"), stack.outputs[f"{function}FunctionName"]
    variables = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    changed = {key: value for key, value in (variables | changes).items() if value is not None}
    client.update_function_configuration(FunctionName=name, Environment={"Variables": changed})
    try:
        yield
    finally:
        client.update_function_configuration(FunctionName=name, Environment={"Variables": variables})


def invoke(stack: LocalStack, function: str) -> dict[str, Any]:
    name = stack.outputs[f"{function}FunctionName"]
    answer: dict[str, Any] = stack.client("lambda").invoke(FunctionName=name, Payload=b"{}")
    return answer


def counted(stack: LocalStack, alarm: str, function: str) -> float:
    """What the emulator's CloudWatch has of the alarm's metric, of this function, since it runs."""
    now = datetime.now(UTC)
    answer = stack.client("cloudwatch").get_metric_statistics(
        Namespace=ALARMS[alarm]["Namespace"],
        MetricName=ALARMS[alarm]["MetricName"],
        Dimensions=[{"Name": "FunctionName", "Value": stack.outputs[f"{function}FunctionName"]}],
        StartTime=now - timedelta(days=1),
        EndTime=now + timedelta(minutes=1),
        Period=86_400,
        Statistics=["Sum"],
    )
    return float(sum(point["Sum"] for point in answer["Datapoints"]))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_that_cannot_start_sets_its_alarm_off(stack: LocalStack, function: str) -> None:
    alarm = f"{function}ErrorsAlarm"
    before = counted(stack, alarm, function)
    with settings(stack, function, TABLE_NAME=None, EVENT_BUS_NAME=None):
        assert invoke(stack, function)["FunctionError"]
    assert_set_off(alarm, counted(stack, alarm, function) - before)


@pytest.fixture
def no_concurrency(stack: LocalStack, function: str) -> Iterator[None]:
    """The function may not run at all."""
    name, client = stack.outputs[f"{function}FunctionName"], stack.client("lambda")
    reserved = client.get_function_concurrency(FunctionName=name).get("ReservedConcurrentExecutions")
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    yield
    if reserved is None:
        client.delete_function_concurrency(FunctionName=name)
    else:
        client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=reserved)


@pytest.mark.usefixtures("no_concurrency")
@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_without_concurrency_sets_its_alarm_off(stack: LocalStack, function: str) -> None:
    alarm = f"{function}ThrottlesAlarm"
    before = counted(stack, alarm, function)
    with pytest.raises(stack.client("lambda").exceptions.TooManyRequestsException):
        invoke(stack, function)
    assert_set_off(alarm, counted(stack, alarm, function) - before)


def test_an_api_whose_function_crashes_sets_its_alarm_off(stack: LocalStack) -> None:
    """What API Gateway counts as 5XXError is an answer of 5xx."""
    order = stack.simulator.client.create_order(age=743)
    stack.simulator.client.misbehave("delay", order_no=order.order_no, seconds=3)
    killer = threading.Timer(1.0, stack.kill, [stack.outputs["ApiFunctionName"]])
    killer.start()
    answer = stack.api.cancel(order.order_no)
    killer.join()
    assert_set_off("ApiServerErrorsAlarm", float(answer.status >= 500))


@pytest.fixture
def gated(stack: LocalStack) -> Iterator[Gate]:
    """A gate between the API's function and DynamoDB."""
    name = stack.outputs["ApiFunctionName"]
    with (
        gate(stack.endpoint, lambda: stack.kill(name)) as opened,
        settings(stack, "Api", AWS_ENDPOINT_URL=opened.url),
    ):
        yield opened


@pytest.mark.parametrize("operation", THROTTLED)
def test_a_throttled_table_sets_its_alarms_off_and_is_said_so(stack: LocalStack, gated: Gate, operation: str) -> None:
    gated.throttled = frozenset({operation})
    answer = stack.api.call(*NEEDING[operation])
    assert (answer.status, answer.body["type"]) == (503, "urn:feee-cancel:problem:unavailable")
    assert gated.refused == {operation: 3}, "every call is made three times"
    for alarm in THROTTLED[operation]:
        assert_set_off(alarm, gated.refused[operation])


def waiting(stack: LocalStack, queue: str) -> float:
    """SQS's attribute of the metric ApproximateNumberOfMessagesVisible."""
    attribute, url = "ApproximateNumberOfMessages", stack.outputs[f"{queue}Url"]
    found = stack.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=[attribute])
    return float(found["Attributes"][attribute])


def test_an_event_that_fails_three_times_sets_its_queues_alarm_off(stack: LocalStack) -> None:
    function = stack.outputs["ScheduleFunctionName"]
    stack.client("lambda").invoke(FunctionName=function, InvocationType="Event", Payload=b'{"unknown": 1}')
    assert waiting(stack, "FailedEvents") == 0
    assert_set_off("FailedEventsAlarm", wait_for(lambda: waiting(stack, "FailedEvents")))


def test_a_tick_that_could_not_be_delivered_sets_its_queues_alarm_off(stack: LocalStack) -> None:
    assert waiting(stack, "UndeliveredTicks") == 0
    stack.client("sqs").send_message(QueueUrl=stack.outputs["UndeliveredTicksUrl"], MessageBody="{}")
    assert_set_off("UndeliveredTicksAlarm", waiting(stack, "UndeliveredTicks"))


@contextmanager
def given_up_after(stack: LocalStack, mapping: str, seconds: int) -> Iterator[None]:
    """A record of the table's stream that nobody could announce is given up sooner than after the template's hour."""
    client = stack.client("lambda")
    hour = client.get_event_source_mapping(UUID=mapping)["MaximumRecordAgeInSeconds"]
    client.update_event_source_mapping(UUID=mapping, MaximumRecordAgeInSeconds=seconds)
    try:
        yield
    finally:
        client.update_event_source_mapping(UUID=mapping, MaximumRecordAgeInSeconds=hour)


def test_a_notifier_that_fails_is_late_and_then_gives_up(stack: LocalStack) -> None:
    """IteratorAge is the age of the oldest record that isn't announced; its ten minutes pass by the clock alone."""
    client = stack.client("lambda")
    (mapping,) = client.list_event_source_mappings(FunctionName=stack.outputs["NotifyFunctionName"])[
        "EventSourceMappings"
    ]

    def result() -> str:
        return str(client.get_event_source_mapping(UUID=mapping["UUID"])["LastProcessingResult"])

    with settings(stack, "Notify", EVENT_BUS_NAME=None):
        order = stack.simulator.client.create_order(age=743)
        settled_at = float(stack.api.cancel(order.order_no).body["settled_at"])
        wait_for(result, lambda said: said == "FAILED")
        for seconds, firing in ((599, False), (600, True)):
            age = datum("AnnouncementsLateAlarm", seconds * 1000, at=settled_at + seconds)
            assert fires(ALARMS["AnnouncementsLateAlarm"], [age], now=settled_at + seconds) is firing
        assert waiting(stack, "UnannouncedRecords") == 0
        with given_up_after(stack, mapping["UUID"], 1):
            given_up = wait_for(lambda: waiting(stack, "UnannouncedRecords"))
        assert_set_off("UnannouncedRecordsAlarm", given_up)


def test_without_ticks_the_drain_is_known_not_to_run_after_five_minutes(stack: LocalStack, last_tick: float) -> None:
    alarm = ALARMS["DrainNotRunningAlarm"]
    assert ticks(stack)[-1].at == last_tick, "the schedule is disabled"
    assert not fires(alarm, ticks(stack), now=last_tick + 299)
    assert fires(alarm, ticks(stack), now=last_tick + 301)
    invoke(stack, "Schedule")
    assert not fires(alarm, ticks(stack), now=time.time(), before=True), "it ends with the next tick"


def test_every_alarm_on_awss_metrics_has_its_fault() -> None:
    shown = {f"{function}{kind}Alarm" for function in FUNCTIONS for kind in ("Errors", "Throttles")}
    shown |= {alarm for alarms in THROTTLED.values() for alarm in alarms}
    shown |= {"ApiServerErrorsAlarm", "AnnouncementsLateAlarm", *(f"{queue}Alarm" for queue in QUEUES)}
    assert shown == {name for name, alarm in ALARMS.items() if alarm["Namespace"].startswith("AWS/")}
    assert set(NOT_BROUGHT_ABOUT) < shown
