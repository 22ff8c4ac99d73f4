"""`make deploy`: build, deploy, ask for the key, examine the stack, say how to call it."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import botocore.session
from botocore.config import Config
from rich.console import Console

from cli.outcome import Exit
from cli.screen import say, show, tolerate_any_text
from cli.target import client_of, credentials_of, deployed, session_of
from cli.text import Words, lines
from cli.trouble import EXPECTED, unexpected, words_of
from deploy import sam_cli
from deploy.closing import closing
from deploy.interpreter import have_python
from deploy.key import ask_for_the_key
from deploy.state import DeployedStack
from deploy.wanted import Wanted, wanted
from local.build import ROOT, build
from local.errors import LocalError
from local.task import end_at_signals

_CONFIG = Config(connect_timeout=5, read_timeout=60, retries={"mode": "standard", "total_max_attempts": 5})
_INTERRUPTED = (
    "\nInterrupted. What CloudFormation has begun goes on by itself; the same command again goes on from there."
)


def deploy(asked: Wanted, console: Console) -> None:
    """The whole way, with progress on the console. Raises TroubleError, LocalError, and what boto3 raises."""
    show = shown(console)
    session = signed_in(asked, show)
    cloudformation: Any = session.client("cloudformation", config=_CONFIG)
    stack = DeployedStack(cloudformation, asked.stack, show, asked.where)
    stack.prepare()
    with step(console, "Building the functions and layers"):
        have_python(show)
        template = build()
    with step(console, "Deploying (some 4 minutes the first time)"):
        sam_cli.deploy(asked, template, session.region_name, cloudformation, show)
    with deployed(asked.stack, profile=asked.profile, region=asked.region) as there:
        ask_for_the_key(asked, there, show)
        show("The doctor looks at the stack:")
        sys.stdout.flush()
        status = subprocess.run([ROOT / "feee-cancel", "doctor", *asked.options], check=False).returncode
        given = (stack.now() or {}).get("Parameters", [])
        parameters = {parameter["ParameterKey"]: parameter["ParameterValue"] for parameter in given}
        show(closing(asked, there.api_url, there.outputs, parameters, session))
    if status != Exit.DONE:
        show("The stack is deployed; what the doctor found above is still to be fixed.")


def signed_in(asked: Wanted, show: Callable[[str], None]) -> Any:
    """A boto3 session with credentials that AWS accepts, and a region. Raises TroubleError, and what boto3 raises."""
    session = session_of(botocore.session.get_session(), profile=asked.profile, region=asked.region)
    credentials_of(session)
    me = client_of(session, "sts", _CONFIG).get_caller_identity()
    show(f"Account {me['Account']}, region {session.region_name}, as {me['Arn']}; stack {asked.stack}.")
    return session


@contextmanager
def step(console: Console, title: str) -> Iterator[None]:
    """Show that something is going on, and that it went well."""
    console.print(f"{title} ...", highlight=False)
    with console.status(title):
        yield
    console.print(f"[green]ok[/]  {title}", highlight=False)


def shown(console: Console) -> Callable[[Words], None]:
    """Prints lines, with what a terminal would obey made visible, for CloudFormation repeats what others wrote."""
    return lambda words: show(console, words.split("\n") if isinstance(words, str) else words)


def main(do: Callable[[Wanted, Console], None] = deploy) -> int:
    """The exit status; trouble is words on stderr, never a traceback. SIGTERM and SIGHUP are as Ctrl-C."""
    tolerate_any_text()
    end_at_signals()
    try:
        do(_with_a_region(wanted(os.environ)), Console())
    except (*EXPECTED, LocalError, subprocess.SubprocessError) as error:
        say(["", *_lines(error)], sys.stderr)
        return Exit.TROUBLE
    except Exception as error:  # noqa: BLE001 - words, as ./feee-cancel has them, and no traceback
        say(["", *lines(unexpected(error))], sys.stderr)
        return Exit.TROUBLE
    except KeyboardInterrupt:
        print(_INTERRUPTED, file=sys.stderr)
        return Exit.INTERRUPTED
    return Exit.DONE


def _lines(error: Exception) -> list[str]:
    """The error as lines: what a tool on this machine says has several."""
    return lines(words_of(error)) if isinstance(error, EXPECTED) else str(error).split("\n")


def _with_a_region(asked: Wanted) -> Wanted:
    """boto3 knows AWS_DEFAULT_REGION alone; AWS's other tools AWS_REGION, too."""
    return replace(asked, region=asked.region or os.environ.get("AWS_REGION") or None)


if __name__ == "__main__":
    sys.exit(main())
