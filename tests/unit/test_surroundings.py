"""The environment of what runs on this machine: the user's, but for AWS settings, and past the proxy to loopback."""

import subprocess
import sys
from pathlib import Path

import pytest

from local.errors import LocalError, last_lines, run, surroundings


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "127.0.0.1,localhost"),
        ({"NO_PROXY": ".corp"}, ".corp,127.0.0.1,localhost"),
        ({"no_proxy": ".corp", "NO_PROXY": "other"}, ".corp,127.0.0.1,localhost"),
    ],
)
def test_loopback_is_reached_without_the_users_proxy(
    given: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {**given, "HTTPS_PROXY": "http://proxy.corp"}.items():
        monkeypatch.setenv(name, value)
    found = surroundings({})
    assert (found["NO_PROXY"], found["no_proxy"]) == (expected, expected)
    assert found["HTTPS_PROXY"] == "http://proxy.corp", "packages are installed through it"


def test_nothing_of_the_users_aws_settings_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as changed:
        for name in ("AWS_PROFILE", "AWS_CA_BUNDLE", "AWS_ENDPOINT_URL", "AWS_REGION", "POWERTOOLS_METRICS_DISABLED"):
            changed.setenv(name, "the user's")
        found = surroundings({"AWS_REGION": "here"})
    assert {name: value for name, value in found.items() if name.startswith(("AWS_", "POWERTOOLS_"))} == {
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_REGION": "here",
    }


def test_of_a_long_output_the_end_is_shown() -> None:
    assert last_lines("".join(f"{number}\n" for number in range(100)) + "\n\n").split("\n") == [
        *map(str, range(70, 100))
    ]


_MISSED = """
import _thread, os, sys, threading, time
from pathlib import Path
from local.errors import run
pid = Path(sys.argv[1], "pid")

def signal():
    while not (pid.exists() and pid.read_text().endswith("\\n")):
        time.sleep(0.1)
    time.sleep(0.5)  # by then it is reading
    _thread.interrupt_main()

threading.Thread(target=signal, daemon=True).start()
working = "echo $$ >pid; while sleep 0.1; do [ -e go ] && exit; done"
try:
    run(["sh", "-c", working], cwd=Path(sys.argv[1]), env={})
except KeyboardInterrupt:
    try:
        os.kill(int(pid.read_text()), 0)
    except ProcessLookupError:
        print("gone")
"""
"""The signal is on record, but it interrupts no read, as one that comes just before."""


def test_a_command_is_broken_off_by_a_signal_that_its_read_has_missed_and_is_gone_then(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", _MISSED, tmp_path], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.communicate(timeout=60)[0] == "gone\n"
        finally:
            (tmp_path / "go").touch()


def test_output_that_is_no_utf_8_is_shown_with_how_the_command_ended(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="exit status 3:\n\ufffdfailed"):
        run(["sh", "-c", r"printf '\377failed'; exit 3"], cwd=tmp_path, env={})
