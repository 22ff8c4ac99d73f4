"""The pace toward feee.io: it counts calls, not orders."""

import threading
from collections.abc import Callable

from feee_cancel.domain.answer import Answer
from feee_cancel.usecases.ports import Feee


class PacedFeee:
    """feee.io with at least `interval` seconds from one call to the next, whichever threads they come from.

    The first call waits as well: the drain before this one may just have made its last.
    """

    def __init__(
        self, feee: Feee, interval: float, *, monotonic: Callable[[], float], sleep: Callable[[float], None]
    ) -> None:
        self._feee = feee
        self._interval = interval
        self._monotonic = monotonic
        self._sleep = sleep
        self._next_at = monotonic() + interval
        self._lock = threading.Lock()

    def cancel(self, order_no: str, *, deadline: float) -> Answer:
        """Ask for the order to be cancelled, when this call's time comes."""
        self._wait()
        return self._feee.cancel(order_no, deadline=deadline)

    def query(self, order_no: str, *, deadline: float) -> Answer:
        """Ask how the order stands, when this call's time comes."""
        self._wait()
        return self._feee.query(order_no, deadline=deadline)

    def _wait(self) -> None:
        with self._lock:
            now = self._monotonic()
            at = max(self._next_at, now)
            self._next_at = at + self._interval
        self._sleep(at - now)
