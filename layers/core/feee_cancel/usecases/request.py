"""A request to cancel an order: written before feee.io is called, and from then on never lost."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from feee_cancel.domain.cancellation import RESTARTABLE, UNDER_WAY, Cancellation, State, StateReason
from feee_cancel.domain.decision import Policy
from feee_cancel.domain.documents import Asked, CancellationRequest
from feee_cancel.usecases.attempt import ATTEMPT_SECONDS, attempt, contained, lease_until
from feee_cancel.usecases.ports import Intake, Ports

TICK_SECONDS = 120
"""The longest time between two of the drain's ticks: EventBridge Scheduler starts each some time within its minute
(Schedule types in EventBridge Scheduler). The tick takes care of what becomes due later than this."""
_INDEX_SECONDS = 2
"""The index may show a row so much later than it was written."""


def request_cancellation(
    asked: CancellationRequest, ports: Ports, *, requested_by: str | None, deadline: float
) -> Cancellation:
    """Write the request, and make the first attempt if the order is due. Returns the row as it then stands.

    Raises TableUnavailableError only while nothing is accepted yet: once the row is written, trouble at the table
    leaves a lease that ends, and the row as it was claimed is returned.
    """
    now, deadline = ports.now(), min(deadline, ports.monotonic() + ATTEMPT_SECONDS)
    there, started = start(asked, ports, now=now, requested_by=requested_by, lease_until=lease_until(now))
    if started:
        row, claimed = there, there.state is State.CANCELLING
    else:
        row, claimed = _ask_again(there, asked, ports, now=now)
    if claimed:
        row = _attempt(row, ports, deadline=deadline)
    if row != there or started:
        wake_for([row], ports)
    return row


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


def are_asked(asked: Iterable[Asked], intake: Intake) -> bool:
    """Whether each of these orders has been asked for with this very time. Raises TableUnavailableError."""
    return all(_is_asked(one, intake) for one in asked if isinstance(one, CancellationRequest))


def _is_asked(asked: CancellationRequest, intake: Intake) -> bool:
    """A row that ended, and that a request would start again, is none."""
    there = intake.cancellations.find(asked.order_no)
    return there is not None and there.not_before == asked.not_before and there.state not in RESTARTABLE


def _ask_again(row: Cancellation, asked: CancellationRequest, ports: Ports, *, now: float) -> tuple[Cancellation, bool]:
    """Reschedule what waits to when it is asked for now, or when feee.io allows. Returns whether it was claimed."""
    if row.state is State.WAITING:
        if starts_at(row, asked, ports.policy, now=now) > now:
            return reschedule(row, asked, ports, now=now), False
        if row.not_before and row.not_before > now:
            row = reschedule(row, asked, ports, now=now)
            if row.state is not State.WAITING:
                return row, False
        return _claim(row, ports, now=now, due_by=max(now, row.due_at))
    if row.state in UNDER_WAY and row.due_at <= now:
        return _claim(row, ports, now=now, due_by=now)
    return row, False


def _claim(row: Cancellation, ports: Ports, *, now: float, due_by: float) -> tuple[Cancellation, bool]:
    return ports.cancellations.claim(row.order_no, row.state, due_by=due_by, lease_until=lease_until(now))


def _attempt(row: Cancellation, ports: Ports, *, deadline: float) -> Cancellation:
    """Make an attempt. Whatever it comes to, the request was accepted, and the drain goes on when the lease ends."""
    done, attempted = contained(lambda: attempt(row, ports, deadline=deadline), row.order_no, ports)
    return attempted if done and attempted else row
