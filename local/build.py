"""`sam build` for this machine: a folder for each state of what it reads, complete as soon as it is there.

It is apart from `.aws-sam`, which is for the user's own `sam build`. Nobody ever finds a build half made or changed.
"""

import hashlib
import os
import shutil
import sys
import tempfile
from functools import cache
from pathlib import Path

from local.errors import LocalError, run
from local.lock import alone
from local.task import task

ROOT = Path(__file__).parents[1]
SAM = ROOT / ".tools/sam/bin/sam"
BUILDS = ROOT / ".local/builds"
_BYTECODE = ROOT / "layers/bytecode.sh"
_INPUTS = ("template.yaml", "samconfig.toml", "functions", "layers", "requirements/sam.txt", "requirements/uv.txt")
_KEPT = 3
"""This many builds are kept; the least recently used goes first."""


def build() -> Path:
    """The built template; builds only if no build has these inputs. Raises LocalError.

    A warning on stderr says so if bytecode can't be compiled.
    """
    compiler = _compiler()
    if compiler.startswith("warning:"):
        print(compiler, end="", file=sys.stderr)
    built = BUILDS / _fingerprint(compiler)
    with alone(BUILDS.with_suffix(".lock")):
        if not built.exists():
            _make(built)
        os.utime(built)
        _forget_the_oldest()
    return built / "template.yaml"


def sam_build(folder: Path) -> None:
    """`sam build` into this folder, which is emptied first. Raises LocalError."""
    environment = {"AWS_DEFAULT_REGION": "us-east-1", "SAM_CLI_TELEMETRY": "0"}
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Ended in the middle, it leaves a copy of the sources there; the next build removes what nobody could (_make).
    with tempfile.TemporaryDirectory(prefix="new-", dir=folder.parent, ignore_cleanup_errors=True) as temporary:
        command = [str(SAM), "build", "--build-dir", str(folder)]
        run(command, cwd=ROOT, env=environment | {"TMPDIR": temporary})


@cache
def _compiler() -> str:
    """What compiles bytecode, in words; it is looked for once, and again after a build, which looks for it itself."""
    return run([str(_BYTECODE)], cwd=ROOT, env={})


def _make(built: Path) -> None:
    """Build beside the place that it is for, because the built template names openapi.yaml by its relative path.

    In a folder of this process: if another was killed, what it has started may still write to its own.
    """
    for abandoned in BUILDS.glob("new*"):
        shutil.rmtree(abandoned, ignore_errors=True)
    fresh = built.with_name(f"new-{os.getpid()}")
    try:
        sam_build(fresh)
        _compiler.cache_clear()
        if _fingerprint(_compiler()) != built.name:
            raise LocalError("a source changed during the build; run it again")
        fresh.rename(built)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _forget_the_oldest() -> None:
    builds = sorted(filter(Path.is_dir, BUILDS.iterdir()), key=lambda path: path.stat().st_mtime)
    for old in builds[:-_KEPT]:
        shutil.rmtree(old)


def _fingerprint(compiler: str) -> str:
    digest = hashlib.sha256(compiler.encode())
    for file in sorted(path for name in _INPUTS for path in _files(ROOT / name)):
        digest.update(f"{file.relative_to(ROOT)} {hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()[:16]


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return [file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts]


if __name__ == "__main__":
    with task():
        print(f"Built: {build().parent.relative_to(ROOT)}")
