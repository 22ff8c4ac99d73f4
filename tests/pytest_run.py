"""Runs pytest on tests that are written for a test, to see what a plugin of ours makes of them."""

import os
import subprocess
import sys
from pathlib import Path

from tests.template import ROOT


def pytest_run(folder: Path, files: dict[str, str], *options: str) -> str:
    """What a run prints of these files in the folder, with no plugin but those among the options.

    Others' take seconds to import. The run's temporary folder is `temporary` in the same folder.
    """
    for name, text in files.items():
        (folder / name).write_text(text)
    (temporary := folder / "temporary").mkdir()
    command = [sys.executable, "-m", "pytest", *options, "-c", "/dev/null", "--rootdir", str(folder)]
    command += [str(folder / name) for name in files]
    environment = os.environ | {"TMPDIR": str(temporary), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment).stdout
