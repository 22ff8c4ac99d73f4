"""Lambda's image for Python 3.13: AWS's own if it can be pulled, and otherwise a stand-in with the same interface.

The stand-in is Debian's Python 3.13 with AWS's runtime interface client, started as AWS's image starts it; SAM CLI adds
the rest. It is made once and kept, under a name that says what it is.
"""

import hashlib
import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path

from local.build import ROOT, SAM
from local.engine import call, engine
from local.errors import LocalError, run
from local.lock import alone

STAND_IN = "feee-cancel/lambda-python3.13-stand-in"
_ONE_AT_A_TIME = ROOT / ".local/image.lock"
_UV = ROOT / ".tools/uv/bin/uv"
_AWS_IMAGE_OF_SAM = "from samcli.local.docker.lambda_image import LambdaImage as I; print(I._INVOKE_REPO_PREFIX)"
_LOCK = ROOT / "requirements/stand-in.txt"
_SUITE = "trixie"  # Debian 13, the release that has Python 3.13
_PACKAGES = "python3,ca-certificates"  # python3-minimal would leave the standard library without bytecode
_LEFT_OUT = (
    "./dev",
    "./var/cache/apt",
    "./var/lib/apt/lists",
    "./usr/share/doc",
    "./usr/share/locale",
    "./usr/share/man",
)
_BOOTSTRAP = """#!/bin/sh
# As in AWS's image: the layers' packages before the runtime's, the function's folder as the working directory.
export PYTHONPATH=/opt/python:/opt/python/lib/python3.13/site-packages:/var/runtime
cd "$LAMBDA_TASK_ROOT"
exec python3.13 -m awslambdaric "$_HANDLER"
"""
_SETTINGS = (
    "ENV LAMBDA_TASK_ROOT=/var/task",
    "ENV LAMBDA_RUNTIME_DIR=/var/runtime",
    "ENV PATH=/usr/local/bin:/usr/bin:/bin",
    "WORKDIR /var/task",
    'ENTRYPOINT ["/var/runtime/bootstrap"]',
)


def image() -> str:
    """The image to run functions in; pulled or built if it isn't there yet. Raises LocalError."""
    engine()
    aws_image = f"{run([str(SAM.with_name('python')), '-c', _AWS_IMAGE_OF_SAM], cwd=ROOT, env={}).strip()}/python:3.13"
    if _present(aws_image):
        return aws_image
    ingredients = (_SUITE, _PACKAGES, _LEFT_OUT, _BOOTSTRAP, _SETTINGS, _LOCK.read_text())
    made_from = hashlib.sha256(repr(ingredients).encode()).hexdigest()
    with alone(_ONE_AT_A_TIME):
        if _present(STAND_IN, made_from):
            return STAND_IN
        try:
            call("pull", "--quiet", aws_image)
        except LocalError as error:
            _make(made_from, str(error))
            return STAND_IN
    return aws_image


def _present(name: str, made_from: str | None = None) -> bool:
    try:
        label = call("image", "inspect", "--format", '{{index .Config.Labels "made-from"}}', name)
    except LocalError:
        return False
    return made_from in {None, label}


def _make(made_from: str, why: str) -> None:
    """Make the stand-in. Raises LocalError."""
    if not shutil.which("debootstrap") or os.geteuid() != 0:
        raise LocalError(f"{why}\nRoot can make a stand-in for it on Debian or Ubuntu (apt install debootstrap).")
    with tempfile.TemporaryDirectory() as root:
        run(["debootstrap", "--variant=minbase", f"--include={_PACKAGES}", _SUITE, root, *_mirror()], cwd=ROOT, env={})
        runtime = Path(root, "var/runtime")
        target = ["--target", str(runtime), "--python-version", "3.13", "--only-binary", ":all:"]
        platform_ = f"{platform.machine()}-manylinux_2_28"
        install = [str(_UV), "pip", "install", "--quiet", *target, "--python-platform", platform_]
        run([*install, "--require-hashes", "--requirement", str(_LOCK)], cwd=ROOT, env={})
        (runtime / "bootstrap").write_text(_BOOTSTRAP)
        (runtime / "bootstrap").chmod(0o755)
        Path(root, "var/task").mkdir()
        changes = [part for setting in (*_SETTINGS, f"LABEL made-from={made_from}") for part in ("--change", setting)]
        tar = ["tar", "-c", "-C", root, *(f"--exclude={path}/*" for path in _LEFT_OUT), "."]
        call("import", *changes, "-", STAND_IN, stdin=tar)


def _mirror() -> list[str]:
    """The Debian mirror that this machine's apt uses, if it uses one; else debootstrap has its own."""
    targets = ["apt-get", "indextargets", "--format", "$(ORIGIN) $(LABEL) $(REPO_URI)"]
    lines = run(targets, cwd=ROOT, env={}).splitlines()
    return [line.split()[2] for line in lines if line.startswith("Debian Debian ")][:1]


if __name__ == "__main__":
    try:
        print(f"Functions run in {image()}")
    except LocalError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        sys.exit(130)
