"""Pytest's own look at every logger, while a thread of a test's server makes one."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from _pytest.logging import catching_logs


class OneMore(logging.Logger):
    """When it is looked at, there is one more logger, as if another thread had made it just then."""

    @property
    def propagate(self) -> bool:
        logging.getLogger(f"meanwhile-{uuid4()}")
        return True

    @propagate.setter
    def propagate(self, value: bool) -> None: ...


@contextmanager
def known() -> Iterator[None]:
    """A logger of this kind is known. All are forgotten afterwards."""
    loggers = logging.root.manager.loggerDict
    before = set(loggers)
    name = f"one-more-{uuid4()}"
    loggers[name] = OneMore(name)
    try:
        yield
    finally:
        for made in set(loggers) - before:
            del loggers[made]


def test_a_logger_that_is_made_meanwhile_fails_no_test() -> None:
    before = len(logging.root.manager.loggerDict)
    with known():
        with catching_logs(logging.NullHandler()):
            pass
        assert len(logging.root.manager.loggerDict) > before + 1
