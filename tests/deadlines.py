"""Deadlines for calls of a test, on a machine that may be busy."""

import time

LATE = 20.0
"""How many seconds after its deadline a call may return: a busy machine may stand still for some."""


def soon(seconds: float = 30) -> float:
    """A deadline, by default one that a call which is answered meets even then."""
    return time.monotonic() + seconds
