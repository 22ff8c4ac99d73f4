"""Says where `make local`'s stack is, and its secrets: in files that only this user can read, there as long as it runs.

One is for the commands and for `make docs`, the other is for shells: `. .local/env.sh`.
"""

import json
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from feee_cancel_client import running
from local import private
from local.build import ROOT
from local.identity import CREDENTIALS, REGION
from local.signing import SECRET
from local.stack import STACK, LocalStack

FILE = ROOT / running.FILE
SHELL = ROOT / ".local/env.sh"
_NOT_THROUGH_A_PROXY = "127.0.0.1,localhost"


@contextmanager
def announced(stack: LocalStack, file: Path = FILE) -> Iterator[None]:
    """Say where the stack is, until the block ends."""
    there = running.Running(
        endpoint=stack.endpoint,
        region=REGION,
        api=stack.api.url,
        simulator=stack.simulator.url,
        access_key=CREDENTIALS.access_key,
        secret_key=CREDENTIALS.secret_key,
        control_secret=stack.simulator.secret,
        webhook_secret=SECRET,
        stack=STACK,
    )
    with _there(file, json.dumps(asdict(there))), for_shells(stack, stack.api.url, file.with_name(SHELL.name)):
        yield


@contextmanager
def for_shells(stack: LocalStack, api: str, file: Path = SHELL) -> Iterator[None]:
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
