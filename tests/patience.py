"""A machine may be too busy for its emulator to answer a function within the second that suffices on AWS."""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from feee_cancel.bootstrap.session import _CONFIG

_OPTIONS: Any = _CONFIG  # they have no types
STARVED: float = _OPTIONS.read_timeout * _OPTIONS.retries["total_max_attempts"]
"""Seconds of waiting for a table or a secret after which the service says that it can't reach it."""
_TIMES = 5

P = ParamSpec("P")
T = TypeVar("T")


def patient(call: Callable[P, T], status: Callable[[T], int]) -> Callable[P, T]:
    """The call, made again as its answer asks for if that is 503 after so long. A refusal at once is a refusal."""

    @wraps(call)
    def again(*args: P.args, **named: P.kwargs) -> T:
        for _ in range(_TIMES):
            began = time.monotonic()
            answer = call(*args, **named)
            if status(answer) != 503 or time.monotonic() - began < STARVED:
                break
        return answer

    return again
