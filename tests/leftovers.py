"""A file that is left in the system's temporary folder fails the tests.

Each process of the tests has a temporary folder of its own, and what it starts has the same one. It has to be empty
when all fixtures are done: what isn't gone is told with the first test after which it was there.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

_KEPT = "samcli_*.building.*"
"""SAM CLI's lock on an image that it builds: the file stays."""
_SEEN = pytest.StashKey[dict[str, str]]()


@pytest.fixture(scope="session", autouse=True)
def _nothing_is_left(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    tmp_path_factory.getbasetemp()  # where pytest's own are kept, as ever
    seen = request.config.stash.setdefault(_SEEN, {})
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as own, pytest.MonkeyPatch.context() as patched:
        patched.setenv("TMPDIR", own)
        patched.setattr(tempfile, "tempdir", own)
        yield
        left = [f"{name}, there since {seen.get(name, 'the last test')}" for name in _names(own)]
    if left and request.session.exitstatus != pytest.ExitCode.INTERRUPTED:
        pytest.fail(f"left in the temporary folder: {'; '.join(left)}", pytrace=False)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    for name in _names(tempfile.gettempdir()):
        item.config.stash.setdefault(_SEEN, {}).setdefault(name, item.nodeid)


def _names(folder: str) -> list[str]:
    return sorted(entry.name for entry in Path(folder).iterdir() if not entry.match(_KEPT))
