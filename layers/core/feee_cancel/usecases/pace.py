"""The pace toward feee.io: it counts calls, not orders. An attempt reserves its first call's place before it begins."""

import threading
from collections.abc import Callable

from feee_cancel.domain.answer import Answer, AnswerKind
from feee_cancel.usecases.ports import Feee

_ABOUT_ALL = frozenset({AnswerKind.RATE_EXCEEDED, AnswerKind.NO_USABLE_ANSWER})
"""A rest that one of these asks for is for the key, or for feee.io as a whole."""


class Pace:
    """Places in time, at least `interval` seconds apart, whichever threads ask for them.

    The first comes after an interval: the drain before this one may just have made its last call. A place that was
    missed moves the calls after it, so that calls are never closer to each other than places.
    """

    def __init__(self, interval: float, *, monotonic: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._interval = interval
        self._monotonic = monotonic
        self._sleep = sleep
        self._called_at = monotonic()
        self._next_at = self._called_at + interval
        self._rests_until = self._called_at
        self._waiting: set[float] = set()
        self._lock = threading.Lock()

    def opens_in(self) -> float:
        """Seconds until the next place that nobody has, and that isn't within a rest."""
        return max(0.0, max(self._next_at, self._rests_until) - self._monotonic())

    def rests_for(self) -> float:
        """Seconds for which feee.io asks not to be called at all."""
        return max(0.0, self._rests_until - self._monotonic())

    def heard(self, answer: Answer) -> Answer:
        """Take note of the rest that an answer asks for, if it isn't about its order alone. Returns the answer."""
        if answer.kind in _ABOUT_ALL:
            with self._lock:
                self._rests_until = max(self._rests_until, self._monotonic() + answer.retry_after)
        return answer

    def reserve(self) -> float:
        """Take the next place. Returns when it is."""
        with self._lock:
            at = max(self._next_at, self._monotonic())
            self._next_at = at + self._interval
        return at

    def wait(self, at: float) -> None:
        """Wait for a place that was reserved, or longer if the call before it was late, even by having overslept.

        Then those with earlier places go first, and the places that nobody has yet move too: lateness doesn't add up.
        """
        with self._lock:
            self._waiting.add(at)
        while (seconds := self._called_in(at)) > 0:
            self._sleep(seconds)

    def _called_in(self, at: float) -> float:
        """Seconds until a call may be made whose place this is. If none are left, it counts as made now."""
        with self._lock:
            now = self._monotonic()
            earlier = sum(other < at for other in self._waiting)
            seconds = max(at, self._called_at + self._interval * (earlier + 1)) - now
            if seconds <= 0:
                self._called_at = now
                self._next_at = max(self._next_at, now + self._interval * len(self._waiting))
                self._waiting.remove(at)
        return seconds


class PacedFeee:
    """feee.io for one attempt at the pace. The place of its first call is reserved at once."""

    def __init__(self, feee: Feee, pace: Pace) -> None:
        self._feee = feee
        self._pace = pace
        self._first: float | None = pace.reserve()

    def cancel(self, order_no: str, *, deadline: float) -> Answer:
        """Ask for the order to be cancelled, when this call's time comes."""
        self._wait()
        return self._pace.heard(self._feee.cancel(order_no, deadline=deadline))

    def query(self, order_no: str, *, deadline: float) -> Answer:
        """Ask how the order stands, when this call's time comes."""
        self._wait()
        return self._pace.heard(self._feee.query(order_no, deadline=deadline))

    def _wait(self) -> None:
        at, self._first = self._first, None
        self._pace.wait(self._pace.reserve() if at is None else at)
