"""What a user sees if there is no container engine."""

import os
import subprocess
import sys

import pytest

from local.build import ROOT


@pytest.mark.parametrize("module", ["local.sam", "local.sam_api", "local.image", "benchmarks.import_time"])
def test_without_an_engine_one_line_says_what_to_install(module: str) -> None:
    nothing = {"PATH": "/nonexistent", "PYTHONPATH": os.pathsep.join(["layers/core", "client", "."])}
    done = subprocess.run(
        [sys.executable, "-m", module], cwd=ROOT, env=nothing, capture_output=True, text=True, check=False
    )
    (line,) = done.stderr.strip().splitlines()
    assert "install and start Docker" in line
    assert done.returncode == 1
