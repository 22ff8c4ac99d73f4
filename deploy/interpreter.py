"""A Python 3.13, which the functions' bytecode is compiled with: this machine's, or one that uv fetches."""

import os
import subprocess
from collections.abc import Callable

from local.build import ROOT

_SCRIPT = ROOT / "layers/bytecode.sh"
_UV = ROOT / ".tools/uv/bin/uv"
_PYTHONS = ROOT / ".tools/python"
_PATIENCE_SECONDS = 180


def have_python(show: Callable[[str], None]) -> None:
    """Fetch one if there is none and the network allows it; without one, functions work, but start slowly."""
    if not _missing():
        return
    show("    There is no Python 3.13 here; fetching one (30 MB, once) ...")
    environment = {**os.environ, "UV_PYTHON_INSTALL_DIR": str(_PYTHONS)}
    command = [str(_UV), "python", "install", "--quiet", "--no-bin", "3.13"]
    try:
        subprocess.run(command, env=environment, capture_output=True, timeout=_PATIENCE_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        show("    It takes too long.")
    if _missing():
        show(
            "    None could be fetched, so each cold start takes some 0.3 s more; all else is the same. "
            "Install Python 3.13 (python.org, pyenv, uv python install 3.13), and make deploy again."
        )


def _missing() -> bool:
    done = subprocess.run([_SCRIPT], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.startswith("warning:")
