"""A test that leaves something open fails: a socket, a file or a process that nobody closed.

Python reports these when it collects the object, which may be many tests later. So what was made since the file began
is collected after each test. What is left at the file's end is put aside, since a collection takes longer the more
there is, and is collected once more at the end of the session.
`PYTHONTRACEMALLOC=25` adds where the object was made.
"""

import gc
from collections.abc import Generator
from typing import Any

import pytest


def pytest_collection_finish() -> None:
    """What the modules made at import stays for the session."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any]) -> Generator[None, Any, Any]:
    """So does what a fixture of the session made."""
    value = yield
    if fixturedef.scope == "session":
        gc.collect()
        gc.freeze()
    return value


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Pytest's own hook, which makes errors of what a collection reports, has run by now: so it is called again."""
    getattr(item, "funcargs", {}).clear()  # or its fixtures' values would live on until the next test
    if nextitem is None:
        gc.unfreeze()
    gc.collect()
    if nextitem is None or nextitem.path != item.path:
        gc.freeze()
    item.config.pluginmanager.getplugin("unraisableexception").pytest_runtest_teardown(item)
