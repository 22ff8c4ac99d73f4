"""The deployed stack's other ways in, and how one learns of the end."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from jsonschema import Draft202012Validator

from local.bus import SettledEvents, settled_events
from local.metrics import emitted
from local.signing import signed
from local.simulator.client import SimulatedOrder
from local.stack import LocalStack
from tests.e2e.batches import assert_batch
from tests.e2e.rows import hand_over
from tests.e2e.waiting import wait_for
from tests.template import ROOT

SCHEMA = Draft202012Validator(json.loads((ROOT / "docs/settled-event.schema.json").read_text()))


def state(stack: LocalStack, order_no: str) -> str | None:
    value: str | None = stack.api.get(order_no).body.get("state")
    return value


def wait_until(stack: LocalStack, order_nos: list[str], expected: str) -> None:
    """A drain that another test left at rest holds this up for half a minute, and then the next tick has to come."""
    wait_for(
        lambda: [stack.api.get(order_no).body for order_no in order_nos],
        lambda rows: all(row.get("state") == expected for row in rows),
        seconds=180,
    )


def orders(stack: LocalStack, number: int) -> list[str]:
    return [stack.simulator.client.create_order(age=600).order_no for _ in range(number)]


def row(stack: LocalStack, order_no: str) -> dict[str, Any] | None:
    """The order's item, word for word."""
    key = {"order_no": {"S": order_no}}
    item: dict[str, Any] | None = (
        stack.client("dynamodb").get_item(TableName=stack.outputs["TableName"], Key=key).get("Item")
    )
    return item


@pytest.fixture
def bus(stack: LocalStack) -> Iterator[SettledEvents]:
    with settled_events(stack) as listening:
        yield listening


def test_a_signed_webhook_is_cancelled_by_the_drain_and_told_on_the_bus(stack: LocalStack, bus: SettledEvents) -> None:
    (order_no,) = orders(stack, 1)
    body = json.dumps({"order_no": order_no, "reason": "unfilled"})
    headers = signed(body)
    answer = stack.api.webhook(body, headers)
    assert (answer.status, answer.body) == (202, {"order_no": order_no, "state": "waiting", "state_reason": "queued"})
    wait_until(stack, [order_no], "cancelled")
    assert stack.simulator.client.order(order_no).accepted_cancels == 1
    (detail,) = wait_for(lambda: bus.of(order_no))
    SCHEMA.validate(detail)
    assert (detail["state"], detail["refund_amount"]) == ("cancelled", 3.92)
    assert detail["requested_by"] == f"webhook:{headers['webhook-id']}"


def test_a_redelivered_webhook_changes_nothing(stack: LocalStack) -> None:
    (order_no,) = orders(stack, 1)
    body = json.dumps({"order_no": order_no, "not_before": int(time.time()) + 600})
    message = f"msg_{uuid4()}"
    assert stack.api.webhook(body, signed(body, message=message)).status == 202
    assert stack.api.withdraw(order_no).body["state"] == "withdrawn"
    before = row(stack, order_no)
    again = stack.api.webhook(body, signed(body, message=message))
    assert (again.status, again.body["state"]) == (202, "withdrawn")
    assert row(stack, order_no) == before


def test_a_webhook_that_is_not_signed_as_it_should_be_writes_nothing(stack: LocalStack) -> None:
    (order_no,) = orders(stack, 1)
    body = json.dumps({"order_no": order_no})
    good = signed(body)
    other = signed(body, secret="whsec_" + "A" * 43 + "=")
    old = signed(body, at=time.time() - 400)
    bodies = [stack.api.webhook(body, headers) for headers in ({}, other, old, good | {"webhook-id": "another"})]
    bodies.append(stack.api.webhook(body + " ", good))
    assert {answer.status for answer in bodies} == {401}
    assert len({json.dumps(answer.body) for answer in bodies}) == 1, "one answer for all"
    assert row(stack, order_no) is None


def test_a_batch_is_taken_whole_but_for_what_is_no_order_number(stack: LocalStack) -> None:
    order_nos = orders(stack, 5)
    assert stack.api.cancel(order_nos[0]).body["state"] == "cancelled"
    final, *others = order_nos
    assert_batch(stack, {final: "final", **dict.fromkeys(others, "taken"), "x": "refused"}, reason="unfilled")
    wait_until(stack, order_nos, "cancelled")
    assert [stack.simulator.client.order(order_no).accepted_cancels for order_no in order_nos] == [1] * 5
    assert_batch(stack, dict.fromkeys(order_nos, "final"))


@pytest.mark.long
def test_work_on_a_batch_of_a_hundred_begins_at_once(stack: LocalStack) -> None:
    warm_up = orders(stack, 1)
    assert_batch(stack, dict.fromkeys(warm_up, "taken"))
    wait_until(stack, warm_up, "cancelled")
    order_nos = orders(stack, 100)
    stack.simulator.client.forget_requests()
    assert_batch(stack, dict.fromkeys(order_nos, "taken"))
    answered_at = time.time()
    first, *_ = wait_for(lambda: [call for call in stack.simulator.client.requests() if call.order_no in order_nos])
    seconds = float(first.at) - answered_at
    print(f"work began {seconds:.2f} s after the answer")
    assert seconds < 20, "no tick was waited for"
    wait_until(stack, order_nos, "cancelled")


def test_the_list_shows_what_waits_page_by_page(stack: LocalStack) -> None:
    later = int(time.time()) + 29 * 86_400
    order_nos = orders(stack, 5)
    for place, order_no in enumerate(order_nos):
        assert stack.api.cancel(order_no, not_before=later + place).status == 202
    first = stack.api.call("GET", "/cancellations?state=waiting&limit=3")
    second = stack.api.call("GET", f"/cancellations?state=waiting&limit=3&cursor={first.body['next_cursor']}")
    listed = [one["order_no"] for page in (first, second) for one in page.body["cancellations"]]
    assert listed[:5] == order_nos[::-1], "the latest due first"
    everything = stack.api.call("GET", "/cancellations?limit=100").body["cancellations"]
    assert set(order_nos) <= {one["order_no"] for one in everything}
    assert stack.api.call("GET", "/cancellations?state=open").status == 400


def test_a_look_up_tells_what_a_cancel_would_do_and_changes_nothing(stack: LocalStack) -> None:
    feee = stack.simulator.client
    young, old, filled = (feee.create_order(age=age, status=status) for age, status in ((60, 4), (600, 4), (600, 6)))

    def told(order: SimulatedOrder) -> dict[str, Any]:
        answer = stack.api.call("GET", f"/orders/{order.order_no}")
        assert answer.status == 200
        return {name: value for name, value in answer.body.items() if name not in {"order", "order_no"}}

    assert told(young) == {"cancellable": False, "from": young.detail["create_time"] + 305, "why_not": "too_early"}
    assert told(old) == {"cancellable": True, "since": old.detail["create_time"] + 305}
    assert told(filled) == {"cancellable": False, "why_not": "filled"}
    assert [row(stack, order.order_no) for order in (young, old, filled)] == [None] * 3
    unknown = stack.api.call("GET", "/orders/1")
    assert (unknown.status, unknown.body["type"]) == (404, "urn:feee-cancel:problem:order-not-shown")


def test_what_waits_is_taken_back_and_told_in_order_with_what_follows(stack: LocalStack, bus: SettledEvents) -> None:
    order_no, another = orders(stack, 2)
    later = int(time.time()) + 600
    assert stack.api.cancel(order_no, not_before=later).body["state"] == "waiting"
    withdrawn = stack.api.withdraw(order_no)
    assert (withdrawn.status, withdrawn.body["state"]) == (200, "withdrawn")
    assert stack.api.withdraw(order_no).body == withdrawn.body, "a duplicate changes nothing"
    assert stack.simulator.client.requests(order_no) == []
    assert stack.api.cancel(order_no).body["state"] == "cancelled"
    assert (stack.api.withdraw(order_no).status, stack.api.withdraw(another).status) == (409, 404)
    events = wait_for(lambda: bus.of(order_no), lambda events: len(events) == 2)
    assert [detail["state"] for detail in events] == ["withdrawn", "cancelled"]


def test_a_schedule_of_the_user_cancels_its_orders(stack: LocalStack) -> None:
    order_nos = orders(stack, 2)
    scheduler = stack.client("scheduler")
    scheduler.create_schedule(
        Name="cancel-once",
        ScheduleExpression=f"at({datetime.fromtimestamp(time.time() + 2, UTC):%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"},
        ActionAfterCompletion="DELETE",
        Target={
            "Arn": stack.outputs["ScheduleFunctionArn"],
            "RoleArn": stack.outputs["ScheduleRoleArn"],
            "Input": json.dumps({"order_nos": order_nos, "reason": "scheduled"}),
        },
    )
    wait_until(stack, order_nos, "cancelled")
    assert stack.api.get(order_nos[0]).body["requested_by"].startswith("event:")


def test_a_malformed_event_ends_in_the_queue_and_its_good_orders_are_taken_once(stack: LocalStack) -> None:
    since, (order_no,) = time.time(), orders(stack, 1)
    event = {"order_nos": [order_no, "x"], "not_before": int(time.time()) + 86_400}
    hand_over(stack, event)
    queue = stack.outputs["FailedEventsUrl"]
    taken = wait_for(lambda: row(stack, order_no))
    sqs, failed = stack.client("sqs"), list[dict[str, Any]]()

    def arrived() -> list[dict[str, Any]]:
        failed.extend(sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []))
        return failed

    wait_for(arrived, lambda messages: any(order_no in message["Body"] for message in messages))
    # On AWS each try has the same request id, so that nothing at all is written; here each has one of its own.
    on_record = {"token": None, "requests": None}
    assert (row(stack, order_no) or {}) | on_record == (taken or {}) | on_record, "tried three times, accepted once"
    wait_for(lambda: emitted(stack, since=since), lambda data: "MalformedEvent" in {datum.name for datum in data})
