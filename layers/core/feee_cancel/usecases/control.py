"""The control of a refusal: whether feee.io shows other orders to this key meanwhile (docs/decisions/0017)."""

import math
import threading

from feee_cancel.domain.cancellation import State, StateReason
from feee_cancel.usecases.errors import TableUnavailableError
from feee_cancel.usecases.ports import Cancellations, Feee

FRESH_SECONDS = 60
"""How long an order that feee.io showed proves that feee.io works. At most one call is made in this time to see one."""

_SHOWN = {StateReason.REFUNDED, StateReason.NOTHING_PAID, StateReason.FILLED, StateReason.NEVER_PAID}
"""The reasons that a row ends with only if feee.io showed its order."""
_PAGE = 10


class ShownOrders:
    """Remembers in this process when feee.io last showed an order, whichever thread notes it."""

    def __init__(self) -> None:
        self._shown_at = -math.inf
        self._asked_at = -math.inf
        self._lock = threading.Lock()

    def saw(self, now: float) -> None:
        """Note that feee.io showed an order."""
        with self._lock:
            self._shown_at = max(self._shown_at, now)

    def shown_since(
        self, since: float, feee: Feee, cancellations: Cancellations, *, now: float, deadline: float
    ) -> bool:
        """Whether feee.io showed an order since then, and within the last minute.

        If no attempt saw one, it queries the order of a cancellation that ended, at most once a minute.
        """
        since = max(since, now - FRESH_SECONDS)
        self._forget_what_is_ahead_of(now)
        if self._shown_at <= since and self._may_ask(now):
            order_no = _ended(cancellations)
            if order_no and feee.query(order_no, deadline=deadline).order:
                self.saw(now)
        return self._shown_at > since

    def _forget_what_is_ahead_of(self, now: float) -> None:
        """If the clock was set back, what was noted before no longer counts."""
        with self._lock:
            if max(self._shown_at, self._asked_at) > now + FRESH_SECONDS:
                self._shown_at = self._asked_at = -math.inf

    def _may_ask(self, now: float) -> bool:
        with self._lock:
            if now - self._asked_at < FRESH_SECONDS:
                return False
            self._asked_at = now
            return True


def _ended(cancellations: Cancellations) -> str | None:
    """Of the orders that feee.io showed at their end, the one whose cancellation ended last; None if there is none."""
    try:
        rows = [
            row
            for state in (State.CANCELLED, State.REJECTED)
            for row in cancellations.page(state, limit=_PAGE, after=None)
            if row.state_reason in _SHOWN
        ]
    except TableUnavailableError:
        return None
    return max(rows, key=lambda row: row.due_at).order_no if rows else None
