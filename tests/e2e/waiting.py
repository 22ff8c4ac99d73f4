"""Waiting for what happens by itself."""

import time
from collections.abc import Callable


def wait_for(
    done: Callable[[], bool], *, seconds: float, interval: float = 0.25, found: Callable[[], object] = lambda: None
) -> None:
    """Wait until it is done; where that takes longer, fail and say what was found instead."""
    give_up_at = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < give_up_at, f"not done within {seconds} s: {found()}"
        time.sleep(interval)
