"""Deadlines for calls of a test: a busy machine stands still for seconds now and then, and no call can help it."""

import math
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, Self

import pytest

from feee_cancel.adapters.connection import Call
from feee_cancel.domain.answer import Answer, AnswerKind

_BEAT = 0.02
_ENOUGH = 30.0
"""Seconds within which a call is answered even if the machine stands still for some."""
_AT_ONCE = 3.0
_SLACK = 0.75
_LATE = 0.2
_TRIES = 5
_LEAST = 2.0
"""Seconds that a call allows for each step until it is sent, however long it may take."""


def soon(seconds: float = _ENOUGH) -> float:
    """A deadline, by default one that a call which is answered meets on a busy machine, too."""
    return time.monotonic() + seconds


class Stopwatch:
    """Seconds of a block, without those for which the machine stood still, if those are a fifth of a second and more.

    It stood still while this process was stopped: a thread woke later than it had asked for, and the process computed
    nothing meanwhile. Or while this thread was ready to run and others were run, as Linux counts it.
    """

    def __init__(self) -> None:
        self._over = threading.Event()
        self._beating = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        self._kept_waiting = _kept_waiting()
        self._seen = _Seen(0.0, self._began, time.process_time())
        self._beating.start()
        return self

    def __exit__(self, *_: object) -> None:
        seen = self._looked()
        self.stood_still = max(seen.stopped, _if_long(_kept_waiting() - self._kept_waiting))
        self.seconds = seen.woke - self._began - self.stood_still
        self._over.set()
        self._beating.join()

    def _beat(self) -> None:
        while not self._over.wait(_BEAT):
            self._seen = self._looked()

    def _looked(self) -> "_Seen":
        stopped, woke, computed = self._seen
        now, cpu = time.monotonic(), time.process_time()
        return _Seen(stopped + _if_long(now - woke - _BEAT - (cpu - computed)), now, cpu)


class _Seen(NamedTuple):
    """What the beating thread saw when it woke: for how long all stood still so far, and two clocks."""

    stopped: float
    woke: float
    computed: float


def _if_long(seconds: float) -> float:
    """0 for what every timer is late."""
    return seconds if seconds > _LATE else 0.0


def _kept_waiting() -> float:
    """The seconds that this thread has waited for a processor. 0 where the system doesn't say, as on macOS."""
    with suppress(OSError):
        return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9
    return 0.0


def in_time(call: Callable[..., Answer], seconds: float = 0.0, *, at_once: float = _AT_ONCE) -> Answer:
    """The answer to a call that takes a deadline and is over by it. Without `seconds` it takes as long as `at_once`."""
    return _timed(call, seconds, at_once)[0]


def sent_in_time(call: Callable[..., Answer], seconds: float) -> Answer:
    """The same for a call that is sent, but perhaps never answered rightly: again if the machine stood still before."""
    for _ in range(_TRIES):
        answer, stood_still = _timed(call, seconds, seconds)
        if answer.kind is not AnswerKind.NOT_SENT or stood_still < min(seconds, _LEAST) / 2:
            break
    return answer


def _timed(call: Callable[..., Answer], seconds: float, at_once: float) -> tuple[Answer, float]:
    with Stopwatch() as watch:
        answer = call(deadline=soon(seconds or _ENOUGH))
    assert watch.seconds < (seconds or at_once) + _SLACK
    return answer, watch.stood_still


WAITS = {"look up", "connect", "do_handshake", "sendall", "recv_into"}
"""What a call waits for on a new connection under TLS."""
_ROUNDED = 1e-6
"""A socket rounds its timeout up."""
_WAITING = {socket.socket: ("connect", "sendall", "recv_into"), ssl.SSLSocket: ("do_handshake", "sendall", "recv_into")}


class Wait(NamedTuple):
    """What a call waited for, for how many seconds at most, and whether it had looked how many are left just before."""

    name: str
    most: float
    looked: bool


@contextmanager
def waits() -> Iterator[list[Wait]]:
    """What this thread waits for, and for how long at most: no machine is too slow for that."""
    seen, granted, mine, left = list[Wait](), list[float](), threading.get_ident(), Call.left

    def granting(call: Call, *bounds: float, **least: float) -> float:
        granted.append(left(call, *bounds, **least))
        return granted[-1]

    def noting(name: str, operation: Callable[..., Any]) -> Callable[..., Any]:
        def noted(it: Any, *given: Any, **named: Any) -> Any:
            if threading.get_ident() == mine:
                told = it.gettimeout() if isinstance(it, socket.socket) else (*given, *named.values(), None)[0]
                most = math.inf if told is None else told
                seen.append(Wait(name, most, bool(granted) and most <= granted[-1] + _ROUNDED))
                granted.clear()
            return operation(it, *given, **named)

        return noted

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Call, "left", granting)
        patch.setattr(Future, "result", noting("look up", Future.result))
        for kind, names in _WAITING.items():
            for name in names:
                patch.setattr(kind, name, noting(name, getattr(kind, name)))
        yield seen
