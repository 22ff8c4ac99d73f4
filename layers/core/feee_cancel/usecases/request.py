"""A request to cancel an order: written before feee.io is called, and from then on never lost."""

import logging
import math

from feee_cancel.domain.cancellation import Cancellation, CancellationRequest, State, StateReason
from feee_cancel.usecases.attempt import LEASE_SECONDS, attempt
from feee_cancel.usecases.ports import Ports, TableUnavailableError

logger = logging.getLogger(__name__)


def request(asked: CancellationRequest, ports: Ports, *, requested_by: str | None, deadline: float) -> Cancellation:
    """Take the request, and make the first attempt where the order is due. Returns the row as it then stands.

    Raises TableUnavailableError only while nothing is accepted yet: once the row is written, trouble at the table
    leaves a lease that ends, and the row as it was claimed is returned.
    """
    now = ports.now()
    row, claimed = ports.cancellations.begin(_new(asked, ports, now=now, requested_by=requested_by))
    claimed = claimed and row.state is State.CANCELLING
    if not claimed and not row.state.final and row.due_at <= now:
        row, claimed = ports.cancellations.claim(row, now=now, lease_until=_lease_until(now))
    if not claimed:
        return row
    try:
        return attempt(row, ports, deadline=deadline)
    except TableUnavailableError:
        logger.exception(
            "the outcome couldn't be written; the attempt will be made again", extra={"order_no": row.order_no}
        )
        return row


def _new(asked: CancellationRequest, ports: Ports, *, now: float, requested_by: str | None) -> Cancellation:
    due = asked.not_before is None or asked.not_before <= now
    starts_at = now if asked.not_before is None or due else asked.not_before
    return Cancellation(
        order_no=asked.order_no,
        state=State.CANCELLING if due else State.WAITING,
        state_reason=None if due else StateReason.NOT_BEFORE,
        due_at=_lease_until(now) if due else math.ceil(starts_at),
        requested_at=math.floor(now),
        gives_up_at=math.ceil(starts_at + ports.policy.gives_up_after),
        requested_by=requested_by,
        reason=asked.reason,
        not_before=asked.not_before,
    )


def _lease_until(now: float) -> int:
    return math.ceil(now + LEASE_SECONDS)
