"""A request to cancel an order: written before feee.io is called, and from then on never lost."""

import logging
import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from feee_cancel.domain.cancellation import (
    RESTARTABLE,
    UNDER_WAY,
    UNREADABLE_TIME,
    Cancellation,
    Requested,
    State,
    StateReason,
)
from feee_cancel.domain.decision import Policy
from feee_cancel.domain.documents import Asked, CancellationRequest
from feee_cancel.domain.record import changes_nothing, noted, requests_of
from feee_cancel.usecases.attempt import ATTEMPT_SECONDS, attempt, contained, lease_until, only_looks
from feee_cancel.usecases.errors import RowBusyError, TableUnavailableError
from feee_cancel.usecases.ports import Intake, Ports

TICK_SECONDS = 120
"""The longest time between two of the drain's ticks: EventBridge Scheduler starts each some time within its minute
(Schedule types in EventBridge Scheduler). The tick takes care of what becomes due later than this."""
_INDEX_SECONDS = 2
"""For how many seconds after the write the index may not show a row yet."""
_TRIES = 5
"""How often a row may be found changed before a request for it is refused."""

logger = logging.getLogger(__name__)


def request_cancellation(
    asked: CancellationRequest, ports: Ports, *, requested_by: str | None, deadline: float
) -> Cancellation:
    """Write the request, and make the first attempt if the order is due. Returns the row as it then stands.

    Raises TableUnavailableError only while nothing is accepted yet: once the row is written, trouble at the table
    leaves a lease that ends, and the row as it was claimed is returned.
    """
    now, deadline = ports.now(), min(deadline, ports.monotonic() + ATTEMPT_SECONDS)
    entry = entry_of(asked, now=now, requested_by=requested_by)
    there, started = start(asked, ports, entry, now=now, lease_until=lease_until(now))
    if started:
        row, claimed = there, there.state is State.CANCELLING
    else:
        row, claimed = _ask_again(there, entry, ports, now=now)
    if claimed:
        row = _attempt(row, ports, deadline=deadline)
    if row != there or started or row.due_at <= now:
        wake_for([row], ports)
    return row


def start(
    asked: CancellationRequest,
    intake: Intake,
    entry: Requested,
    *,
    now: float,
    lease_until: int | None = None,
) -> tuple[Cancellation, bool]:
    """Write a new cancellation if there may be one: waiting, or claimed until `lease_until` if it is due.

    Returns the row as it now stands, and whether this call wrote it.
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
        requested_by=entry.requested_by,
        asker=entry.asker,
        reason=asked.reason,
        not_before=asked.not_before,
    )
    rejected_by = now - intake.policy.restarts_after
    row, started = intake.cancellations.start(row, rejected_by=rejected_by, entry=entry)
    if started:
        intake.telemetry.started()
    return row, started


def entry_of(
    asked: CancellationRequest,
    *,
    now: float,
    requested_by: str | None,
    asker: str | None = None,
    sent_at: float | None = None,
) -> Requested:
    """The request as it is put on record; `sent_at` is a message's own time."""
    return Requested(
        requested_by=requested_by,
        asker=asker,
        requested_at=math.floor(now if sent_at is None else sent_at),
        not_before=asked.not_before,
        reason=asked.reason,
    )


def reschedule(row: Cancellation, entry: Requested, intake: Intake, *, now: float) -> Cancellation:
    """Put a request for a waiting row on record, and reschedule the row to what all requests come to.

    Returns the row as it now stands, which may be another's work. Raises TableUnavailableError; RowBusyError if others
    keep changing the row, or if an attempt is under way that won't do what is asked for and would write over the
    request.
    """
    for _ in range(_TRIES):
        if changes_nothing(row, entry):
            return row
        if row.state is not State.WAITING:
            if only_looks(row, now) and noted(row, entry).not_before != row.not_before:
                raise RowBusyError(f"an attempt is looking at order {row.order_no} just now")
            return row
        rescheduled = _rescheduled(row, noted(row, entry), entry, intake.policy, now=now)
        if rescheduled == row:
            return row
        row, written = intake.cancellations.reschedule(rescheduled, due_at=row.due_at, requests=row.requests)
        if written:
            return row
    raise RowBusyError(f"others are changing the cancellation of order {row.order_no} just now")


def _rescheduled(
    row: Cancellation, wanted: Cancellation, entry: Requested, policy: Policy, *, now: float
) -> Cancellation:
    """The row with its new due time: the time asked for, or when feee.io allows if that is later.

    A time later than the current one delays nothing. An order in doubt is still looked at when it was due, if that is
    sooner.
    """
    starts = _starts_at(wanted, policy, now=now)
    if wanted.not_before == row.not_before and (entry.not_before or 0) > now and row.due_at != UNREADABLE_TIME:
        return wanted
    if starts <= now and row.due_at <= now and not row.in_doubt:
        return wanted
    due_at = min(starts, row.due_at) if row.in_doubt else starts
    if (due_at, wanted.not_before) == (row.due_at, row.not_before):
        return wanted
    wanted = replace(wanted, due_at=due_at)
    if starts > now:
        wanted = replace(wanted, gives_up_at=starts + policy.gives_up_after)
        if not row.in_doubt:
            not_before = starts == wanted.not_before and starts != row.eligible_at
            wanted = replace(wanted, state_reason=StateReason.NOT_BEFORE if not_before else StateReason.TOO_EARLY)
        return wanted
    wanted = replace(wanted, gives_up_at=min(row.gives_up_at, policy.ends_by(wanted, now=now)))
    return replace(wanted, state_reason=StateReason.QUEUED) if row.state_reason is StateReason.NOT_BEFORE else wanted


def _starts_at(row: Cancellation, policy: Policy, *, now: float) -> int:
    """When a waiting row may be attempted."""
    return max(policy.believed(row.eligible_at, now=now), row.not_before or 0, math.floor(now))


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
    """Whether this order has; a row that ended and that a request may restart doesn't count."""
    there = intake.cancellations.find(asked.order_no)
    if there is None or there.state in RESTARTABLE:
        return False
    return asked.not_before in {there.not_before, *(one.not_before for one in requests_of(there))}


def _ask_again(row: Cancellation, entry: Requested, ports: Ports, *, now: float) -> tuple[Cancellation, bool]:
    """Put the request on record, and claim what is due. Returns whether it was claimed."""
    if row.state is State.WAITING:
        wanted = noted(row, entry)
        waits = _starts_at(wanted, ports.policy, now=now) > now
        if waits or wanted.requests != row.requests:
            row = reschedule(row, entry, ports, now=now)
            if waits or row.state is not State.WAITING or row.due_at > now:
                return row, False
        return _claim(row, ports, now=now, due_by=max(now, row.due_at))
    reschedule(row, entry, ports, now=now)  # or raise, if the request would be lost
    if row.state in UNDER_WAY and row.due_at <= now:
        return _claim(row, ports, now=now, due_by=now)
    return row, False


def _claim(row: Cancellation, ports: Ports, *, now: float, due_by: float) -> tuple[Cancellation, bool]:
    """Claim a row whose request is accepted: if it can't be claimed, the drain goes on with it."""
    try:
        return ports.cancellations.claim(row.order_no, row.state, due_by=due_by, lease_until=lease_until(now))
    except TableUnavailableError:
        logger.exception("a row couldn't be claimed; the drain will do it", extra={"order_no": row.order_no})
        return row, False


def _attempt(row: Cancellation, ports: Ports, *, deadline: float) -> Cancellation:
    """Make an attempt. Whatever it comes to, the request was accepted, and the drain goes on when the lease ends."""
    _, attempted = contained(lambda: attempt(row, ports, deadline=deadline), row.order_no, ports)
    return attempted or row
