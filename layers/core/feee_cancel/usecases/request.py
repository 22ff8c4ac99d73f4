"""A request to cancel an order: written before feee.io is called, and from then on never lost."""

from feee_cancel.domain.cancellation import Cancellation, State
from feee_cancel.domain.documents import CancellationRequest
from feee_cancel.usecases.attempt import ATTEMPT_SECONDS, attempt, lease_until
from feee_cancel.usecases.containment import contained
from feee_cancel.usecases.enqueue import reschedule, start, starts_at, wake_for
from feee_cancel.usecases.ports import Ports


def request(asked: CancellationRequest, ports: Ports, *, requested_by: str | None, deadline: float) -> Cancellation:
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
    if not row.state.final and row.due_at <= now:
        return _claim(row, ports, now=now, due_by=now)
    return row, False


def _claim(row: Cancellation, ports: Ports, *, now: float, due_by: float) -> tuple[Cancellation, bool]:
    return ports.cancellations.claim(row.order_no, row.state, due_by=due_by, lease_until=lease_until(now))


def _attempt(row: Cancellation, ports: Ports, *, deadline: float) -> Cancellation:
    """Make an attempt. Whatever it comes to, the request was accepted, and the drain goes on when the lease ends."""
    done, attempted = contained(lambda: attempt(row, ports, deadline=deadline), row.order_no, ports)
    return attempted if done and attempted else row
