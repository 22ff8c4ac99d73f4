"""Enqueueing requests for the drain, as webhooks, batches and schedules do; and how every request starts."""

import logging
import math
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from typing import TypeVar

from feee_cancel.domain.cancellation import Cancellation, State, StateReason
from feee_cancel.domain.decision import Policy
from feee_cancel.domain.documents import Asked, CancellationRequest
from feee_cancel.domain.faults import InvalidRequestError
from feee_cancel.usecases.ports import Intake, TableUnavailableError

TICK_SECONDS = 120
"""The longest time between two of the drain's ticks: EventBridge Scheduler starts each some time within its minute
(Schedule types in EventBridge Scheduler). The tick takes care of what becomes due later than this."""
_INDEX_SECONDS = 2
"""The index may show a row so much later than it was written."""

Enqueued = Cancellation | InvalidRequestError | TableUnavailableError
"""What became of one order of a batch: its row, or why it wasn't enqueued."""

T = TypeVar("T")

logger = logging.getLogger(__name__)


def enqueue(
    asked: CancellationRequest, intake: Intake, *, requested_by: str | None, asker: str | None = None
) -> Cancellation:
    """Write the request, for the drain to attempt. Returns the row as it now stands.

    Raises TableUnavailableError; then nothing was accepted. The caller wakes the drain (`wake_for`).
    """
    now = intake.now()
    row, started = start(asked, intake, now=now, requested_by=requested_by, asker=asker)
    return row if started or row.state is not State.WAITING else reschedule(row, asked, intake, now=now)


def enqueue_all(
    asked: Sequence[Asked],
    intake: Intake,
    executor: Executor,
    *,
    requested_by: str | None,
) -> list[Enqueued]:
    """Enqueue each, side by side, and wake the drain. Returns what became of each, in order."""

    def _one(one: Asked) -> Enqueued:
        if isinstance(one, InvalidRequestError):
            return one
        try:
            return enqueue(one, intake, requested_by=requested_by)
        except TableUnavailableError as error:
            logger.warning("an order couldn't be written", extra={"order_no": one.order_no, "error": str(error)})
            return error

    enqueued = list(executor.map(_one, asked))
    wake_for([row for row in enqueued if isinstance(row, Cancellation)], intake)
    return enqueued


def deduplicate(message: str, intake: Intake, work: Callable[[], T]) -> T | None:
    """Do the work of a message unless it was done before (None). What fails isn't remembered."""
    if intake.messages.seen(message):
        return None
    done = work()
    try:
        intake.messages.remember(message, now=intake.now())
    except TableUnavailableError:
        logger.exception("a message can't be remembered; a redelivery would be enqueued again")
    return done


def start(
    asked: CancellationRequest,
    intake: Intake,
    *,
    now: float,
    requested_by: str | None,
    asker: str | None = None,
    lease_until: int | None = None,
) -> tuple[Cancellation, bool]:
    """Write a new cancellation where there may be one: waiting, or claimed until `lease_until` where it is due.

    Returns the row as it now stands, and whether it is this one.
    """
    due_at = max(math.floor(now), asked.not_before or 0)
    gives_up_at = due_at + intake.policy.gives_up_after
    state = State.WAITING
    state_reason: StateReason | None = StateReason.NOT_BEFORE if due_at > now else StateReason.QUEUED
    if lease_until and due_at <= now:
        state, state_reason, due_at = State.CANCELLING, None, lease_until
    row = Cancellation(
        order_no=asked.order_no,
        state=state,
        state_reason=state_reason,
        due_at=due_at,
        requested_at=math.floor(now),
        gives_up_at=gives_up_at,
        attempt=int(state is State.CANCELLING),
        in_doubt_after=0 if state is State.CANCELLING else None,
        requested_by=requested_by,
        asker=asker,
        reason=asked.reason,
        not_before=asked.not_before,
    )
    row, started = intake.cancellations.start(row, rejected_by=now - intake.policy.restarts_after)
    if started:
        intake.telemetry.started()
    return row, started


def starts_at(row: Cancellation, asked: CancellationRequest, policy: Policy, *, now: float) -> int:
    """When a waiting row is due that is asked for again."""
    return max(policy.believed(row.eligible_at, now=now), asked.not_before or 0, math.floor(now))


def reschedule(row: Cancellation, asked: CancellationRequest, intake: Intake, *, now: float) -> Cancellation:
    """Reschedule a waiting row to when it is asked for now, or when feee.io allows. Returns it as it now stands.

    An order in doubt is still looked at when it was due, if that is sooner.
    """
    starts = starts_at(row, asked, intake.policy, now=now)
    due_at = min(starts, row.due_at) if row.in_doubt else starts
    rescheduled = replace(row, due_at=due_at, not_before=asked.not_before)
    if starts > now:
        rescheduled = replace(rescheduled, gives_up_at=starts + intake.policy.gives_up_after)
        if not row.in_doubt:
            not_before = starts == asked.not_before and starts != row.eligible_at
            why = StateReason.NOT_BEFORE if not_before else StateReason.TOO_EARLY
            rescheduled = replace(rescheduled, state_reason=why)
    elif row.due_at <= now and not row.in_doubt:
        return row
    else:
        rescheduled = replace(rescheduled, gives_up_at=min(row.gives_up_at, intake.policy.ends_by(rescheduled)))
        if row.state_reason is StateReason.NOT_BEFORE:
            rescheduled = replace(rescheduled, state_reason=StateReason.QUEUED)
    if (due_at, asked.not_before) == (row.due_at, row.not_before):
        return row
    rescheduled = replace(rescheduled, reason=asked.reason or row.reason)
    return intake.cancellations.reschedule(rescheduled, due_at=row.due_at)[0]


def wake_for(rows: Sequence[Cancellation], intake: Intake) -> None:
    """Start the drain for what becomes due before the next tick might see it. The tick is the guarantee."""
    now = intake.now()
    soon = [row.due_at for row in rows if not row.state.final and row.due_at <= now + TICK_SECONDS]
    if soon:
        intake.wake(max([*soon, math.ceil(now) + _INDEX_SECONDS]))
