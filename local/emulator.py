"""AWS on this machine: MiniStack, in its own process group, with an environment and folders of its own."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from local.build import ROOT
from local.errors import LocalError, last_lines
from local.identity import CREDENTIALS, REGION
from local.ports import free_port, listens

_PYTHON = ROOT / ".tools/emulator/bin/python"
_START = ROOT / "local/emulator_start.py"
_HEALTH = "/_ministack/health"
_START_SECONDS = 180
_STOP_SECONDS = 10
_OTHER_PORTS = 5
_TAKEN = "already in use"
"""What its log says if somebody else listens on its port, or the system's error that says so (EADDRINUSE)."""


@contextmanager
def emulator(directory: Path, *, port: int = 0) -> Iterator[str]:
    """The endpoint of a fresh emulator that checks signatures and policies as AWS does (AUTH). Raises LocalError.

    It listens on loopback, on `port` if nobody else does, and accepts requests that are signed with CREDENTIALS. It and
    everything that it started are gone at the end.
    """
    home, log = directory / "emulator", directory / "emulator.log"
    (home / "tmp").mkdir(parents=True)
    try:
        for candidate in map(free_port, (port, *[0] * _OTHER_PORTS)):
            with _process(home, log, candidate) as process:
                if _is_ready(process, candidate):
                    yield f"http://127.0.0.1:{candidate}"
                    return
                ended = process.poll() is not None
            said = log.read_text("utf-8", "replace")
            if not ended or _TAKEN not in said:
                break
        raise LocalError(f"the AWS emulator didn't start:\n{last_lines(said)}")
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def _process(home: Path, log: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "TMPDIR": str(home / "tmp"),
        "AUTH": "true",
        "AWS_ACCESS_KEY_ID": CREDENTIALS.access_key,
        "AWS_SECRET_ACCESS_KEY": CREDENTIALS.secret_key,
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "STATE_DIR": str(home / "state"),
        "S3_DATA_DIR": str(home / "s3"),
        "LOG_LEVEL": "WARNING",
    }
    with log.open("w") as output:
        process = subprocess.Popen(
            [_PYTHON, "-I", _START],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            process_group=0,
        )
    try:
        yield process
    finally:
        _stop(process)


def kill_function(directory: Path, name: str) -> None:
    """SIGKILL every process of this function of the emulator in `directory`, as if its environment had crashed."""
    for process in psutil.process_iter(["cmdline"]):
        command = " ".join(process.info["cmdline"] or [])
        if str(directory) in command and f"ministack-lambda-{name}-" in command:
            with suppress(psutil.NoSuchProcess):  # it has ended meanwhile
                process.kill()


def _is_ready(process: subprocess.Popen[bytes], port: int) -> bool:
    """Wait until it answers on its port. False if it ended before, or didn't in time."""
    give_up_at = time.monotonic() + _START_SECONDS
    with urllib3.HTTPConnectionPool("127.0.0.1", port, retries=False, timeout=10) as pool:
        while process.poll() is None and time.monotonic() < give_up_at:
            if listens(process, port) and _is_healthy(pool, port):
                return True
            time.sleep(0.1)
    return False


def _is_healthy(pool: urllib3.HTTPConnectionPool, port: int) -> bool:
    try:
        return pool.request("GET", _HEALTH, headers=_signed(port)).status == 200  # noqa: PLR2004 - RFC 9110
    except urllib3.exceptions.HTTPError:
        return False


def _signed(port: int) -> dict[str, str]:
    """The headers of a look at its health."""
    request = AWSRequest("GET", f"http://127.0.0.1:{port}{_HEALTH}")
    SigV4Auth(CREDENTIALS, "sts", REGION).add_auth(request)
    return dict(request.headers)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the emulator and the functions' processes below it, also if somebody doesn't wait for that (Ctrl-C)."""
    with suppress(ProcessLookupError, subprocess.TimeoutExpired):
        try:
            os.killpg(process.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_SECONDS)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(_STOP_SECONDS)
