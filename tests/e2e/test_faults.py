"""The alarms on AWS's own metrics, and on ticks that don't come: each in its faults, on the deployed stack.

The emulator emits none of these metrics: they are counted from what happened. A function without concurrency isn't
among the faults: API Gateway answers 500 for it (AWS re:Post, internal server errors), the emulator 429.
"""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest
from rich.console import Console

from local.metrics import Datum, emitted
from local.stack import LocalStack, local_stack
from tests.alarms import alarms, fires
from tests.e2e.gate import Gate, gate
from tests.e2e.restored import clear, put_back
from tests.e2e.rows import hand_over, tick
from tests.e2e.waiting import wait_for
from tests.starved import each_call_once

ALARMS = alarms()
AT_THE_API: Mapping[str, tuple[str, str, bytes | None]] = {
    "Api": ("GET", "/cancellations/2404170329503866", None),
    "Webhook": ("POST", "/webhooks/cancel", b"{}"),
}
"""The functions behind API Gateway, each with a request."""
QUEUES = ("FailedEvents", "UndeliveredTicks", "UnannouncedRecords")
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
def _no_ticks(deployed: LocalStack) -> None:
    """The stack's schedule is disabled for all of these tests. A tick may still be under way."""
    scheduler = deployed.client("scheduler")
    (listed,) = scheduler.list_schedules()["Schedules"]
    found = scheduler.get_schedule(Name=listed["Name"], GroupName=listed["GroupName"])
    settings = ("Name", "GroupName", "ScheduleExpression", "FlexibleTimeWindow", "Target")
    schedule = {name: found[name] for name in settings}
    scheduler.update_schedule(**schedule, State="DISABLED")


@pytest.fixture
def stack(deployed: LocalStack) -> Iterator[LocalStack]:
    """A stack whose functions may be spoilt."""
    clear(deployed)
    with put_back(deployed):
        yield deployed


def ticks(stack: LocalStack) -> list[Datum]:
    """What the drain's ticks emitted: each says for how long the oldest row has been due."""
    return sorted((one for one in emitted(stack) if one.name == "OldestOverdue"), key=lambda one: one.at)


def ticks_after_one(stack: LocalStack) -> list[Datum]:
    """The ticks, once another has run. A log is there a moment after what it is about."""
    tick(stack)
    return ticks(stack)


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


@pytest.mark.parametrize("function", AT_THE_API)
def test_a_function_that_cannot_start_sets_the_apis_alarm_off(stack: LocalStack, function: str) -> None:
    with settings(stack, function, TABLE_NAME=None):
        answer = stack.api.call(*AT_THE_API[function])
    assert_set_off("ApiServerErrorsAlarm", float(answer.status >= 500))


def test_an_api_whose_function_crashes_sets_its_alarm_off(stack: LocalStack) -> None:
    """What API Gateway counts as 5XXError is an answer of 5xx."""
    order = stack.simulator.client.create_order(age=743)
    stack.simulator.client.misbehave("delay", order_no=order.order_no, seconds=5)

    def kill_while_it_waits() -> None:
        wait_for(lambda: stack.simulator.client.requests(order.order_no))
        stack.kill(stack.outputs["ApiFunctionName"])

    killer = threading.Thread(target=kill_while_it_waits)
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


@pytest.mark.parametrize("operation", NEEDING)
def test_a_throttled_table_sets_the_apis_alarm_off_and_is_said_so(
    stack: LocalStack, gated: Gate, operation: str
) -> None:
    gated.throttled = frozenset({operation})
    with each_call_once():
        answer = stack.api.call(*NEEDING[operation])
    assert (answer.status, answer.body["type"]) == (503, "urn:feee-cancel:problem:unavailable")
    assert gated.refused == {operation: 3}, "every call is made three times"
    assert_set_off("ApiServerErrorsAlarm", float(answer.status >= 500))


def waiting(stack: LocalStack, queue: str) -> float:
    """SQS's attribute of the metric ApproximateNumberOfMessagesVisible."""
    attribute, url = "ApproximateNumberOfMessages", stack.outputs[f"{queue}Url"]
    found = stack.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=[attribute])
    return float(found["Attributes"][attribute])


@pytest.mark.parametrize(("event", "variables"), [({"unknown": 1}, {}), ({}, {"TABLE_NAME": None})])
def test_an_event_that_fails_three_times_sets_its_queues_alarm_off(
    stack: LocalStack, event: dict[str, int], variables: dict[str, str | None]
) -> None:
    """Malformed, or for a drain that can't start."""
    assert waiting(stack, "FailedEvents") == 0
    with settings(stack, "Schedule", **variables):
        hand_over(stack, event)
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


def test_without_ticks_the_drain_is_known_not_to_run_after_five_minutes(stack: LocalStack) -> None:
    alarm = ALARMS["DrainNotRunningAlarm"]
    seen = wait_for(lambda: ticks_after_one(stack))
    last_at = seen[-1].at
    assert not fires(alarm, seen, now=last_at + 299)
    assert fires(alarm, seen, now=last_at + 301)
    later = wait_for(lambda: [tick for tick in ticks_after_one(stack) if tick.at > last_at])
    assert not fires(alarm, later, now=time.time(), before=True), "it ends with the next tick"


def test_every_alarm_on_awss_metrics_has_its_fault() -> None:
    shown = {"ApiServerErrorsAlarm", "AnnouncementsLateAlarm", *(f"{queue}Alarm" for queue in QUEUES)}
    shown.add(
        "UndeliveredEventsAlarm"
    )  # tests/e2e/test_outgoing.py: a receiver that is gone leaves a message in its queue
    assert shown == {name for name, alarm in ALARMS.items() if alarm["Namespace"].startswith("AWS/")}
    assert set(NOT_BROUGHT_ABOUT) < shown
