"""The loggers that pytest walks through before each step of a test, without logging's lock.

A thread of a test's server may make one meanwhile: werkzeug makes its own when it has something to log, such as a TLS
handshake that failed. Pytest's "dictionary changed size during iteration" would then be the error of any test.
"""

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _collections_abc import dict_values


class _Loggers(dict[str, Any]):
    """As the manager's own, but its values are those of the moment that they are asked for."""

    def values(self) -> "dict_values[str, Any]":
        return self.copy().values()


def keep_still() -> None:
    """From now on in this process."""
    manager = logging.root.manager
    manager.loggerDict = _Loggers(manager.loggerDict)
