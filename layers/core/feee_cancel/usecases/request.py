"""A request to cancel an order: written before feee.io is called, and from then on never lost."""

import logging
import math
from dataclasses import replace

from feee_cancel.domain.cancellation import Cancellation, CancellationRequest, State, StateReason
from feee_cancel.usecases.attempt import attempt, lease_until
from feee_cancel.usecases.ports import Ports, TableUnavailableError

TICK_SECONDS = 60
"""The drain's tick takes care of what becomes due later than this."""

logger = logging.getLogger(__name__)


def request(asked: CancellationRequest, ports: Ports, *, requested_by: str | None, deadline: float) -> Cancellation:
    """Take the request, and make the first attempt where the order is due. Returns the row as it then stands.

    Raises TableUnavailableError only while nothing is accepted yet: once the row is written, trouble at the table
    leaves a lease that ends, and the row as it was claimed is returned.
    """
    now = ports.now()
    there, begun = ports.cancellations.begin(_new(asked, ports, now=now, requested_by=requested_by))
    if begun:
        row, claimed = there, there.state is State.CANCELLING
    else:
        row, claimed = _ask_again(there, asked, ports, now=now)
    if claimed:
        row = _attempt(row, ports, deadline=deadline)
    if row != there or begun:
        _wake_if_soon(row, ports)
    return row


def _new(asked: CancellationRequest, ports: Ports, *, now: float, requested_by: str | None) -> Cancellation:
    starts_at = max(now, asked.not_before or 0)
    due = starts_at == now
    return Cancellation(
        order_no=asked.order_no,
        state=State.CANCELLING if due else State.WAITING,
        state_reason=None if due else StateReason.NOT_BEFORE,
        due_at=lease_until(now) if due else math.ceil(starts_at),
        requested_at=math.floor(now),
        gives_up_at=math.ceil(starts_at + ports.policy.gives_up_after),
        requested_by=requested_by,
        reason=asked.reason,
        not_before=asked.not_before,
    )


def _ask_again(row: Cancellation, asked: CancellationRequest, ports: Ports, *, now: float) -> tuple[Cancellation, bool]:
    """Move what waits to when it is asked for now, or when feee.io allows. Returns whether it was claimed."""
    if row.state is State.WAITING:
        due_at = max(row.eligible_at or 0, asked.not_before or 0)
        if due_at <= now:
            return _claim(row, ports, now=now, due_by=max(now, row.due_at))
        if (due_at, asked.not_before) != (row.due_at, row.not_before):
            return _move(row, asked, ports, due_at=due_at), False
    elif not row.state.final and row.due_at <= now:
        return _claim(row, ports, now=now, due_by=now)
    return row, False


def _claim(row: Cancellation, ports: Ports, *, now: float, due_by: float) -> tuple[Cancellation, bool]:
    return ports.cancellations.claim(row.order_no, row.state, due_by=due_by, lease_until=lease_until(now))


def _move(row: Cancellation, asked: CancellationRequest, ports: Ports, *, due_at: int) -> Cancellation:
    moved = replace(
        row,
        state_reason=StateReason.TOO_EARLY if due_at == row.eligible_at else StateReason.NOT_BEFORE,
        due_at=due_at,
        gives_up_at=due_at + ports.policy.gives_up_after,
        not_before=asked.not_before,
        reason=asked.reason or row.reason,
    )
    return ports.cancellations.move(moved, due_at=row.due_at)[0]


def _attempt(row: Cancellation, ports: Ports, *, deadline: float) -> Cancellation:
    try:
        row = attempt(row, ports, deadline=deadline)
    except TableUnavailableError:
        logger.exception("the outcome couldn't be written; it will be found out", extra={"order_no": row.order_no})
    else:
        ports.observe(row)
    return row


def _wake_if_soon(row: Cancellation, ports: Ports) -> None:
    """Start the drain for what becomes due before the next tick might see it. The tick is the guarantee."""
    if not row.state.final and row.due_at <= ports.now() + TICK_SECONDS:
        ports.wake(row.due_at)
