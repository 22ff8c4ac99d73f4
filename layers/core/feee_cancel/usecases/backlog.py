"""The backlog: how much is still to be done, and how late it is; and what would never be due."""

import math
from collections.abc import Sequence
from functools import partial

from feee_cancel.domain import rank
from feee_cancel.domain.cancellation import Cancellation, State
from feee_cancel.domain.due import Due
from feee_cancel.usecases.attempt import contained
from feee_cancel.usecases.ports import Intake, Ports

_LATEST_SECONDS = 31 * 86_400
"""Nothing is due later: a request is for 30 days ahead at most, and no wait is as long."""
_AT_A_TIME = 10
_ALL_ARE_READ = 1_000
"""With fewer rows than this, each one's time is read; with more, the latest may be missing."""


def report_backlog(intake: Intake) -> Sequence[int]:
    """Report how many rows aren't final, and for how long the oldest has been due. Raises TableUnavailableError.

    Returns when they are due, as far as that was read.
    """
    due_at = intake.cancellations.unsettled()
    overdue = intake.now() - min(due_at) if due_at else 0
    intake.telemetry.backlog(len(due_at), overdue=max(0, overdue))
    return due_at


def recall_what_is_due_too_late(ports: Ports, backlog: Sequence[int]) -> None:
    """Make rows due now whose time can't be right (in milliseconds, say). Raises TableUnavailableError.

    At most ten of each state at a time. It looks for them only if the backlog shows one, or wasn't read in full.
    """
    now = math.floor(ports.now())
    if len(backlog) < _ALL_ARE_READ and max(backlog, default=now) <= now + _LATEST_SECONDS:
        return
    for state in State:
        rows = [] if state.final else ports.cancellations.page(state, limit=_AT_A_TIME, after=None)
        for row in rows:
            if row.due_at > now + _LATEST_SECONDS:
                contained(partial(_recall, row, ports, now=now), row.order_no, ports)


def _recall(row: Cancellation, ports: Ports, *, now: int) -> None:
    due = Due(row.order_no, row.state, row.due_at, asker=rank.asker(row), lane=rank.lane(row))
    ports.cancellations.postpone(due, lease_until=row.due_at, until=now)
