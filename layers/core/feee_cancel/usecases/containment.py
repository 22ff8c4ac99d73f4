"""Attempts of the drain, contained: whatever one row's attempt comes to, the others go on, and so does time."""

import logging
import math
import traceback
from collections.abc import Callable
from typing import TypeVar

from feee_cancel.domain.cancellation import Cancellation, Due
from feee_cancel.domain.decision import Backoff
from feee_cancel.usecases.attempt import ATTEMPT_SECONDS, attempt, lease_until
from feee_cancel.usecases.ports import Ports, TableUnavailableError

POSTPONED = Backoff(30, 900)
"""How long a row waits whose attempt crashed or couldn't be written."""

T = TypeVar("T")

logger = logging.getLogger(__name__)


def contained_attempt(due: Due, ports: Ports) -> Cancellation | None:
    """Claim the row and make an attempt. Returns the row that it ended with; None if it didn't, or was another's.

    Never raises but what ends the process. A row whose attempt crashes, or can't be written, waits longer each time;
    it fails when its time is up, which takes no attempt that works, not even a row that can be read.
    """
    now, deadline = ports.now(), ports.monotonic() + ATTEMPT_SECONDS
    until = lease_until(now)

    def _attempt() -> Cancellation | None:
        claimed, won = ports.cancellations.claim(due.order_no, due.state, due_by=now, lease_until=until)
        return attempt(claimed, ports, deadline=deadline) if won else None

    def _postpone() -> None:
        cancellations = ports.cancellations
        wait = POSTPONED.wait(due.postponed + 1, ports.jitter())
        if not cancellations.give_up(due, lease_until=until, now=ports.now(), kept_for=ports.policy.kept_for):
            cancellations.postpone(due, lease_until=until, until=math.ceil(ports.now() + wait))

    done, attempted = contained(_attempt, due.order_no, ports)
    if not done:
        contained(_postpone, due.order_no, ports)
    return attempted


def contained(work: Callable[[], T], order_no: str, ports: Ports) -> tuple[bool, T | None]:
    """Whether the work for an order was done, and what it returned. Logs and counts what it raised.

    A crash is logged by its type and place: the message of an error that nobody expected may hold anything, a key too.
    """
    try:
        return True, work()
    except TableUnavailableError:
        logger.exception("an attempt couldn't be written; it will be made again", extra={"order_no": order_no})
    except Exception as error:  # noqa: BLE001 - one row's trouble is nobody else's
        place = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
        crash = {"order_no": order_no, "crash": type(error).__name__, "place": place}
        logger.error("an attempt crashed; it will be made again", extra=crash)  # noqa: TRY400 - without the message
        ports.telemetry.crashed()
    return False, None
