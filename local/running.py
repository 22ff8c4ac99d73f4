"""Where the stack is that `make local` runs, and its secrets: files of this user's alone, there as long as it runs.

One is for the commands and for `make docs`, the other is for shells: `. .local/env.sh`.
"""

import json
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.credentials import Credentials

from local import private
from local.api import CREDENTIALS, REGION, STACK
from local.build import ROOT
from local.webhook import SECRET

if TYPE_CHECKING:
    from local.stack import LocalStack  # the commands need nothing of it

FILE = ROOT / ".local/running.json"
SHELL = ROOT / ".local/env.sh"
_NOT_THROUGH_A_PROXY = "127.0.0.1,localhost"


@dataclass(frozen=True, slots=True)
class Running:
    """`endpoint` is AWS's, `api` and `simulator` are URLs, `stack` is the stack's name.

    AWS and the API ask for a signature with the access key, the simulator's control API for its secret, and the
    webhook for a signature with its own.
    """

    endpoint: str
    api: str
    simulator: str
    access_key: str
    secret_key: str
    control_secret: str
    webhook_secret: str
    stack: str = STACK

    @property
    def credentials(self) -> Credentials:
        """The access key, to sign with."""
        return Credentials(self.access_key, self.secret_key)


@contextmanager
def announced(stack: "LocalStack", file: Path = FILE) -> Iterator[None]:
    """Say where the stack is, until the block ends."""
    there = Running(
        endpoint=stack.endpoint,
        api=stack.api.url,
        simulator=stack.simulator.url,
        access_key=CREDENTIALS.access_key,
        secret_key=CREDENTIALS.secret_key,
        control_secret=stack.simulator.secret,
        webhook_secret=SECRET,
    )
    with _there(file, json.dumps(asdict(there))), for_shells(stack, stack.api.url, file.with_name(SHELL.name)):
        yield


@contextmanager
def for_shells(stack: "LocalStack", api: str, file: Path = SHELL) -> Iterator[None]:
    """The same for a shell, which AWS's tools and the READMEs' commands then work in, until the block ends."""
    variables = {
        "AWS_ENDPOINT_URL": stack.endpoint,
        "AWS_ACCESS_KEY_ID": CREDENTIALS.access_key,
        "AWS_SECRET_ACCESS_KEY": CREDENTIALS.secret_key,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "NO_PROXY": _NOT_THROUGH_A_PROXY,
        "no_proxy": _NOT_THROUGH_A_PROXY,
        "API": api,
        "SECRET": SECRET,
        "CONTROL": f"{stack.simulator.url.removesuffix('/open')}/control",
        "CONTROL_SECRET": stack.simulator.secret,
    }
    with _there(file, _exports(variables)):
        yield


def read(file: Path = FILE) -> Running | None:
    """What runs; None where nothing does, as far as the file knows."""
    try:
        return Running(**json.loads(file.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _exports(variables: Mapping[str, str]) -> str:
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()]
    return "".join(["unset AWS_PROFILE AWS_SESSION_TOKEN\n", *lines])


@contextmanager
def _there(file: Path, text: str) -> Iterator[None]:
    private.write(file, text)
    try:
        yield
    finally:
        with suppress(FileNotFoundError):
            if file.read_text() == text:  # another `make local` may have taken over
                file.unlink()
