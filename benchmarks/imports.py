"""What each function imports besides the standard library: `make imports` renews the list that a test holds it to."""

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from benchmarks.runtime import ENVIRONMENT, LAYERS
from local.build import ROOT, build
from local.task import task

LIST = ROOT / "tests/unit/imports.txt"
EVERY_FUNCTION = tuple(sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py")))
_WITH_A_RECEIVER = {"SETTLED_WEBHOOK_URL": "https://receiver.invalid/settled"}
"""The function that posts settled events isn't deployed without one."""
_IMPORT = """
import gc, json, sys
sys.path[:0] = json.loads(sys.argv[1])
import feee_cancel
collected = []
gc.callbacks.append(lambda phase, _: collected.append(phase))
import app
print(json.dumps([list(sys.modules), collected.count("start")]))
"""


def imported(function: str) -> set[str]:
    """The modules that a fresh process has imported, with only the artifact's packages."""
    return started(function)[0]


@cache
def started(function: str) -> tuple[set[str], int]:
    """Those modules, and how often Python looked for garbage since the first import. Looked at once."""
    built = build().parent
    path = [built / f"{function.capitalize()}Function", *(built / layer / "python" for layer in LAYERS)]
    command = [sys.executable, "-I", "-S", "-B", "-c", _IMPORT, json.dumps(list(map(str, path)))]
    done = subprocess.run(command, env=ENVIRONMENT | _WITH_A_RECEIVER, capture_output=True, text=True, check=True)
    modules, collections = json.loads(done.stdout)
    return {name for name in modules if _is_ours(name, path)}, collections


def _is_ours(name: str, path: Iterable[Path]) -> bool:
    """Whether the artifact has it; the standard library's modules differ from one Python to the next."""
    top = name.partition(".")[0]
    return any((place / top).is_dir() or (place / f"{top}.py").is_file() for place in path)


def listed() -> str:
    """Every module, and the functions that import it."""
    importers = defaultdict(list)
    for function in EVERY_FUNCTION:
        for module in imported(function):
            importers[module].append(function)
    return "".join(f"{module}: {' '.join(importers[module])}\n" for module in sorted(importers))


if __name__ == "__main__":
    with task():
        LIST.write_text(listed())
        print(f"{LIST.relative_to(ROOT)}: {len(LIST.read_text().splitlines())} modules")
