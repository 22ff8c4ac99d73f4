"""The build for this machine: once for each state of what it reads, by one process at a time, and whole."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.template import ROOT
from tests.terminal import heeds_hangup

SAM = """#!/bin/sh
# In the place of SAM CLI: notes that it was called, and takes its time.
echo called >>{folder}/calls
for folder; do :; done
mkdir -p "$folder"
echo half >"$folder/template.yaml"
sleep 0.5
{fails}
echo whole >"$folder/template.yaml"
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in ("local", "layers", "functions"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("template.yaml", "samconfig.toml", "requirements/sam.txt", "requirements/uv.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    uses(tmp_path)
    return tmp_path


def uses(checkout: Path, *, fails: str = "") -> None:
    sam = checkout / ".tools/sam/bin/sam"
    sam.parent.mkdir(parents=True, exist_ok=True)
    sam.write_text(SAM.format(folder=checkout, fails=fails))
    sam.chmod(0o755)


def builds(checkout: Path, at_once: int = 1) -> list[str]:
    """What so many processes say, each of which wants the same build."""
    command, environment = [sys.executable, "-m", "local.build"], {"PATH": os.environ["PATH"]}
    processes = [
        subprocess.Popen(command, cwd=checkout, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(at_once)
    ]
    said = [b"".join(process.communicate()).decode() for process in processes]
    beside = ("warning", "Waiting")
    return [next(line for line in lines.split("\n") if line and not line.startswith(beside)) for lines in said]


def calls(checkout: Path) -> int:
    return len((checkout / "calls").read_text().splitlines())


def test_several_at_once_build_once_and_find_it_whole(checkout: Path) -> None:
    said = builds(checkout, at_once=3)
    assert (len(set(said)), calls(checkout)) == (1, 1)
    built = checkout / said[0].removeprefix("Built: ")
    assert (built / "template.yaml").read_text() == "whole\n"


def test_it_builds_again_where_a_source_changed_and_keeps_the_older_build(checkout: Path) -> None:
    before = builds(checkout)
    assert builds(checkout) == before
    (checkout / "functions/api/app.py").write_text("changed = True\n")
    after = builds(checkout)
    assert (after != before, calls(checkout)) == (True, 2)
    assert (checkout / before[0].removeprefix("Built: ") / "template.yaml").exists(), "somebody may be using it"


def test_another_path_to_the_same_python_is_no_reason_to_build(checkout: Path, tmp_path: Path) -> None:
    """uv finds the Python of the folder's own environment: its path is another one in each working copy."""
    seen = set()
    for name in ("here", "there"):
        python = tmp_path / name / "python3.13"
        python.parent.mkdir()
        python.write_text('#!/bin/sh\ncase "$2" in *exit*) exit 0;; *) echo 3.13.9;; esac\n')
        python.chmod(0o755)
        command = [str(checkout / "layers/bytecode.sh")]
        path = {"PATH": f"{python.parent}:/usr/bin:/bin"}
        seen.add(subprocess.run(command, env=path, capture_output=True, text=True, check=True).stdout)
    assert seen == {"Bytecode is compiled with Python 3.13.9\n"}


@pytest.mark.parametrize(
    "setting",
    [
        "PYTHONPYCACHEPREFIX=/elsewhere",
        "PYTHONWARNINGS=error",
        "PYTHONHOME=/nonexistent",
        "PYTHONPATH=a b",
        "TAR_OPTIONS=--strip-components=1",
        "CDPATH=another",
    ],
)
def test_what_a_user_set_for_other_work_is_nothing_to_the_bytecode(
    setting: str, checkout: Path, tmp_path: Path
) -> None:
    python = tmp_path / "python3.13"
    lists = 'mkdir -p pyc && env | grep ^PYTHON >pyc/seen && cp "$3/which" pyc && tar -cf - pyc'
    python.write_text(f'#!/bin/sh\ncase "$2" in *exit*) exit 0;; *platform*) echo 3.13.9;; *) shift; {lists};; esac\n')
    python.chmod(0o755)
    for folder in (site := tmp_path / "site", tmp_path / "another/site"):
        folder.mkdir(parents=True)
        (folder / "which").write_text(folder.parent.name)
    name, _, value = setting.partition("=")
    command = [str(checkout / "layers/bytecode.sh"), "site", "/opt/python"]
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", name: value}
    subprocess.run(command, cwd=tmp_path, env=environment, check=True)
    assert (site / "pyc/seen").read_text() == "PYTHONHASHSEED=0\n"
    assert (site / "pyc/which").read_text() == tmp_path.name


def test_a_build_that_fails_leaves_none_and_the_next_one_is_fresh(checkout: Path) -> None:
    uses(checkout, fails="exit 1")
    assert "failed with exit status 1" in builds(checkout)[0]
    uses(checkout)
    built = checkout / builds(checkout)[0].removeprefix("Built: ")
    assert (built / "template.yaml").read_text() == "whole\n"


def test_a_source_that_changes_meanwhile_isnt_taken_for_what_was_there_before(checkout: Path) -> None:
    uses(checkout, fails=f"echo '# new' >>{checkout}/functions/api/app.py")
    assert builds(checkout) == ["a source changed during the build; run it again"]
    assert list((checkout / ".local/builds").iterdir()) == []


def test_what_a_killed_build_still_writes_is_in_no_other_build(checkout: Path) -> None:
    orphan = f'kill -9 $PPID; {waits("begun")}; mkdir -p "$folder"; echo >"$folder/stray"; touch {checkout}/strayed'
    uses(checkout, fails=orphan.format(checkout=checkout))
    killed = subprocess.run([sys.executable, "-m", "local.build"], cwd=checkout, check=False, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    uses(checkout, fails=f"touch {checkout}/begun; {waits('strayed')}".format(checkout=checkout))
    built = checkout / builds(checkout)[0].removeprefix("Built: ")
    assert {path.name for path in built.iterdir()} == {"template.yaml"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_build_that_a_signal_ends_leaves_nothing_of_its_own_or_of_sam_cli(
    checkout: Path, tmp_path: Path, number: signal.Signals
) -> None:
    """Ctrl-C, a cancelled job, a terminal that is closed. SAM CLI copies the sources to the temporary folder."""
    (tmp_path / "tmp").mkdir()
    outlives = f"for i in $(seq 600); do sleep 0.1; done; touch {checkout}/outlived"
    uses(checkout, fails=f"echo $$ >{checkout}/sam; mktemp -d; kill -{number} $PPID; {outlives}")
    command, environment = [sys.executable, "-m", "local.build"], {**os.environ, "TMPDIR": str(tmp_path / "tmp")}
    ended = subprocess.run(
        command,
        cwd=checkout,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        preexec_fn=heeds_hangup,
    )
    assert (ended.returncode, ended.stderr.splitlines()[-1]) == (1, "Interrupted; everything was stopped.")
    assert [*(tmp_path / "tmp").iterdir(), *(checkout / ".local/builds").iterdir()] == []
    with pytest.raises(ProcessLookupError):
        os.kill(int((checkout / "sam").read_text()), 0)
    assert not (checkout / "outlived").exists(), "it was broken off, not waited for"


def waits(file: str) -> str:
    return f"for i in $(seq 600); do [ -e {{checkout}}/{file} ] && break; sleep 0.1; done"
