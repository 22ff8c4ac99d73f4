"""The loggers that pytest walks through before and after each step of a test, without logging's lock.

A thread of a test's server may make one meanwhile: werkzeug makes its own when it has something to log, such as a TLS
handshake that failed. Pytest's "dictionary changed size during iteration" would then be the error of any test.
"""

import logging
from collections.abc import ValuesView
from typing import Any


class _Loggers(dict[str, Any]):
    """As the manager's own, but its values are those of the moment that they are asked for."""

    def values(self) -> ValuesView[Any]:  # type: ignore[override]
        return self.copy().values()


def keep_still() -> None:
    """From now on in this process."""
    manager = logging.root.manager
    manager.loggerDict = _Loggers(manager.loggerDict)
