"""The drain on the deployed stack, by the clock: its pace, and how soon a deferred order is settled."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import Any

from benchmarks.table import Row, percentile
from local.errors import LocalError
from local.simulator.client import SimulatedOrder
from local.stack import LocalStack

PACE = 9
"""Calls a second; the template's default is 4, feee.io takes 10."""

_ELIGIBLE_AFTER = 305
_DUE = 300
_UPSTREAM_SECONDS = 0.3
_DEFERRED = 50
_FIRST_IN, _APART = 45, 0.5
_LOOK_SECONDS = 0.1


def deferred(stack: LocalStack, count: int = _DEFERRED) -> Row:
    """Orders that become eligible one after the other, and when the table first shows each cancelled."""
    feee = stack.simulator.client
    _afresh(stack)
    first = time.time() + _FIRST_IN
    orders = [feee.create_order(age=time.time() - (first + index * _APART) + _ELIGIBLE_AFTER) for index in range(count)]
    eligible = {order.order_no: float(order.detail["create_time"]) + _ELIGIBLE_AFTER for order in orders}
    with ThreadPoolExecutor(1) as asking:
        asked = asking.submit(_ask_for, stack, orders)
        settled = _settled(stack, eligible, patience=_FIRST_IN + count * _APART + 60)
        asked.result()
    late = [settled[order_no] - at for order_no, at in eligible.items()]
    p50, p99 = median(late), percentile(late, 99)
    measured = f"p50 {p50:.2f} s, p99 {p99:.2f} s   of {count} orders"
    met = p50 <= 1.5 and p99 <= 3  # noqa: PLR2004 - the bar
    return Row("Eligibility to settled", measured, "p50 ≤ 1.5 s, p99 ≤ 3 s", met, {"seconds": late})


def pace(stack: LocalStack, count: int = _DUE) -> Row:
    """Orders that are all due at once, feee.io taking 300 ms for each."""
    feee = stack.simulator.client
    _afresh(stack)
    due_at = int(time.time()) + max(8, count // 12)
    orders = [feee.create_order(age=3600) for _ in range(count)]
    _ask_for(stack, orders, not_before=due_at)
    if time.time() >= due_at:
        raise LocalError("the orders were due before the last was asked for: this machine is too busy")
    feee.misbehave("delay", seconds=_UPSTREAM_SECONDS, times=None)
    _wait(lambda: len(feee.requests()) >= count, due_at - time.time() + 3 * count / PACE)
    requests = feee.requests()
    feee.behave()
    reached = (len(requests) - 1) / (requests[-1].at - requests[0].at) / PACE
    measured = f"{reached:.1%}   of {PACE} calls a second, over {len(requests)} calls"
    met = reached >= 0.95 and all(request.code == 0 for request in requests)  # noqa: PLR2004 - the bar
    figure = f"The drain: {count} due, feee.io takes {_UPSTREAM_SECONDS * 1000:.0f} ms"
    return Row(figure, measured, "≥ 95 % of the pace", met, {"share": reached})


def _afresh(stack: LocalStack) -> None:
    stack.simulator.client.reset()
    stack.simulator.client.set_access(rate_limit=100_000)  # the requests all come at once


def _ask_for(stack: LocalStack, orders: list[SimulatedOrder], **members: object) -> None:
    with ThreadPoolExecutor(4) as pool:
        statuses = {answer.status for answer in pool.map(lambda one: stack.api.cancel(one.order_no, **members), orders)}
    if statuses != {202}:
        raise LocalError(f"a request wasn't taken for later: {statuses}")


def _settled(stack: LocalStack, order_nos: dict[str, float], patience: float) -> dict[str, float]:
    """When the table first showed each as cancelled."""
    table = stack.client("dynamodb")
    found: dict[str, float] = {}

    def _look() -> bool:
        pages: Any = table.get_paginator("scan").paginate(TableName=stack.outputs["TableName"])
        items = [item for page in pages for item in page["Items"]]
        for item in items:
            if item.get("state", {}).get("S") == "cancelled" and item["order_no"]["S"] in order_nos:
                found.setdefault(item["order_no"]["S"], time.time())
        return len(found) == len(order_nos)

    _wait(_look, patience)
    return found


def _wait(done: Callable[[], bool], seconds: float) -> None:
    give_up_at = time.monotonic() + seconds
    while not done():
        if time.monotonic() > give_up_at:
            raise LocalError(f"not done after {seconds:.0f} s")
        time.sleep(_LOOK_SECONDS)
