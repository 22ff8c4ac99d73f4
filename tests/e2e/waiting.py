"""Waiting for what happens by itself."""

import inspect
import time
from collections.abc import Callable
from typing import TypeVar

PATIENCE = 120.0
"""Seconds: enough for a busy machine. How soon a thing should happen is for the benchmarks to say."""

Seen = TypeVar("Seen")


def wait_for(
    look: Callable[[], Seen],
    until: Callable[[Seen], object] = bool,
    *,
    seconds: float = PATIENCE,
    interval: float = 0.25,
) -> Seen:
    """Look until what is seen will do, and return it. Fails with what was waited for and what was seen last."""
    give_up_at = time.monotonic() + seconds
    while not until(seen := look()):
        if time.monotonic() > give_up_at:
            what = _source(look if until is bool else until)
            raise AssertionError(f"waited {seconds:g} s for\n{what}\nand saw, last,\n{seen!r}")
        time.sleep(interval)
    return seen


def _source(function: Callable[..., object]) -> str:
    """The function, or the statement that a lambda is in, as it stands in the test."""
    try:
        return inspect.getsource(function).strip()
    except (OSError, TypeError):
        return repr(function)
