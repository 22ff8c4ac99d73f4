"""Calls of a service whose emulator is starved: on a busy machine it doesn't answer a function within a second."""

import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from inspect import unwrap
from tempfile import TemporaryFile
from typing import Any, ParamSpec, TypeVar

import pytest

from feee_cancel.bootstrap.session import _CONFIG
from feee_cancel_client.api import ApiClient
from local.errors import LocalError

_OPTIONS: Any = _CONFIG  # they have no types
STARVED: float = _OPTIONS.read_timeout * _OPTIONS.retries["total_max_attempts"]
"""Seconds that a function has waited at least if no attempt to reach a table or a secret was answered."""
_TIMED_OUT = re.compile(
    rb"\b(?:Read|Connect)TimeoutError\b|couldn't be woken[^\n]*TableUnavailableError|timed out after \d+ seconds"
)
"""How a function's log says that AWS didn't answer it in time, or SAM CLI that the function's own time ran out."""
_STDERR = 2
TIMES = 5
"""How often a call is made at most."""

P = ParamSpec("P")
T = TypeVar("T")


def again_if_starved(
    call: Callable[P, T], status: Callable[[T], int | None], *, before: Callable[[], object] = lambda: None
) -> Callable[P, T]:
    """The call, made again, and said so, while it is answered 503 after so long: the service says that it may be.

    A batch isn't: it is answered 202, and what became of the order that couldn't be written is unknown. What is done
    `before` each call isn't part of its time.
    """

    @wraps(call)
    def again(*args: P.args, **named: P.kwargs) -> T:
        for number in range(TIMES):
            before()
            began = time.monotonic()
            answer = call(*args, **named)
            seconds = time.monotonic() - began
            if status(answer) != 503 or seconds < STARVED:
                break
            print(f"call {number + 1} was answered 503 after {seconds:.1f} s")
        return answer

    return again


def again_if_timed_out(call: Callable[P, T]) -> Callable[P, T]:
    """The call of SAM CLI, made again, and said so, while its function logs a timeout, but four times at most.

    A request is then answered 503, a batch has unknown orders, a schedule ends with an error. How long the call took
    doesn't tell: most of it is the start of a container.
    """

    @wraps(call)
    def again(*args: P.args, **named: P.kwargs) -> T:
        for number in range(1, TIMES):
            outcome: object
            try:
                with _stderr() as log:
                    outcome = answer = call(*args, **named)
            except (LocalError, subprocess.CalledProcessError) as error:
                if not _TIMED_OUT.search(log):
                    raise
                outcome = error
            else:
                if not _TIMED_OUT.search(log):
                    return answer
            print(f"call {number} met a timeout: {outcome}")
        return call(*args, **named)

    return again


@contextmanager
def _stderr() -> Iterator[bytearray]:
    """What this process's children write to their stderr. It is there when the block ends, and shown then."""
    stderr, log = os.dup(_STDERR), bytearray()
    with TemporaryFile() as file:
        os.dup2(file.fileno(), _STDERR)
        try:
            yield log
        finally:
            os.dup2(stderr, _STDERR)
            file.seek(0)
            log += file.read()
            with os.fdopen(stderr, "wb") as shown:
                shown.write(log)


def status_in(printed: str) -> int | None:
    """The status in the problem details (RFC 9457) that a curl printed."""
    body = json.loads(printed)
    status = body.get("status")
    return status if "type" in body else None


@contextmanager
def each_call_once() -> Iterator[None]:
    """Where a fault is on purpose: with its backoff and a cold start, a refusal may take as long as starving does."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ApiClient, "call", unwrap(ApiClient.call))
        yield
