"""What a task of `make` runs in: how it ends, and by which signals."""

import os
import signal
from collections.abc import Iterator

import pytest

from local.errors import LocalError
from local.task import task

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    handlers, environment = {number: signal.getsignal(number) for number in SIGNALS}, dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(environment)
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("serves", [False, True])
def test_trouble_is_words_and_a_failure(*, serves: bool) -> None:
    with pytest.raises(SystemExit, match=r"^\nno engine$"), task(serves=serves):
        raise LocalError("no engine")


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("ignored", [False, True])
def test_a_signal_breaks_a_task_off_in_the_background_too(number: signal.Signals, *, ignored: bool) -> None:
    if ignored:  # as a shell has it for a background job
        signal.signal(number, signal.SIG_IGN)
    with pytest.raises(SystemExit, match="everything was stopped"), task():
        signal.raise_signal(number)


def test_a_signal_is_how_that_which_serves_ends_well(capsys: pytest.CaptureFixture[str]) -> None:
    with task(serves=True):
        signal.raise_signal(signal.SIGTERM)
    assert capsys.readouterr().out == "\nStopped.\n"
