"""A test that leaves something open fails: a socket, a file or a process that nobody closed.

Python reports these when it collects the object, which may be many tests later. So everything is collected after each
test. What was there before it, such as a fixture's, is collected at the end of its folder, since that takes a second;
to find whose it is, run the folder's files one by one.
`PYTHONTRACEMALLOC=25` adds where the object was made.
"""

import gc

import pytest


def pytest_collection_finish() -> None:
    """What the modules made at import stays for the session."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Pytest's own hook, which makes errors of what a collection reports, has run by now: so it is called again."""
    if nextitem is None or nextitem.path.parent != item.path.parent:
        gc.unfreeze()
    gc.collect()
    gc.freeze()
    item.config.pluginmanager.getplugin("unraisableexception").pytest_runtest_teardown(item)
