"""What is left in the temporary folder fails the tests, whoever made it there."""

from pathlib import Path

import pytest

from tests import leftovers
from tests.pytest_run import pytest_run

TESTS = """
import subprocess, sys, tempfile, pytest

def test_leaves_a_folder():
    tempfile.mkdtemp(prefix="folder-")

def test_starts_what_leaves_a_file():
    subprocess.run([sys.executable, "-c", "import tempfile; tempfile.mkstemp(prefix='file-')"], check=True)

@pytest.fixture(scope="session")
def held_to_the_end():
    with tempfile.TemporaryDirectory(prefix="held-"):
        yield

def test_holds_a_folder(held_to_the_end):
    pass

def test_is_the_last(tmp_path):
    pass
"""


def run(folder: Path, tests: str) -> str:
    return pytest_run(folder, {"test_it.py": tests}, "-p", "tests.leftovers", "-rE")


def test_what_is_left_fails_the_tests_and_is_told_and_removed(tmp_path: Path) -> None:
    printed = run(tmp_path, TESTS)
    assert "4 passed, 1 error" in printed, printed
    failed = [line.partition(" - ")[0] for line in printed.splitlines() if line.startswith("ERROR ")]
    assert [name.rpartition("::")[2] for name in failed] == ["test_is_the_last"], printed
    told = printed.partition("left in the temporary folder: ")[2].partition("\n")[0].split("; ")
    since = [(name.partition("-")[0], name.partition(" ")[2]) for name in told]
    assert since == [
        ("file", "there since test_it.py::test_starts_what_leaves_a_file"),
        ("folder", "there since test_it.py::test_leaves_a_folder"),
    ], printed
    assert [entry.name.partition("-")[0] for entry in (tmp_path / "temporary").iterdir()] == ["pytest"]


def test_a_run_that_is_broken_off_is_reported_whole(tmp_path: Path) -> None:
    printed = run(tmp_path, TESTS + "    raise KeyboardInterrupt\n")
    assert "left in the temporary folder" not in printed
    assert "3 passed" in printed.splitlines()[-1]


def test_every_run_looks_for_what_is_left(pytestconfig: pytest.Config) -> None:
    assert pytestconfig.pluginmanager.is_registered(leftovers)
