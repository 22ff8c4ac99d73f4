"""`./feee-cancel` runs this checkout's code and no other, wherever it is called from and however it is found."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.template import ROOT

HELP = "Cancels feee.io orders"
TRAPS = ("cli", "local", "feee_cancel", "boto3", "json", "queue", "argparse", "site", "sitecustomize", "usercustomize")


@pytest.fixture
def hostile(tmp_path: Path) -> Iterator[Path]:
    """A folder of somebody else's: each file in it leaves a mark if it is run."""
    folder, mark = tmp_path / "hostile", tmp_path / "mark"
    folder.mkdir()
    trap = f"open({str(mark)!r}, 'a').write(__name__ + '\\n')\n"
    for name in TRAPS:
        (folder / f"{name}.py").write_text(trap)
    (folder / "startup").write_text(trap)
    (folder / "python").write_text(f"#!/bin/sh\necho python >>{mark}\n")
    (folder / "python").chmod(0o755)
    yield folder
    assert not mark.exists(), mark.read_text()


def run(command: Path | str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    surroundings = {"PATH": os.environ["PATH"], "HOME": str(folder), **environment}
    line = [str(command), "--help"]
    return subprocess.run(line, cwd=folder, env=surroundings, capture_output=True, text=True, check=False)


def helps(command: Path | str, folder: Path, **environment: str) -> None:
    done = run(command, folder, **environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert HELP in done.stdout


def copied(folder: Path) -> Path:
    """The commands in another folder, in the same environment."""
    folder.mkdir()
    for name in ("cli", "client", "layers"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "feee-cancel", folder)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    return folder


def test_nothing_of_the_current_folder_is_run(hostile: Path) -> None:
    helps(ROOT / "feee-cancel", hostile)


@pytest.mark.parametrize(
    "variable", ["PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONUSERBASE", "PYTHONPLATLIBDIR", "ENV", "BASH_ENV"]
)
def test_nothing_that_the_environment_names_is_run(hostile: Path, variable: str) -> None:
    named = hostile / "startup" if variable in {"PYTHONSTARTUP", "ENV", "BASH_ENV"} else hostile
    helps(ROOT / "feee-cancel", hostile, **{variable: str(named)})


def test_what_has_its_name_on_the_path_is_not_run(hostile: Path) -> None:
    helps(ROOT / "feee-cancel", hostile, PATH=f"{hostile}:{os.environ['PATH']}")


def test_its_folder_is_found_through_symbolic_links(hostile: Path, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/cancel-orders").symlink_to("../there")
    (tmp_path / "there").symlink_to(ROOT / "feee-cancel")
    helps(tmp_path / "bin/cancel-orders", hostile)
    helps("cancel-orders", hostile, PATH=f"{tmp_path / 'bin'}:{os.environ['PATH']}")


def test_its_folder_is_found_where_cdpath_is_exported(hostile: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere" / ROOT.name).mkdir(parents=True)
    (hostile / ROOT.name).symlink_to(ROOT)
    helps(f"./{ROOT.name}/feee-cancel", hostile, CDPATH=str(tmp_path / "elsewhere"))
    helps(f"{ROOT.name}/feee-cancel", hostile, CDPATH=str(tmp_path / "elsewhere"))


def test_its_folder_may_have_an_odd_name(hostile: Path, tmp_path: Path) -> None:
    odd = copied(tmp_path / "-two  blanks, an apostrophe's, $HOME and *")
    helps(odd / "feee-cancel", hostile)
    helps("./feee-cancel", odd)


def test_before_it_is_set_up_it_says_how(hostile: Path, tmp_path: Path) -> None:
    shutil.copy(ROOT / "feee-cancel", tmp_path)
    done = run(tmp_path / "feee-cancel", hostile)
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr == f"First, in {tmp_path}: make setup\n"


def test_an_environment_of_another_version_is_no_answer(hostile: Path, tmp_path: Path) -> None:
    """After git pull: a package is missing that the new version needs. Status 1 would mean that it isn't cancelled."""
    there = copied(tmp_path / "there")
    (there / "cli/board.py").write_text("import a_package_that_is_new\n")
    done = run(there / "feee-cancel", hostile)
    assert (done.returncode, done.stdout) == (4, "")
    assert "Traceback" not in done.stderr
    assert "a_package_that_is_new" in done.stderr
    assert done.stderr.endswith(f"First, in {there}: make setup\n")


def test_the_traps_would_be_run_by_python_m(tmp_path: Path) -> None:
    """What the script did once; it shows that the traps above work."""
    (tmp_path / "cli.py").write_text("raise SystemExit('trapped')")
    ran = [sys.executable, "-m", "cli"]
    done = subprocess.run(ran, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stderr == "trapped\n"
