"""A test that leaves something open is the one that fails."""

from pathlib import Path

import pytest

from tests import leaks
from tests.pytest_run import pytest_run

TESTS = """
import gc, pytest, socket, subprocess, sys

def left(opened):
    held = [opened]
    held.append(held)  # until the next collection

def test_leaves_a_socket():
    left(socket.socket())

def test_leaves_a_file():
    left(open(__file__))

def test_leaves_a_process():
    left(subprocess.Popen([sys.executable, "-c", ""]))

@pytest.fixture
def held():
    opened = socket.socket()
    yield
    left(opened)

held_by_all = pytest.fixture(scope="module")(held.__wrapped__)

def test_has_a_fixture_that_leaves_one(held):
    pass

def test_is_innocent():
    gc.collect()

def test_is_the_last_of_a_fixture(held_by_all):
    pass
"""
ANOTHER = """
import pytest, socket

@pytest.fixture(scope="session")
def held_to_the_end():
    yield (held := [socket.socket()])
    held.append(held)

def test_of_another_file(held_to_the_end):
    pass

def test_is_the_last():
    pass
"""
REPORTED = ("unclosed <socket", "unclosed file", "is still running")


def test_what_is_left_open_fails_the_test_that_left_it(tmp_path: Path) -> None:
    files = {"test_it.py": TESTS, "test_that.py": ANOTHER}
    printed = pytest_run(tmp_path, files, "-p", "tests.leaks", "-W", "error", "-rE")
    errors = [line.partition(" - ")[0] for line in printed.splitlines() if line.startswith("ERROR ")]
    failed = [error.rpartition("::")[2] for error in errors]  # pytest adds the message if it fits, or CI is set
    assert failed == [
        "test_leaves_a_socket",
        "test_leaves_a_file",
        "test_leaves_a_process",
        "test_has_a_fixture_that_leaves_one",
        "test_is_the_last_of_a_fixture",
        "test_is_the_last",
    ], printed
    assert all(words in printed for words in REPORTED), printed


def test_every_run_looks_for_what_is_left_open(pytestconfig: pytest.Config) -> None:
    assert pytestconfig.pluginmanager.is_registered(leaks)
