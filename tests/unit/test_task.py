"""What a task of `make` runs in: how it ends, and by which signals."""

import os
import signal
from collections.abc import Iterator

import pytest

from local.errors import LocalError
from local.task import task
from tests.unit.conftest import SIGNALS


@pytest.fixture(autouse=True)
def _as_before(signals_as_before: None) -> Iterator[None]:
    environment = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(environment)


@pytest.mark.parametrize("serves", [False, True])
def test_trouble_is_words_and_a_failure(*, serves: bool) -> None:
    with pytest.raises(SystemExit, match=r"^\nno engine$"), task(serves=serves):
        raise LocalError("no engine")


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_breaks_a_task_off(number: signal.Signals) -> None:
    signal.signal(number, signal.SIG_DFL)
    with pytest.raises(SystemExit, match="everything was stopped"), task():
        signal.raise_signal(number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_so_it_does_in_the_background(number: signal.Signals) -> None:
    signal.signal(number, signal.SIG_IGN)  # as a shell has it for a background job
    with pytest.raises(SystemExit, match="everything was stopped"), task():
        signal.raise_signal(number)


def test_what_was_started_with_nohup_outlives_its_terminal() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with task():
        signal.raise_signal(signal.SIGHUP)


def test_a_signal_is_how_that_which_serves_ends_well(capsys: pytest.CaptureFixture[str]) -> None:
    with task(serves=True):
        signal.raise_signal(signal.SIGTERM)
    assert capsys.readouterr().out == "\nStopped.\n"


@pytest.mark.parametrize("first", SIGNALS)
def test_a_terminal_that_is_closed_sends_several_signals_and_breaks_off_once(first: signal.Signals) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    cleaned_up = []

    def work() -> None:
        try:
            signal.raise_signal(first)
        finally:
            signal.raise_signal(signal.SIGHUP)
            signal.raise_signal(signal.SIGTERM)
            cleaned_up.append(True)

    with pytest.raises(SystemExit, match="everything was stopped"), task():
        work()
    assert cleaned_up


def test_a_signal_ends_the_tests_so_too() -> None:
    """So a run that is broken off leaves no emulator behind."""
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGTERM)
