"""What is left in the temporary folder fails the tests, whoever made it there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import leftovers
from tests.template import ROOT

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


def test_what_is_left_fails_the_tests_and_is_told_and_removed(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(TESTS)
    (temporary := tmp_path / "temporary").mkdir()
    options = ["-p", "tests.leftovers", "-p", "no:randomly", "-rE", "-c", "/dev/null", "--rootdir", str(tmp_path)]
    command = [sys.executable, "-m", "pytest", *options, str(tmp_path / "test_it.py")]
    environment = os.environ | {"TMPDIR": str(temporary)}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment)
    assert "4 passed, 1 error" in done.stdout, done.stdout
    failed = [line.partition(" - ")[0] for line in done.stdout.splitlines() if line.startswith("ERROR ")]
    assert [name.rpartition("::")[2] for name in failed] == ["test_is_the_last"], done.stdout
    told = done.stdout.partition("left in the temporary folder: ")[2].partition("\n")[0].split("; ")
    since = [(name.partition("-")[0], name.partition(" ")[2]) for name in told]
    assert since == [
        ("file", "there since test_it.py::test_starts_what_leaves_a_file"),
        ("folder", "there since test_it.py::test_leaves_a_folder"),
    ], done.stdout
    assert [entry.name.partition("-")[0] for entry in temporary.iterdir()] == ["pytest"]


def test_every_run_looks_for_what_is_left(pytestconfig: pytest.Config) -> None:
    assert pytestconfig.pluginmanager.is_registered(leftovers)
