"""One attempt: ask feee.io, decide, settle. The row was claimed before; its lease outlives the attempt.

Whatever an attempt comes to, the others go on: what it raises is logged and counted, and goes no further.
"""

import logging
import math
import traceback
from collections.abc import Callable
from typing import TypeVar

from feee_cancel.domain.answer import Answer, AnswerKind
from feee_cancel.domain.cancellation import TROUBLED, Cancellation, State
from feee_cancel.domain.decision import Backoff, decide, hinges_on_others, must_cancel_again
from feee_cancel.domain.due import Due
from feee_cancel.usecases.errors import TableUnavailableError
from feee_cancel.usecases.ports import Feee, Ports

ATTEMPT_SECONDS = 16.0
"""The longest that an attempt talks to feee.io."""
LEASE_SECONDS = 30
"""From the claim until another attempt may take over: an attempt, and ample time for its settling write."""
POSTPONED = Backoff(30, 900)
"""How long a row waits if its attempt crashed or couldn't be written."""

_TELLS_ALL = frozenset({AnswerKind.ORDER, AnswerKind.MISCONFIGURED, AnswerKind.RATE_EXCEEDED, AnswerKind.NOT_SENT})
"""After these a query would add nothing, or be refused too."""

_LOOKS_EVERY = 4
"""Of the attempts in a row that feee.io didn't serve, every fourth only queries: the order may have ended by itself."""

T = TypeVar("T")

logger = logging.getLogger(__name__)


def lease_until(now: float) -> int:
    """The end of a lease that begins now."""
    return math.ceil(now + LEASE_SECONDS)


def only_looks(row: Cancellation, now: float) -> bool:
    """Whether the attempt only queries, to resolve the doubt: the order isn't to be cancelled yet."""
    return row.state is State.CANCELLING and row.not_before is not None and row.not_before > now


def attempt(row: Cancellation, ports: Ports, *, deadline: float) -> Cancellation:
    """Take a claimed row one step further. Returns it as it then stands. Raises TableUnavailableError.

    `deadline` (a reading of `ports.monotonic`) bounds the calls to feee.io. It is at most ATTEMPT_SECONDS after the
    clock was read for the lease: a process that stalls while it claims doesn't call once its lease is over.
    """
    cancel, query = _ask(row, ports, deadline)
    shown = _others_shown(row, cancel, query, ports, deadline)
    decided = decide(
        row, cancel, query, now=ports.now(), policy=ports.policy, jitter=ports.jitter(), others_shown=shown
    )
    settled = ports.cancellations.settle(decided)
    if settled == decided:
        ports.telemetry.attempted(settled)
    return settled


def contained_attempt(due: Due, ports: Ports) -> Cancellation | None:
    """Claim the row and make an attempt. Returns the row that it ended with; None if it didn't end, or another had it.

    Raises nothing but what ends the process. A row whose attempt crashes, or can't be written, waits longer each time;
    when its time is up it fails, even if no attempt works and the row can't be read.
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
    if attempted:
        logger.info("attempted", extra=_told(attempted))
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


def _told(row: Cancellation) -> dict[str, object]:
    """What a reader of the log needs to know of how an attempt ended."""
    due = {} if row.state.final else {"due_at": row.due_at}
    return {
        "order_no": row.order_no,
        "attempt": row.attempt,
        "state": row.state,
        "state_reason": row.state_reason,
        "requested_by": row.requested_by,
        **due,
    }


def _others_shown(
    row: Cancellation, cancel: Answer | None, query: Answer | None, ports: Ports, deadline: float
) -> bool:
    """Whether feee.io shows other orders while it refuses this one; False if that decides nothing."""
    now = ports.now()
    if any(answer and answer.order for answer in (cancel, query)):
        ports.control.saw(now)
        return False
    since = hinges_on_others(row, cancel, query, now=now, policy=ports.policy)
    return since is not None and ports.control.shown_since(
        since, ports.feee, ports.cancellations, now=now, deadline=deadline
    )


def _ask(row: Cancellation, ports: Ports, deadline: float) -> tuple[Answer | None, Answer | None]:
    """The answers to cancel and to query; None for what wasn't asked."""
    if row.state is State.REFUNDING:
        return _look_for_the_refund(row, ports, deadline)
    goes_unheard = row.state_reason in TROUBLED and row.tries % _LOOKS_EVERY == _LOOKS_EVERY - 1
    if goes_unheard or only_looks(row, ports.now()):
        return None, ports.feee.query(row.order_no, deadline=deadline)
    return _try(row, ports, deadline)


def _try(row: Cancellation, ports: Ports, deadline: float) -> tuple[Answer, Answer | None]:
    """Cancel; then query, unless the answer tells all (`_TELLS_ALL`) or feee.io asks not to be called for a while.

    If a refusal asks for a rest, only the next cancel waits: the query has to show what became of the order.
    """
    cancel = _cancel(ports.feee, row.order_no, deadline)
    rests = cancel.retry_after and cancel.kind is not AnswerKind.REFUSED
    if cancel.kind in _TELLS_ALL or rests:
        return cancel, None
    return cancel, ports.feee.query(row.order_no, deadline=deadline)


def _look_for_the_refund(row: Cancellation, ports: Ports, deadline: float) -> tuple[Answer | None, Answer]:
    """Query, and cancel again only if the cancel that was accepted had no effect."""
    query = ports.feee.query(row.order_no, deadline=deadline)
    again = must_cancel_again(row, query, now=ports.now(), policy=ports.policy)
    return _cancel(ports.feee, row.order_no, deadline) if again else None, query


def _cancel(feee: Feee, order_no: str, deadline: float) -> Answer:
    """Cancel, once more at once if nothing was sent."""
    answer = feee.cancel(order_no, deadline=deadline)
    return feee.cancel(order_no, deadline=deadline) if answer.kind is AnswerKind.NOT_SENT else answer
