"""What can go wrong on this machine, said so that it can be fixed."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

_LINES = 30
_HERE = "127.0.0.1,localhost"
_OF_FUNCTIONS = ("AWS_", "POWERTOOLS_")  # what AWS's tools and the functions read
_NO_AWS = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",  # nor a machine's own account, which would be asked for through the proxy
}


class LocalError(Exception):
    """The local stack can't be built, started or deployed; the message says what failed and how it ended."""


def run(command: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> str:
    """Run a command in `surroundings(env)`. Its output, or LocalError with the end of it.

    A signal breaks it off within a second; the command is gone then, but not what it has started itself.
    """
    with subprocess.Popen(
        command,
        cwd=cwd,
        env=surroundings(env),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    ) as process:
        try:
            output = _output(process)
        except BaseException:
            process.kill()
            process.wait()  # the end of the block doesn't, after a KeyboardInterrupt that `communicate` has seen
            raise
    if process.returncode != 0:
        raise LocalError(f"{' '.join(command)} failed with exit status {process.returncode}:\n{last_lines(output)}")
    return output


def _output(process: subprocess.Popen[str]) -> str:
    """All of it. A signal that comes just before a read is heeded after it only, which may be never."""
    while True:
        with suppress(subprocess.TimeoutExpired):
            return process.communicate(timeout=1)[0]


def surroundings(env: Mapping[str, str]) -> dict[str, str]:
    """An environment away from the user's AWS account.

    It is the user's without what AWS's tools and the functions read, and with `env`. Packages are installed through
    the user's proxy; what is on this machine is reached without one.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OF_FUNCTIONS)}
    direct = ",".join(filter(None, [os.environ.get("no_proxy") or os.environ.get("NO_PROXY"), _HERE]))
    return kept | _NO_AWS | {"NO_PROXY": direct, "no_proxy": direct} | dict(env)


def leave_the_users_settings() -> None:
    """From now on this process is in such an environment, too."""
    apart = surroundings({})
    os.environ.clear()
    os.environ.update(apart)


def last_lines(text: str) -> str:
    """The end of a long output."""
    return "\n".join(text.rstrip().splitlines()[-_LINES:])
