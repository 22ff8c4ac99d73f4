"""The tests' own terminal: how it is closed."""

import os
import signal
from pathlib import Path

import pytest

from tests import terminal as module
from tests.e2e.waiting import wait_for
from tests.terminal import terminal


@pytest.fixture(params=[signal.SIG_DFL, signal.SIG_IGN], autouse=True, ids=["", "nohup"])
def _started(signals_as_before: None, request: pytest.FixtureRequest) -> None:
    signal.signal(signal.SIGHUP, request.param)


@pytest.mark.parametrize(("at_the_end", "left"), [("touch cleaned; exit", ["cleaned"]), ("", [])])
def test_what_still_runs_may_clean_up_and_is_killed_if_it_does_not_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_the_end: str, left: list[str]
) -> None:
    if not left:
        monkeypatch.setattr(module, "_CLEANING_SECONDS", 0)
    with terminal(tmp_path, os.environ) as typed:
        os.write(typed.line, f"trap '{at_the_end}' HUP; echo $$ >pid; while :; do sleep 0.1; done\0".encode())
        pid = tmp_path / "pid"
        number = wait_for(lambda: pid.exists() and pid.read_text().strip())
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["pid", *left])
    with pytest.raises(ProcessLookupError):
        os.kill(int(number), 0)
