"""`make setup`, typed in two terminals of one checkout."""

import os
import shutil
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

from tests.template import ROOT

PYTHON = """#!/bin/sh
# In the place of Python: its venv module makes a uv that installs nothing, slowly.
case "$*" in
-m\\ venv*)
  mkdir -p .tools/uv/bin
  ln -s /bin/true .tools/uv/bin/python
  printf '#!/bin/sh\\nmkdir -p .venv .tools/sam .tools/emulator .tools/checkov .tools/aws\\n' >.tools/uv/bin/uv
  echo 'sleep 0.1; echo "$*" >>calls' >>.tools/uv/bin/uv
  chmod +x .tools/uv/bin/uv
  echo uv >>calls
  sleep 0.5;;
*) exec "{python}" "$@";;
esac
"""


def test_two_at_once_install_everything_once(tmp_path: Path) -> None:
    for name in ("Makefile", "local/lock.py", "requirements", "layers/dependencies"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        (tmp_path / name).parent.mkdir(exist_ok=True)
        copy(ROOT / name, tmp_path / name)
    python = tmp_path / "python"
    python.write_text(PYTHON.format(python=sys.executable))
    python.chmod(0o755)
    command = ["make", f"PYTHON={python}", "setup"]
    both = [subprocess.Popen(command, cwd=tmp_path, env={"PATH": os.environ["PATH"]}) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    calls = (tmp_path / "calls").read_text().splitlines()
    installed = [call.rpartition(" ")[2] for call in calls if call.startswith("pip install")]
    expected = [f"requirements/{name}.txt" for name in ("aws", "checkov", "dev", "emulator", "sam")]
    assert (calls.count("uv"), sorted(installed)) == (1, expected)


def test_a_command_holds_the_lock_though_what_started_it_is_killed(tmp_path: Path) -> None:
    (tmp_path / "local").mkdir()
    shutil.copy(ROOT / "local/lock.py", tmp_path / "local")
    locked = [sys.executable, "-I", "local/lock.py", "target", "--", "sh", "-c"]
    first = subprocess.run([*locked, "kill -9 $PPID; sleep 1; echo first >>ended"], cwd=tmp_path, check=False)
    assert first.returncode == -signal.SIGKILL
    subprocess.run([*locked, "echo second >>ended"], cwd=tmp_path, check=True)
    assert (tmp_path / "ended").read_text() == "first\nsecond\n"


def test_ctrl_c_ends_it_without_a_traceback(tmp_path: Path) -> None:
    """Neither while it installs nor while it waits for another that does."""
    (tmp_path / "local").mkdir()
    shutil.copy(ROOT / "local/lock.py", tmp_path / "local")
    command = [sys.executable, "-I", "local/lock.py", "target", "--", "sh", "-c", "echo begun; exec sleep 60"]
    start = partial(subprocess.Popen, command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with start() as first:
        assert first.stdout
        assert first.stdout.readline() == "begun\n"
        with start() as second:
            assert second.stderr
            assert second.stderr.readline().startswith("Waiting for another process")
            for process in (second, first):
                process.send_signal(signal.SIGINT)
                assert (process.communicate(timeout=30)[1], process.returncode) == ("\nInterrupted.\n", 130)


def test_what_was_compiled_stays_though_the_users_environment_would_have_it_made_again(tmp_path: Path) -> None:
    """An image of a container often has this setting: then each start of SAM CLI compiles a thousand files."""
    seen = tmp_path / "seen.mk"
    seen.write_text("seen:\n\t@env\n")
    environment = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    command = ["make", "--no-print-directory", "-f", "Makefile", "-f", str(seen), "seen"]
    printed = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
    assert "PYTHONPATH=layers/core" in printed
    assert "PYTHONDONTWRITEBYTECODE" not in printed
