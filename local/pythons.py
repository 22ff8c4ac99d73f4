"""The quick tests on each other Python that the README names, as far as this machine has it, among other settings.

`python -m local.pythons`: exits with 1 if a test failed on one of them. A Python that isn't here is named in one line.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from local.build import ROOT

VERSIONS = ("3.11", "3.12", "3.13", "3.14")
"""What `requires-python` allows, up to the newest."""
QUICK = ("tests/unit", "tests/simulator", "-m", "not long and not thorough", "-n", "2", "--dist", "loadfile", "-q")
ELSEWHERE = {
    "CI": "true",
    "TERM": "dumb",
    "COLUMNS": "40",
    "LC_ALL": "C",
    "TZ": "Asia/Shanghai",
    "AWS_PROFILE": "of-nobody",
    "AWS_REGION": "eu-west-1",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
    "HTTPS_PROXY": "http://127.0.0.1:1",
    "REGION": "of-nobody",
    "POWERTOOLS_LOG_LEVEL": "DEBUG",
    "POWERTOOLS_METRICS_DISABLED": "true",
}
"""Settings of somebody else's machine: they must change no result."""

_UV = str(ROOT / ".tools/uv/bin/uv")


def python(version: str) -> str | None:
    """The path of this machine's interpreter of that version: on PATH, pyenv's, or one that uv knows."""
    return next((found for found in _candidates(version) if _is(found, version)), None)


def _candidates(version: str) -> Iterator[str]:
    yield f"python{version}"
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from map(str, sorted(pyenv.glob(f"versions/{version}.*/bin/python{version}")))
    find = [_UV, "python", "find", "--no-python-downloads", "--managed-python", version]
    yield subprocess.run(find, capture_output=True, text=True, check=False).stdout.strip()


def _is(python: str, version: str) -> bool:
    """Whether it runs and is what its name says: a shim of pyenv is on PATH even if it runs nothing."""
    look = [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    try:
        return subprocess.run(look, capture_output=True, text=True, check=False).stdout.strip() == version
    except OSError:
        return False


def passes_on(python: str, version: str) -> bool:
    """Whether the quick tests pass `ELSEWHERE`, with packages of their own from the same locks as the project's."""
    environment = str(ROOT / f".tools/python-{version}")
    install = ["pip", "install", "--quiet", "--python", environment, "--require-hashes", "--requirement"]
    subprocess.run([_UV, "venv", "--quiet", "--clear", "--python", python, environment], check=True)
    subprocess.run([_UV, *install, "requirements/dev.txt"], cwd=ROOT, check=True)
    test = [f"{environment}/bin/python", "-m", "pytest", *QUICK]
    return not subprocess.run(test, cwd=ROOT, env=os.environ | ELSEWHERE, check=False).returncode


def main() -> int:
    """The exit status: 130 after Ctrl-C."""
    try:
        failed = _failed()
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130
    if failed:
        print(f"Tests failed on Python {', '.join(failed)}", file=sys.stderr)
    return bool(failed)


def _failed() -> list[str]:
    """The versions that a test failed on; says which are tried, and which can't be."""
    failed = []
    for version in VERSIONS:
        if version == "{}.{}".format(*sys.version_info[:2]):
            continue  # make check and make test use this one
        if not (found := python(version)):
            print(f"Python {version}: not on this machine, so nothing was tried on it", flush=True)
            continue
        print(f"Python {version}: {found}", flush=True)
        if not passes_on(found, version):
            failed.append(version)
    return failed


if __name__ == "__main__":
    sys.exit(main())
