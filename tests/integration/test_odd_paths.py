"""A checkout may lie in a folder whose name make and shells read as something else."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.template import ROOT

ODD = "two  blanks, an apostrophe's, $HOME and (parentheses)"


def built(folder: Path, makefile: str, target: str, sources: str, *, path: str = os.environ["PATH"]) -> Path:
    """What a Makefile builds, called as by sam build: in a copy of the sources, by its whole path."""
    scratch, artifacts = folder / "scratch", folder / "built here"
    shutil.copytree(folder / sources, scratch)
    artifacts.mkdir()
    environment = {"PATH": path, "HOME": os.environ["HOME"], "ARTIFACTS_DIR": str(artifacts)}
    command = ["make", "--makefile", str(folder / makefile), target]
    done = subprocess.run(command, cwd=scratch, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return artifacts


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    for name in ("layers", "functions"):
        shutil.copytree(ROOT / name, tmp_path / ODD / name)
    (tmp_path / ODD / ".tools").symlink_to(ROOT / ".tools")
    return tmp_path / ODD


def test_the_core_layer_is_built(odd: Path) -> None:
    layer = built(odd, "layers/Makefile", "build-CoreLayer", "layers/core")
    assert (layer / "python/feee_cancel/bootstrap/__init__.py").stat().st_mtime == 315_532_800


def test_the_dependencies_layer_is_built(odd: Path) -> None:
    layer = built(odd, "layers/Makefile", "build-DependenciesLayer", "layers/dependencies") / "python"
    assert (layer / "urllib3/__init__.py").exists()
    assert not (layer / "urllib3/contrib/socks.py").exists(), "cut down"


def test_a_layer_is_built_though_the_paths_own_python_is_too_old(odd: Path, tmp_path: Path) -> None:
    """As on macOS, whose python3 is 3.9: `make PYTHON=python3.13` is all that it takes."""
    (tmp_path / "old").mkdir()
    (tmp_path / "old/python3").write_text("#!/bin/sh\necho 'too old' >&2\nexit 1\n")
    (tmp_path / "old/python3").chmod(0o755)
    path = f"{tmp_path / 'old'}:{os.environ['PATH']}"
    layer = built(odd, "layers/Makefile", "build-DependenciesLayer", "layers/dependencies", path=path) / "python"
    assert not (layer / "urllib3/contrib/socks.py").exists(), "cut down"


def test_a_function_is_built(odd: Path) -> None:
    assert (built(odd, "functions/Makefile", "build-ApiFunction", "functions/api") / "app.py").exists()
