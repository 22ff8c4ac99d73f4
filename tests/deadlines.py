"""Deadlines for calls of a test: a busy machine stands still for seconds now and then, and no call can help it."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

from feee_cancel.domain.answer import Answer, AnswerKind

_BEAT = 0.02
_ENOUGH = 30.0
"""Seconds within which a call is answered even if the machine stands still for some."""
_AT_ONCE = 3.0
_SLACK = 1.0
_TRIES = 5


def soon(seconds: float = _ENOUGH) -> float:
    """A deadline, by default one that a call which is answered meets on a busy machine, too."""
    return time.monotonic() + seconds


class Stopwatch:
    """Seconds of a block, without those for which the machine stood still.

    It stood still while this process was stopped, which is how much later a thread woke than it had asked for; or while
    this thread was ready to run and others were run, as Linux counts it.
    """

    def __init__(self) -> None:
        self._over = threading.Event()
        self._beating = threading.Thread(target=self._beat, daemon=True)
        self._ended: float | None = None

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        self._kept_waiting = _kept_waiting()
        self._seen = 0.0, self._began  # how late it woke so far, and when it woke
        self._beating.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = time.monotonic()
        late, woke = self._seen
        stopped = late + max(0.0, self._ended - woke - _BEAT)
        self.stood_still = max(stopped, _kept_waiting() - self._kept_waiting)
        self.seconds = self._ended - self._began - self.stood_still
        self._over.set()
        self._beating.join()

    def _beat(self) -> None:
        while not self._over.wait(_BEAT):
            late, woke = self._seen
            now = time.monotonic()
            self._seen = late + max(0.0, now - woke - _BEAT), now


def _kept_waiting() -> float:
    """The seconds that this thread has waited for a processor. 0 where the system doesn't say, as on macOS."""
    with suppress(OSError):
        return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9
    return 0.0


def in_time(call: Callable[..., Answer], seconds: float = 0.0, *, at_once: float = _AT_ONCE) -> Answer:
    """The answer to a call that takes a deadline and is over by it. Without `seconds` it takes as long as `at_once`."""
    return _timed(call, seconds, at_once)[0]


def sent_in_time(call: Callable[..., Answer], seconds: float) -> Answer:
    """The same for a call that is sent, but never answered rightly: again if the machine stood still before."""
    for _ in range(_TRIES):
        answer, stood_still = _timed(call, seconds, seconds)
        if answer.kind is not AnswerKind.NOT_SENT or stood_still < seconds / 2:
            break
    return answer


def _timed(call: Callable[..., Answer], seconds: float, at_once: float) -> tuple[Answer, float]:
    with Stopwatch() as watch:
        answer = call(deadline=soon(seconds or _ENOUGH))
    assert watch.seconds < (seconds or at_once) + _SLACK
    return answer, watch.stood_still
