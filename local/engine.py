"""The container engine on this machine, called through its command line: Docker, Finch or Podman."""

import os
import platform
import shutil
import socket
import subprocess
from collections.abc import Sequence
from functools import cache

from local.errors import LocalError, last_lines

ARCHITECTURE = "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"
"""This machine's, as Lambda names it."""

HOST = "host.docker.internal"
"""This machine's name inside a container."""

ADD_HOST = ("--add-host", f"{HOST}:host-gateway")

_NO_ENGINE = (
    "no container engine answers: install and start Docker (on Debian and Ubuntu: apt install docker.io) or Finch, "
    "or point DOCKER_HOST at Podman's socket"
)
_ANSWER_SECONDS = 30


@cache
def engine() -> str:
    """The command of the first engine that answers. Raises LocalError, which says what to install."""
    for command in ("docker", "finch", "podman"):
        if shutil.which(command) and _answers(command):
            if command == "podman" and "DOCKER_HOST" not in os.environ:
                break  # SAM CLI wouldn't find it
            return command
    raise LocalError(_NO_ENGINE)


def call(*arguments: str, stdin: Sequence[str] | None = None) -> str:
    """Call the engine, with the output of command `stdin` as its input if given; its output, or LocalError."""
    command = (engine(), *arguments)
    source = subprocess.Popen(stdin, stdout=subprocess.PIPE) if stdin else None
    done = subprocess.run(
        command, stdin=source.stdout if source else subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if source and source.stdout:
        source.stdout.close()
        if source.wait() != 0:
            raise LocalError(f"{source.args!r} failed with exit status {source.returncode}")
    if done.returncode != 0:
        raise LocalError(f"{' '.join(command)} failed:\n{last_lines(done.stderr)}")
    return done.stdout.strip()


def host_address(image: str) -> str | None:
    """The address by which containers reach this machine, if this machine has it.

    None if the engine runs in a machine of its own (Docker Desktop, Finch): there, containers reach this machine's
    loopback interface.
    """
    look = f"import socket; print(socket.gethostbyname({HOST!r}))"
    address = call("run", "--rm", *ADD_HOST, "--entrypoint", "python3.13", image, "-c", look)
    with socket.socket() as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return None
    return address


def _answers(command: str) -> bool:
    try:
        done = subprocess.run([command, "info"], capture_output=True, timeout=_ANSWER_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0
