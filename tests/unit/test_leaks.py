"""A test that leaves something open is the one that fails."""

import subprocess
import sys
from pathlib import Path

from tests.template import ROOT

TESTS = """
import gc, socket, subprocess, sys

def left(opened):
    held = [opened]
    held.append(held)  # until the next collection

def test_leaves_a_socket():
    left(socket.socket())

def test_leaves_a_file():
    left(open(__file__))

def test_leaves_a_process():
    left(subprocess.Popen([sys.executable, "-c", ""]))

def test_is_innocent():
    gc.collect()
"""
REPORTED = ("unclosed <socket", "unclosed file", "is still running")


def test_what_is_left_open_fails_the_test_that_left_it(tmp_path: Path) -> None:
    file = tmp_path / "test_it.py"
    file.write_text(TESTS)
    options = [
        "-p",
        "tests.leaks",
        "-p",
        "no:randomly",
        "-W",
        "error",
        "-rE",
        "-c",
        "/dev/null",
        "--rootdir",
        str(tmp_path),
    ]
    command = [sys.executable, "-m", "pytest", *options, str(file)]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    errors = [line.partition(" - ")[0] for line in printed.splitlines() if line.startswith("ERROR ")]
    failed = [error.rpartition("::")[2] for error in errors]  # pytest adds the message if it fits, or CI is set
    assert failed == ["test_leaves_a_socket", "test_leaves_a_file", "test_leaves_a_process"], printed
    assert all(words in printed for words in REPORTED), printed
