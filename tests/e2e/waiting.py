"""Waiting for what happens by itself."""

import time
from collections.abc import Callable


def wait_for(done: Callable[[], bool], *, seconds: float, interval: float = 0.25) -> None:
    """Wait until it is done; fail where that takes longer."""
    give_up_at = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < give_up_at, f"not done within {seconds} s"
        time.sleep(interval)
