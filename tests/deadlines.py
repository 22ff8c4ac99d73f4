"""Deadlines for calls of a test, on a machine that may be busy."""

import time
from collections.abc import Callable

from feee_cancel.domain.answer import Answer, AnswerKind

LATE = 20.0
"""How many seconds after its deadline a call may return: a busy machine may stand still for some."""


def soon(seconds: float = 30) -> float:
    """A deadline, by default one that a call which is answered meets even then."""
    return time.monotonic() + seconds


def in_time(call: Callable[..., Answer], seconds: float = 30) -> Answer:
    """The answer to a call that takes a deadline, by which it is over."""
    deadline = soon(seconds)
    answer = call(deadline=deadline)
    assert time.monotonic() < deadline + LATE
    return answer


def sent_in_time(call: Callable[..., Answer], seconds: float) -> Answer:
    """The same for a call that is to be sent, but never answered rightly: again if the machine stood still before."""
    for _ in range(5):
        if (answer := in_time(call, seconds)).kind is not AnswerKind.NOT_SENT:
            break
    return answer
