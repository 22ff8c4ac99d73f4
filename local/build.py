"""`sam build`, when anything it reads has changed since the last one."""

import hashlib
import subprocess
import sys
from pathlib import Path

from local.errors import LocalError, run

ROOT = Path(__file__).parents[1]
SAM = ROOT / ".tools/sam/bin/sam"
TEMPLATE = ROOT / ".aws-sam/build/template.yaml"
_BYTECODE = ROOT / "layers/bytecode.sh"
_FINGERPRINT = ROOT / ".aws-sam/fingerprint"
_INPUTS = ("template.yaml", "samconfig.toml", "functions", "layers", "requirements/sam.txt", "requirements/uv.txt")


def build() -> Path:
    """The built template; builds only where an input has changed. Raises LocalError.

    Bytecode that can't be compiled is warned of on stderr.
    """
    compiler = run([str(_BYTECODE)], cwd=ROOT, env={})
    if compiler.startswith("warning:"):
        print(compiler, end="", file=sys.stderr)
    fingerprint = _fingerprint(compiler)
    if not (TEMPLATE.exists() and _FINGERPRINT.exists() and _FINGERPRINT.read_text() == fingerprint):
        run([str(SAM), "build"], cwd=ROOT, env={"AWS_DEFAULT_REGION": "us-east-1", "SAM_CLI_TELEMETRY": "0"})
        _FINGERPRINT.write_text(fingerprint)
    return TEMPLATE


def _fingerprint(compiler: str) -> str:
    digest = hashlib.sha256(compiler.encode())
    for file in sorted(path for name in _INPUTS for path in _files(ROOT / name)):
        digest.update(f"{file.relative_to(ROOT)} {hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return [file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts]


if __name__ == "__main__":
    try:
        print(f"Built: {build().parent.relative_to(ROOT)}")
    except (LocalError, subprocess.SubprocessError) as error:
        sys.exit(str(error))
