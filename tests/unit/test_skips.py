"""What isn't tried on a machine is told in one line for each reason, however many tests that are."""

from pathlib import Path

import pytest

from tests import skips
from tests.pytest_run import pytest_run

TESTS = """
import pytest

@pytest.fixture(scope="session")
def engine():
    pytest.skip("there is no engine")

@pytest.fixture(params=["go", "php"])
def language(request):
    pytest.skip(f"there is no {request.param}")

@pytest.mark.parametrize("event", [1, 2])
def test_in_a_container(engine, event):
    pass

def test_in_another_container(engine):
    pass

def test_asks_when_it_runs():
    pytest.skip("there is no engine")

@pytest.mark.skipif(True, reason="there is no curl")  # always: a skip by a condition, for the plugin to see
def test_marked():
    pass

@pytest.mark.skip("there is no curl")  # the same reason by another mark
def test_marked_always():
    pass

@pytest.mark.xfail(reason="there is no engine")  # pytest reports it as skipped, too: it isn't counted as one
def test_expected_to_fail():
    assert False

def test_example(language):
    pass

def test_another_example(language):
    pass
"""


def test_each_reason_is_told_once_with_how_many_tests_it_left_out(tmp_path: Path) -> None:
    files = {"test_it.py": TESTS, "test_elsewhere.py": TESTS}
    printed = pytest_run(tmp_path, files, "-p", "tests.skips", "-rs", "-p", "xdist", "-n", "2")
    skipped = [line.split() for line in printed.splitlines() if line.startswith("SKIPPED ")]
    assert sorted((" ".join(words[3:]), words[1]) for words in skipped) == [
        ("there is no curl", "[4]"),
        ("there is no engine", "[8]"),
        ("there is no go", "[4]"),
        ("there is no php", "[4]"),
    ], printed
    assert "20 skipped, 2 xfailed" in printed


def test_every_run_tells_it_once(pytestconfig: pytest.Config) -> None:
    assert pytestconfig.pluginmanager.is_registered(skips)
