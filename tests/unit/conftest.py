"""Unit tests can't reach the network; the servers of other tests in the same process go on answering meanwhile."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Those that end a command: Ctrl-C, a job that is cancelled, a terminal that is closed."""
_HERE = Path(__file__).parent


@pytest.fixture
def signals_as_before() -> Iterator[None]:
    """What the tests' own process does at a signal, whatever the test set."""
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.allow_hosts(["127.0.0.1"]))
