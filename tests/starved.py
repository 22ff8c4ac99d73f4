"""Calls of a service whose emulator is starved: on a busy machine it doesn't answer a function within a second."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from inspect import unwrap
from typing import Any, ParamSpec, TypeVar

import pytest

from feee_cancel.bootstrap.session import _CONFIG
from feee_cancel_client.api import ApiClient

_OPTIONS: Any = _CONFIG  # they have no types
STARVED: float = _OPTIONS.read_timeout * _OPTIONS.retries["total_max_attempts"]
"""Seconds that a function has waited at least if no attempt to reach a table or a secret was answered."""
_TIMES = 5

P = ParamSpec("P")
T = TypeVar("T")


def again_if_starved(call: Callable[P, T], status: Callable[[T], int | None]) -> Callable[P, T]:
    """The call, made again, and said so, while it is answered 503 after so long: the service says that it may be.

    A batch isn't: it is answered 202, and the row that couldn't be reached is refused in it.
    """

    @wraps(call)
    def again(*args: P.args, **named: P.kwargs) -> T:
        for number in range(_TIMES):
            began = time.monotonic()
            answer = call(*args, **named)
            seconds = time.monotonic() - began
            if status(answer) != 503 or seconds < STARVED:
                break
            print(f"call {number + 1} was answered 503 after {seconds:.1f} s")
        return answer

    return again


def status_of(answer: Any) -> int | None:
    """The HTTP status in a function's answer; None if it wasn't asked through the API."""
    return answer.get("statusCode") if isinstance(answer, dict) else None


def status_in(printed: str) -> int | None:
    """503 if an answer with that status is printed, in words or as JSON."""
    return 503 if re.search(r'[Ss]tatus(Code)?"?:? ?503\b', printed) else None


@contextmanager
def each_call_once() -> Iterator[None]:
    """Where a fault is on purpose: with its backoff and a cold start, a refusal may take as long as starving does."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ApiClient, "call", unwrap(ApiClient.call))
        yield
