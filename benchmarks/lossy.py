"""How late an order is settled while DynamoDB's answers get lost after they took effect, as the drain meets it."""

import random
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from statistics import median
from typing import Any

from botocore.exceptions import ReadTimeoutError

from benchmarks.growth import Settled, empty_table, service_on
from benchmarks.table import Row, percentile
from feee_cancel.adapters.table import CancellationTable
from feee_cancel.domain.cancellation import Cancellation, State, StateReason
from local.errors import LocalError
from local.stack import LocalStack

LOST = 0.02
_FIRST_IN, _A_SECOND = 15, 4
_BAR = "p50 ≤ 0.5 s, p99 ≤ 3 s"
_PACE = 9


def lossy(stack: LocalStack, count: int = 100, *, lost: float = LOST) -> Row:
    """Four orders become due each second; every call of the drain may lose its answer, its looks and its lease too."""
    settled = Settled()
    wired = service_on(stack, empty_table(stack))
    table = wired.ports.cancellations
    assert isinstance(table, CancellationTable)
    due_at = _ask(stack, table, count)
    figure = f"Eligibility to settled, {lost:.0%} of DynamoDB's answers lost"
    if time.time() > min(due_at.values()):
        return Row(figure, "not measured: this machine is too busy", _BAR)
    client: Any = table._client  # noqa: SLF001 - there is no other way in
    session = client._endpoint.http_session  # noqa: SLF001 - botocore has an event before a call is sent, none after
    session.send = _losing(session.send, random.Random(0), lost, client.meta.config.read_timeout)
    service = replace(wired, drain_pace=_PACE, ports=replace(wired.ports, telemetry=settled))
    with redirect_stdout(StringIO()):
        service.drain(until=max(due_at.values()), seconds_left=170)
    late = [at - due_at[order_no] for order_no, at in settled.by_order.items()]
    if len(late) < count:
        raise LocalError(f"{len(late)} of {count} orders were settled")
    p50, p99 = median(late), percentile(late, 99)
    measured = f"p50 {p50:.2f} s, p99 {p99:.2f} s   of {count} orders, at most {max(late):.1f} s"
    met = p50 <= 0.5 and p99 <= 3  # noqa: PLR2004 - the bar
    return Row(figure, measured, _BAR, met, {"seconds": late})


def _losing(send: Callable[[Any], Any], chance: random.Random, lost: float, patience: float) -> Callable[[Any], Any]:
    """What is lost is waited for as long as the client waits for an answer."""

    def _send(request: Any) -> Any:
        answer = send(request)
        if chance.random() < lost:
            time.sleep(patience)
            raise ReadTimeoutError(endpoint_url=request.url)
        return answer

    return _send


def _ask(stack: LocalStack, table: CancellationTable, count: int) -> dict[str, int]:
    """When each order is due."""
    order_nos = [str(stack.simulator.orders.create(age=3600).detail.document()["order_no"]) for _ in range(count)]
    first = int(time.time()) + _FIRST_IN
    due_at = {order_no: first + index // _A_SECOND for index, order_no in enumerate(order_nos)}
    for order_no, at in due_at.items():
        row = Cancellation(
            order_no=order_no,
            state=State.WAITING,
            state_reason=StateReason.QUEUED,
            due_at=at,
            requested_at=first - 60,
            gives_up_at=first + 86_400,
        )
        table.start(row, rejected_by=0)
    return due_at
