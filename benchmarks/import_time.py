"""How much processor time importing a function takes in Lambda's image, with our bytecode and without it.

`python -m benchmarks.import_time` prints both. Everything is as on Lambda: the artifact of `sam build` with the dates
that SAM gives, a read-only file system, a fresh process for each import.
"""

import json
import shutil
import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path

from local.build import build
from local.engine import call
from local.image import image
from local.task import task
from tests.template import default_environment

RUNS = 15
_ENVIRONMENT = {"AWS_DEFAULT_REGION": "us-east-1", "DRAIN_FUNCTION": "drain"}
_TIMED = "import time; start = time.process_time(); import app; print(time.process_time() - start)"
_ALTERNATING = f"""
import json, os, subprocess, sys
seconds = {{"with": [], "without": []}}
for _ in range({RUNS}):
    for kind, found in seconds.items():
        path = f"/{{kind}}/task:/{{kind}}/opt/python:/var/runtime"
        done = subprocess.run(
            [sys.executable, "-c", {_TIMED!r}], env=os.environ | {{"PYTHONPATH": path}}, capture_output=True, check=True
        )
        found.append(float(done.stdout.split()[-1]))
print(json.dumps(seconds))
"""


@dataclass(frozen=True, slots=True)
class ImportTime:
    """Medians, in seconds."""

    compiled: float
    source: float

    @property
    def ratio(self) -> float:
        """What bytecode leaves of the time."""
        return self.compiled / self.source

    def __str__(self) -> str:
        times = f"{self.compiled * 1000:.0f} ms with bytecode, {self.source * 1000:.0f} ms without"
        return f"import of the function, processor time: {times}, ratio {self.ratio:.2f} (medians of {RUNS})"


def import_time(function: str = "ApiFunction") -> ImportTime:
    """Measure, alternating between the two. Raises LocalError."""
    run_in, built = image(), build().parent
    with tempfile.TemporaryDirectory() as directory:
        mounts = []
        for kind in ("with", "without"):
            artifact = Path(directory, kind)
            leave_out = shutil.ignore_patterns("__pycache__") if kind == "without" else None
            shutil.copytree(built / function, artifact / "task", ignore=leave_out)
            for layer in ("DependenciesLayer", "CoreLayer"):
                shutil.copytree(built / layer, artifact / "opt", ignore=leave_out, dirs_exist_ok=True)
            mounts += ["--volume", f"{artifact}:/{kind}:ro"]
        variables = (default_environment() | _ENVIRONMENT).items()
        environment = [part for name, value in variables for part in ("--env", f"{name}={value}")]
        options = ["--rm", "--read-only", "--network", "none", *mounts, *environment, "--entrypoint", "python3.13"]
        seconds = json.loads(call("run", *options, run_in, "-c", _ALTERNATING))
    return ImportTime(statistics.median(seconds["with"]), statistics.median(seconds["without"]))


if __name__ == "__main__":
    with task():
        print(import_time())
