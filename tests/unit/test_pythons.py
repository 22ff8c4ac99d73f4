"""The interpreters that the quick tests are run on."""

import sys
from pathlib import Path

import pytest

from local import pythons

HERE = "{}.{}".format(*sys.version_info[:2])


def executable(path: Path, says: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{says}\n")
    path.chmod(0o755)
    return path


def test_an_interpreter_is_found_by_pyenv_where_its_shim_runs_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shims = tmp_path / "shims"
    executable(shims / f"python{HERE}", "exit 127")
    real = executable(tmp_path / f"versions/{HERE}.1/bin/python{HERE}", f'exec "{sys.executable}" "$@"')
    monkeypatch.setenv("PATH", str(shims))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert pythons.python(HERE) == str(real)


def test_an_interpreter_of_another_version_than_its_name_says_is_not_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    executable(tmp_path / "python3.99", f'exec "{sys.executable}" "$@"')
    monkeypatch.setenv("PATH", str(tmp_path))
    assert pythons.python("3.99") is None


@pytest.mark.parametrize(("passes", "status"), [(True, 0), (False, 1)])
def test_a_failure_on_one_python_is_the_commands_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, passes: bool, status: int
) -> None:
    monkeypatch.setattr(pythons, "VERSIONS", (HERE, "3.98", "3.99"))
    monkeypatch.setattr(pythons, "python", {"3.98": "/python3.98"}.get)
    monkeypatch.setattr(pythons, "passes_on", lambda *_: passes)
    assert pythons.main() == status
    said = capsys.readouterr()
    assert said.out == "Python 3.98: /python3.98\nPython 3.99: not on this machine, so nothing was tried on it\n"
    assert said.err == ("" if passes else "Tests failed on Python 3.98\n")


def test_ctrl_c_ends_it_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def passes_on(*_: str) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(pythons, "VERSIONS", ("3.98",))
    monkeypatch.setattr(pythons, "python", {"3.98": "/python3.98"}.get)
    monkeypatch.setattr(pythons, "passes_on", passes_on)
    assert (pythons.main(), capsys.readouterr().err) == (130, "\nInterrupted.\n")
