"""Recovery on the deployed stack: killed processes lose nothing."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
from rich.console import Console

from local.stack import LocalStack, local_stack
from tests.e2e.batches import assert_batch
from tests.e2e.gate import Gate, Point, gate
from tests.e2e.rows import hand_over
from tests.e2e.waiting import wait_for

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def stack() -> Iterator[LocalStack]:
    with local_stack(Console(quiet=True), DrainPace="10") as local:
        yield local


@pytest.fixture(scope="module")
def drain_gate(stack: LocalStack) -> Iterator[Gate]:
    """The gate before the drain's function."""
    with gated(stack, stack.outputs["ScheduleFunctionName"]) as opened:
        yield opened


@pytest.fixture(scope="module")
def api_gate(stack: LocalStack) -> Iterator[Gate]:
    """The gate before the API's function."""
    with gated(stack, stack.outputs["ApiFunctionName"]) as opened:
        yield opened


@contextmanager
def gated(stack: LocalStack, function: str) -> Iterator[Gate]:
    """Put the gate before the function, for the rest of the stack's life."""
    client = stack.client("lambda")
    variables = client.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
    with gate(stack.endpoint, lambda: stack.kill(function)) as opened:
        passing = {"Variables": variables | {"AWS_ENDPOINT_URL": opened.url}}
        client.update_function_configuration(FunctionName=function, Environment=passing)
        yield opened


def items(stack: LocalStack) -> dict[str, dict[str, Any]]:
    """Every cancellation in the table, by its order."""
    pages = stack.client("dynamodb").get_paginator("scan").paginate(TableName=stack.outputs["TableName"])
    return {item["order_no"]["S"]: item for page in pages for item in page["Items"] if "state" in item}


def settle_all(stack: LocalStack, order_nos: list[str]) -> None:
    """Let ticks come, sooner than the stack's own, until every order's cancellation is final."""
    table, lease = stack.client("dynamodb"), {"order_no": {"S": "drain"}}

    def unsettled_after_a_tick() -> dict[str, Any]:
        held = table.get_item(TableName=stack.outputs["TableName"], Key=lease).get("Item")
        if held is None or int(held["lease_until"]["N"]) <= time.time():
            hand_over(stack, {})
        rows = items(stack)
        unsettled = [rows[order_no] for order_no in order_nos if rows[order_no]["state"]["S"] != "cancelled"]
        return {"unsettled": unsettled, "at": time.time(), "drains": drains(stack) if unsettled else []}

    wait_for(unsettled_after_a_tick, lambda seen: not seen["unsettled"], seconds=300, interval=2)


def drains(stack: LocalStack) -> list[str]:
    """What the drain's function logged last."""
    logs = stack.client("logs").get_paginator("filter_log_events")
    pages = logs.paginate(logGroupName=stack.outputs["ScheduleFunctionLogGroup"])
    return [event["message"] for page in pages for event in page["events"]][-30:]


def assert_the_refunds_add_up(stack: LocalStack, order_nos: list[str]) -> None:
    rows = items(stack)
    assert set(order_nos) <= set(rows), "none lost"
    orders = [stack.simulator.client.order(order_no) for order_no in order_nos]
    assert [order.accepted_cancels for order in orders] == [1] * len(orders)
    in_the_table = sum(Decimal(rows[order_no]["refund_amount"]["N"]) for order_no in order_nos)
    assert in_the_table == sum(Decimal(str(order.detail["refund_amount"])) for order in orders) > 0


@pytest.fixture(scope="module")
def drained(stack: LocalStack, drain_gate: Gate) -> list[str]:
    """A hundred orders that are due in a minute and a half; the drain will be killed at each point of one's attempt."""
    feee = stack.simulator.client
    feee.set_access(rate_limit=1000)
    amounts = random.Random(7)
    orders = [
        feee.create_order(age=3600, pay_amount=Decimal(amounts.randrange(1, 10**9)).scaleb(-6)) for _ in range(100)
    ]
    due_at = int(time.time()) + 90
    order_nos = [order.order_no for order in orders]
    drain_gate.plan = dict(zip(random.sample(order_nos, len(Point)), Point, strict=True))
    for order_no, point in drain_gate.plan.items():
        if point is Point.WHILE_FEEE_IO_ANSWERS:
            feee.misbehave("delay", order_no=order_no, seconds=5.0)
    assert_batch(stack, dict.fromkeys(order_nos, "taken"), not_before=due_at)
    return order_nos


@pytest.fixture(scope="module")
def interrupted(stack: LocalStack, api_gate: Gate, drained: list[str]) -> list[str]:
    """Orders whose request's function was killed at each point, while the hundred weren't due yet."""
    feee = stack.simulator.client
    orders = {point: feee.create_order(age=3600).order_no for point in Point}
    feee.misbehave("delay", order_no=orders[Point.WHILE_FEEE_IO_ANSWERS], seconds=5.0)
    for point, order_no in orders.items():
        api_gate.plan = {order_no: point}
        assert stack.api.cancel(order_no).status >= 500
        assert wait_for(lambda: api_gate.killed) == [point], "the next one's process isn't killed with it"
        api_gate.killed.clear()
    assert orders[Point.BEFORE_THE_CLAIM] not in items(stack), "nothing was accepted"
    assert stack.api.cancel(orders[Point.BEFORE_THE_CLAIM]).status == 200
    return [*orders.values()]


@pytest.mark.usefixtures("interrupted")
def test_a_hundred_orders_survive_a_drain_that_is_killed_again_and_again(
    stack: LocalStack, drain_gate: Gate, drained: list[str]
) -> None:
    settle_all(stack, drained)
    wait_for(lambda: sorted(drain_gate.killed), lambda met: met == sorted(Point))  # it is noted after the kill
    assert_the_refunds_add_up(stack, drained)


def test_requests_whose_function_is_killed_are_finished_by_the_drain(stack: LocalStack, interrupted: list[str]) -> None:
    settle_all(stack, interrupted)
    assert_the_refunds_add_up(stack, interrupted)
