"""The artifact of `sam build` and the floor, laid out as on Lambda, and the Python that runs them."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.build import ROOT, build
from local.engine import ARCHITECTURE, engine
from local.errors import LocalError, run, surroundings
from local.image import image
from tests.template import default_environment

FUNCTIONS = ("api", "schedule", "webhook", "notify")
FLOOR = "floor"
WHOLE = "whole"
"""The floor on the packages as they are installed, with bytecode: as a function is that nobody made faster."""
LAYERS = ("DependenciesLayer", "CoreLayer")
ENVIRONMENT = default_environment() | {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_LAMBDA_FUNCTION_NAME": "function",
    "DRAIN_FUNCTION": "drain",
}
RIE = "samcli/local/rapid/aws-lambda-rie-" + ("arm64" if ARCHITECTURE == "arm64" else "x86_64")
_INSIDE = Path(__file__).parent / "inside"


@dataclass(frozen=True, slots=True)
class Runtime:
    """`python` is the command that runs Python, `root` where that Python sees the layout; `name` is for the report."""

    name: str
    python: Sequence[str]
    root: str
    contained: bool
    source: str = ""
    """Where the layout lies on this machine."""

    def path(self, function: str, *, compiled: bool = True) -> list[str]:
        """What is on the search path of a function, or of the floor."""
        if function == WHOLE:
            return [f"{self.root}/{FLOOR}", f"{self.root}/{WHOLE}"]
        base = self.root if compiled else f"{self.root}/without"
        return [f"{base}/{function}", f"{base}/opt/python", *(["/var/runtime"] if self.contained else [])]

    def run(self, script: str, **spec: Any) -> Any:
        """What a script of benchmarks/inside prints. Raises LocalError."""
        command = [*self.python, f"{self.root}/inside/{script}.py", json.dumps(spec)]
        done = subprocess.run(command, env=surroundings({}), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise LocalError(f"{script}.py failed:\n{done.stderr}")
        return json.loads(done.stdout)

    def output(self, *arguments: str, path: Sequence[str], environment: Mapping[str, str]) -> str:
        """What Python writes to stderr with these arguments."""
        names = {**environment, "PYTHONPATH": ":".join(path)}
        variables = [f"{name}={value}" for name, value in names.items()]
        if self.contained:
            options = [part for variable in variables for part in ("--env", variable)]
            command = [*self.python[:2], *options, *self.python[2:], *arguments]
        else:
            command = ["env", *variables, *self.python, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stderr


@contextmanager
def runtime() -> Iterator[Runtime]:
    """Lambda's image or its stand-in if there is an engine, else a Python 3.13 of this machine, else this Python."""
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        root.chmod(0o755)
        _lay_out(build().parent, root)
        yield _found(root)


def _found(root: Path) -> Runtime:
    try:
        run_in = image()
    except LocalError:
        python = shutil.which("python3.13")
        if python and subprocess.run([python, "-V"], capture_output=True, check=False).returncode == 0:
            return Runtime("Python 3.13 of this machine: no container engine answers", [python], str(root), False)
        version = ".".join(map(str, sys.version_info[:2]))
        name = f"Python {version} and its bytecode, not Lambda's 3.13: neither an engine nor a Python 3.13 was found"
        places = [str(root / place) for place in (*FUNCTIONS, FLOOR, "opt")]
        run([sys.executable, "-m", "compileall", "-q", "-j0", *places], cwd=root, env={})
        return Runtime(name, [sys.executable], str(root), False)
    options = ["--rm", "--network", "none", "--read-only", "--volume", f"{root}:/artifact:ro"]
    command = [engine(), "run", *options, "--entrypoint", "python3.13", run_in]
    return Runtime(f"Python 3.13 in {run_in}", command, "/artifact", True, str(root))


def _lay_out(built: Path, root: Path) -> None:
    for base, leave_out in ((root, None), (root / "without", shutil.ignore_patterns("__pycache__"))):
        for function in FUNCTIONS:
            shutil.copytree(built / f"{function.capitalize()}Function", base / function, ignore=leave_out)
        for layer in LAYERS:
            shutil.copytree(built / layer, base / "opt", ignore=leave_out, dirs_exist_ok=True)
    shutil.copytree(_INSIDE, root / "inside")
    shutil.copytree(ROOT / "benchmarks/floor", root / FLOOR)
    shutil.copy(next((ROOT / ".tools/sam").glob(f"lib/*/site-packages/{RIE}")), root / "rie")
    run([str(ROOT / "layers/packages.sh"), str(root / WHOLE)], cwd=ROOT / "layers/dependencies", env={})
    for place, prefix in ((FLOOR, "/var/task"), (WHOLE, "/opt/python")):
        run([str(ROOT / "layers/bytecode.sh"), str(root / place), prefix], cwd=ROOT, env={})
