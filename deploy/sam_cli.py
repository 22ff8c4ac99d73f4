"""SAM CLI, called without a question; what it says goes to a file, and comes out when it fails."""

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cli.outcome import TroubleError
from deploy.events import Events, first_cause, fix, follow, refused
from deploy.wanted import Wanted
from local import private
from local.build import ROOT, SAM
from local.errors import last_lines

LOG = ROOT / ".local/deploy.log"


def deploy(wanted: Wanted, template: Path, region: str, cloudformation: Any, show: Callable[[str], None]) -> None:
    """`sam deploy` of the built template, with each of CloudFormation's events shown. Raises TroubleError.

    It ends with the cause in words if CloudFormation couldn't do it; what CloudFormation has begun goes on whatever
    becomes of this process.
    """
    private.write(LOG, "")
    events = Events(cloudformation, wanted.stack)
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        LOG.open("a") as log,
        _started(_command(wanted, template, region), log, folder) as process,
    ):
        told = follow(events, lambda: process.poll() is not None, show, lambda seconds: _rest(process, seconds))
    if process.returncode != 0:
        log_text = LOG.read_text()
        early = refused(cloudformation, wanted.stack) if "EarlyValidation" in log_text else []
        cause = first_cause(told) or early or _said_last(log_text).split("\n")
        said = ["The deployment failed. The cause:", *cause, f"All that was said: {LOG.relative_to(ROOT)}"]
        raise TroubleError(said)


@contextmanager
def _started(command: list[str], log: Any, folder: str) -> "Iterator[subprocess.Popen[bytes]]":
    """With a temporary folder of its own: SAM CLI leaves one there for each archive. Ended if this is broken off."""
    environment = {**os.environ, "SAM_CLI_TELEMETRY": "0", "TMPDIR": folder}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
    ) as process:
        try:
            yield process
        except KeyboardInterrupt:
            process.terminate()  # a SIGTERM to this process alone doesn't reach it
            process.wait()
            raise


def _rest(process: "subprocess.Popen[bytes]", seconds: float) -> None:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return


def _command(wanted: Wanted, template: Path, region: str) -> list[str]:
    where = ["--stack-name", wanted.stack, "--region", region]
    profile = ["--profile", wanted.profile] if wanted.profile else []
    files = ["--config-file", str(ROOT / "samconfig.toml"), "--template-file", str(template)]
    return [str(SAM), "deploy", *files, *where, *profile, "--no-confirm-changeset", *overrides(wanted.parameters)]


def overrides(parameters: Mapping[str, str]) -> list[str]:
    """As SAM CLI reads them: quoted, with a backslash before what would end a quote. Others stay as they are."""
    quoted = {name: value.replace("\\", "\\\\").replace('"', '\\"') for name, value in parameters.items()}
    return ["--parameter-overrides", *(f'{name}="{value}"' for name, value in quoted.items())] if quoted else []


def _said_last(log: str) -> str:
    """SAM's own error, which is the last thing that it says, and what fixes it if that is known."""
    error = log.rpartition("Error: ")[2] if "Error: " in log else last_lines(log)
    return "\n".join(filter(None, [error.strip(), fix(error)]))
