"""One attempt: ask feee.io, decide, settle. The row was claimed before; its lease outlives the attempt."""

import math

from feee_cancel.domain.answer import Answer, AnswerKind
from feee_cancel.domain.cancellation import Cancellation, State
from feee_cancel.domain.decision import decide, hinges_on_others, must_cancel_again
from feee_cancel.domain.doubt import only_looks
from feee_cancel.usecases.ports import Feee, Ports

ATTEMPT_SECONDS = 16.0
"""The longest that an attempt talks to feee.io."""
LEASE_SECONDS = 30
"""From the claim until another attempt may take over: an attempt, and ample time for its settling write."""

_TELLS_ALL = frozenset({AnswerKind.ORDER, AnswerKind.MISCONFIGURED, AnswerKind.RATE_EXCEEDED, AnswerKind.NOT_SENT})
"""After these a query would say nothing more, or be refused alike."""


def lease_until(now: float) -> int:
    """The end of a lease that is taken now."""
    return math.ceil(now + LEASE_SECONDS)


def attempt(row: Cancellation, ports: Ports, *, deadline: float) -> Cancellation:
    """Bring a claimed row one step on. Returns it as it then stands. Raises TableUnavailableError.

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


def _others_shown(
    row: Cancellation, cancel: Answer | None, query: Answer | None, ports: Ports, deadline: float
) -> bool:
    """Whether feee.io shows others while it refuses this one; False if that decides nothing."""
    now = ports.now()
    if any(answer and answer.order for answer in (cancel, query)):
        ports.control.saw(now)
    since = hinges_on_others(row, cancel, query, now=now, policy=ports.policy)
    return since is not None and ports.control.shown_since(
        since, ports.feee, ports.cancellations, now=now, deadline=deadline
    )


def _ask(row: Cancellation, ports: Ports, deadline: float) -> tuple[Answer | None, Answer | None]:
    """The answers to cancel and to query; None for what wasn't asked."""
    if row.state is State.REFUNDING:
        return _look_for_the_refund(row, ports, deadline)
    if only_looks(row, ports.now()):
        return None, ports.feee.query(row.order_no, deadline=deadline)
    return _try(row, ports, deadline)


def _try(row: Cancellation, ports: Ports, deadline: float) -> tuple[Answer, Answer | None]:
    """Cancel, and after any answer but an order, query."""
    cancel = _cancel(ports.feee, row.order_no, deadline)
    query = None if cancel.kind in _TELLS_ALL else ports.feee.query(row.order_no, deadline=deadline)
    return cancel, query


def _look_for_the_refund(row: Cancellation, ports: Ports, deadline: float) -> tuple[Answer | None, Answer]:
    """Query, and cancel again only where the cancel that was accepted had no effect."""
    query = ports.feee.query(row.order_no, deadline=deadline)
    again = must_cancel_again(row, query, now=ports.now(), policy=ports.policy)
    return _cancel(ports.feee, row.order_no, deadline) if again else None, query


def _cancel(feee: Feee, order_no: str, deadline: float) -> Answer:
    """Cancel, once more at once where nothing was sent."""
    answer = feee.cancel(order_no, deadline=deadline)
    return feee.cancel(order_no, deadline=deadline) if answer.kind is AnswerKind.NOT_SENT else answer
