"""Whether an order costs the same whatever else is in the table, and however many are due."""

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from io import StringIO
from itertools import pairwise
from statistics import quantiles
from typing import Any
from uuid import uuid4

from benchmarks.meter import metered
from benchmarks.runtime import ENVIRONMENT
from benchmarks.table import Row
from feee_cancel.adapters.table import CancellationTable
from feee_cancel.bootstrap.cancelling import Service, bootstrap
from feee_cancel.domain.cancellation import Cancellation, State, StateReason
from local.errors import LocalError
from local.identity import CREDENTIALS
from local.stack import LocalStack
from tests.template import TEMPLATE

FINISHED = (100, 10_000, 100_000)
DUE = (1, 10, 100, 1_000)
_PACE = 50
"""Calls a second: more than feee.io takes, so that a thousand orders don't take minutes."""
_SOME = 100
_BATCH = 25


@dataclass(frozen=True, slots=True)
class Run:
    """One drain. Units and calls are those of the attempts themselves, and those of the drain."""

    finished: int
    due: int
    writes: int
    write_units: float
    other_calls: int
    read_units: float
    seconds: tuple[float, float, float]
    """Between one settled order and the next at the pace, as quartiles."""


def growth(stack: LocalStack, finished: tuple[int, ...] = FINISHED, due: tuple[int, ...] = DUE) -> Iterator[Row]:
    """The rows: first the table grows, then what is due."""
    runs = []
    for rows in finished:
        table = _table(stack, rows)
        counts = due if rows == sorted(finished)[len(finished) // 2] else (_SOME,)
        runs += [_drained(stack, table, rows, count) for count in counts]
    base = runs[0]
    for run in runs:
        per_order = run.writes / run.due, run.write_units / run.due
        met = per_order == (base.writes / base.due, base.write_units / base.due)
        low, middle, high = (1000 * seconds for seconds in run.seconds)
        measured = (
            f"{per_order[0]:g} writes, {per_order[1]:g} units; drain {run.other_calls} calls, {run.read_units:g} read "
            f"units; {middle:.0f} ms ({low:.0f}-{high:.0f})"
        )
        figure = f"Growth: {run.finished:,} finished, {run.due:,} due, each"
        yield Row(figure, measured, "the same", met, {"run": run})


def _table(stack: LocalStack, finished: int) -> str:
    """A table as the template has it, with so many finished cancellations."""
    client, name = stack.client("dynamodb"), f"growth-{uuid4().hex}"
    has = TEMPLATE["Resources"]["CancellationTable"]["Properties"]
    wanted = ("AttributeDefinitions", "BillingMode", "GlobalSecondaryIndexes", "KeySchema")
    client.create_table(TableName=name, **{key: has[key] for key in wanted})

    def _put(first: int) -> None:
        puts = [{"PutRequest": {"Item": _finished(first + index)}} for index in range(min(_BATCH, finished - first))]
        client.batch_write_item(RequestItems={name: puts})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(_put, range(0, finished, _BATCH)))
    return name


def empty_table(stack: LocalStack) -> str:
    """A table as the template has it."""
    return _table(stack, 0)


def _finished(index: int) -> dict[str, Any]:
    values = {
        "due_at": 1_700_000_000 + index,
        "requested_at": 1_700_000_000,
        "gives_up_at": 1_700_086_400,
        "attempt": 1,
    }
    numbers = {name: {"N": str(value)} for name, value in values.items()}
    return {"order_no": {"S": str(10**20 + index)}, "state": {"S": "cancelled"}, **numbers}


def api_units(stack: LocalStack) -> tuple[float, float]:
    """Write and read units of a happy cancel through the API."""
    with metered() as meter:
        service = service_on(stack, empty_table(stack))
        order_no = str(stack.simulator.orders.create(age=3600).detail.document()["order_no"])
        row = service.request({"order_no": order_no}, requested_by=None, seconds_left=25)
    if row.state is not State.CANCELLED:
        raise LocalError(f"the order wasn't cancelled: {row}")
    return meter.write_units, meter.read_units


def idle_read_units(stack: LocalStack) -> float:
    """Read units of a tick that finds nothing."""
    with metered() as meter:
        service_on(stack, empty_table(stack)).tick(seconds_left=170)
    return meter.read_units


def service_on(stack: LocalStack, table: str) -> Service:
    """The service in this process, at the stack's emulator and simulator, on a table of its own."""
    stack.simulator.client.reset()
    stack.simulator.client.set_access(rate_limit=100_000)
    os.environ |= ENVIRONMENT | {
        "AWS_ENDPOINT_URL": stack.endpoint,
        "AWS_ACCESS_KEY_ID": CREDENTIALS.access_key,
        "AWS_SECRET_ACCESS_KEY": CREDENTIALS.secret_key,
    }
    settings = {
        "TABLE_NAME": table,
        "FEEE_KEY_SECRET_ARN": stack.outputs["FeeeKeySecretArn"],
        "FEEE_BASE_URL": stack.simulator.url,
    }
    return bootstrap(os.environ | settings)


def _drained(stack: LocalStack, table: str, finished: int, due: int) -> Run:
    settled = Settled()
    with metered() as meter:
        wired = service_on(stack, table)
        service = replace(wired, drain_pace=_PACE, ports=replace(wired.ports, telemetry=settled))
    _make_due(stack, service, due)
    meter.forget()
    with redirect_stdout(StringIO()):  # metrics, which are written whenever a hundred values have come together
        service.drain(until=0, seconds_left=170)
    if len(settled.at) != due:
        raise LocalError(f"{len(settled.at)} of {due} orders were settled")
    extensions = meter.calls["UpdateItem"] - due
    gaps = [after - first for first, after in pairwise(settled.at)] or [0.0]
    low, middle, high = quantiles(gaps * 2, n=4)
    return Run(
        finished=finished,
        due=due,
        writes=meter.calls["PutItem"] + due,
        write_units=meter.write_units - extensions,  # the lease is one small item outside the index
        other_calls=meter.calls["Query"] + extensions,
        read_units=meter.read_units,
        seconds=(low, middle, high),
    )


class Settled:
    """Telemetry that remembers when each order was cancelled."""

    def __init__(self) -> None:
        self.at: list[float] = []
        self.by_order: dict[str, float] = {}

    def attempted(self, row: Cancellation) -> None:
        if row.state is State.CANCELLED:
            self.at.append(time.monotonic())
            self.by_order[row.order_no] = time.time()

    def started(self) -> None:
        """Nothing is measured here."""

    def crashed(self) -> None:
        """Nothing is measured here."""

    def backlog(self, unsettled: int, *, overdue: float) -> None:
        """Nothing is measured here."""


def _make_due(stack: LocalStack, service: Service, count: int) -> None:
    now = int(time.time())
    table = service.ports.cancellations
    assert isinstance(table, CancellationTable)
    for _ in range(count):
        order = stack.simulator.orders.create(age=3600)
        row = Cancellation(
            order_no=str(order.detail.document()["order_no"]),
            state=State.WAITING,
            state_reason=StateReason.QUEUED,
            due_at=now - 60,
            requested_at=now - 60,
            gives_up_at=now + 86_400,
        )
        table.start(row, rejected_by=0)
