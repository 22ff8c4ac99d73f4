"""The drain on the deployed stack, by the clock: on time, at its pace, and by itself."""

import statistics
from collections import Counter
from collections.abc import Iterator
from functools import partial

import pytest
from rich.console import Console

from local.stack import LocalStack, local_stack
from tests.e2e.batches import assert_batch
from tests.e2e.waiting import wait_for

pytestmark = pytest.mark.long

ELIGIBLE_AFTER = 305
"""feee.io's five minutes and the margin."""
PACE = 8
"""The fastest that the runbook names. A call that is 10 / PACE - 1 = 0.25 s late makes eleven in one second."""


@pytest.fixture(scope="module")
def timed() -> Iterator[LocalStack]:
    """A stack of its own: a fast pace, and drains that soon run out of time."""
    with local_stack(Console(quiet=True), DrainPace=str(PACE), DrainSeconds="20") as stack:
        yield stack


def state(stack: LocalStack, order_no: str) -> str:
    return str(stack.api.get(order_no).body["state"])


def states(stack: LocalStack) -> list[str]:
    pages = stack.client("dynamodb").get_paginator("scan").paginate(TableName=stack.outputs["TableName"])
    return [item["state"]["S"] for page in pages for item in page["Items"] if "state" in item]


def test_orders_are_cancelled_as_soon_as_they_become_eligible(timed: LocalStack) -> None:
    feee = timed.simulator.client
    feee.reset()
    feee.set_access(rate_limit=1000)  # the requests all come at once
    orders = []
    for eligible_in in range(20, 80, 3):  # all within two minutes, so each request wakes the drain
        orders.append(feee.create_order(age=ELIGIBLE_AFTER - eligible_in))
        assert timed.api.cancel(orders[-1].order_no).body["state_reason"] == "too_early"
    wait_for(
        lambda: [feee.order(order.order_no).status for order in orders],
        lambda statuses: set(statuses) == {12},
        seconds=240,
    )
    late = []
    for order in orders:
        _, cancel = [request for request in feee.requests(order.order_no) if request.endpoint == "cancel"]
        late.append(cancel.at - (int(order.detail["create_time"]) + ELIGIBLE_AFTER))
        assert feee.order(order.order_no).accepted_cancels == 1
        wait_for(partial(state, timed, order.order_no), lambda state: state == "cancelled")
    print(f"seconds after becoming eligible: median {statistics.median(late):.2f}, most {max(late):.2f}")
    assert min(late) >= 0
    assert max(late) < 30, "none was left to the next tick"


def test_three_hundred_due_orders_are_drained_at_the_pace(timed: LocalStack) -> None:
    feee = timed.simulator.client
    feee.reset()
    order_nos = [feee.create_order(age=3600).order_no for _ in range(300)]
    feee.misbehave("delay", seconds=0.3, times=None)
    for first in range(0, 300, 100):
        assert_batch(timed, dict.fromkeys(order_nos[first : first + 100], "taken"))
    wait_for(lambda: len(feee.requests()), lambda requests: requests >= 300, seconds=240)
    wait_for(lambda: Counter(states(timed)), lambda states: set(states) == {"cancelled"})
    requests = feee.requests()
    seconds = requests[-1].at - requests[0].at
    print(f"{(len(requests) - 1) / seconds / PACE:.1%} of the pace over {len(requests)} calls")
    assert [request.code for request in requests] == [0] * 300, "not one rate exceeded, and no call too many"
    assert (len(requests) - 1) / seconds <= 1.05 * PACE
    assert all(feee.order(order_no).accepted_cancels == 1 for order_no in order_nos)
