"""`./feee-cancel`: one command, its answer, and an exit status that says what became of it."""

import os
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from cli import orders
from cli.arguments import parser
from cli.diagnosis import diagnose
from cli.doctor import deployment
from cli.outcome import Exit, Outcome, TroubleError
from cli.redrive import redrive
from cli.set_key import set_key
from cli.set_webhook_secret import set_webhook_secret
from cli.stack import Stack, deployed, local
from cli.trouble import EXPECTED, said
from cli.watch import Screen, watch
from feee_cancel.adapters.representation import to_json
from feee_cancel_client import running

FILE = Path(__file__).resolve().parents[1] / running.FILE
"""Where `make local` says what it runs."""


class Terminal:
    """Progress for people: each change is a line; at a terminal, what is waited for is shown too."""

    def __init__(self, *, quiet: bool) -> None:
        self._console = Console(quiet=quiet, highlight=False, markup=False, soft_wrap=True)

    def line(self, text: str) -> None:
        """Print it."""
        self._console.print(text)

    def rest(self, seconds: float, text: str) -> None:
        """Sleep; `text` stays on the last line meanwhile."""
        with self._console.status(text or "..."):
            time.sleep(seconds)


def run(asked: Namespace, stack: Stack, screen: Screen) -> Outcome:
    """The command's outcome."""
    api, now = stack.api, time.time()
    commands: dict[str, Callable[[], Outcome]] = {
        "cancel": lambda: orders.cancel(api, asked.order_no, not_before=asked.not_before, reason=asked.reason, now=now),
        "show": lambda: orders.show(api, asked.order_no, now=now),
        "list": lambda: orders.listed(api, state=asked.state, limit=asked.limit, now=now),
        "withdraw": lambda: orders.withdraw(api, asked.order_no, now=now),
        "lookup": lambda: orders.lookup(api, asked.order_no, now=now),
        "watch": lambda: watch(api, asked.order_no, screen=screen, now=time.time, patience=asked.timeout),
        "redrive": lambda: redrive(
            stack, asked.queue, agree=_agreed if asked.yes else _ask, discard=asked.discard, now=now
        ),
        "doctor": lambda: diagnose(deployment(stack.name, stack.client, stack.api.call)),
        "set-key": lambda: set_key(stack, given=asked.given),
        "set-webhook-secret": lambda: set_webhook_secret(
            stack, asked.sender, outgoing=asked.outgoing, drop_old=asked.drop_old
        ),
    }
    return commands[asked.command]()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line. Returns the exit status; expected trouble is words on stderr, never a traceback."""
    asked = parser(now=time.time()).parse_args(arguments)
    try:
        there = local(FILE) if asked.local else deployed(asked.stack, profile=asked.profile, region=asked.region)
        with there as stack:
            outcome = run(asked, stack, Terminal(quiet=asked.json))
        print(to_json(outcome.document) if asked.json else outcome.words, flush=True)  # noqa: T201 - the command's answer
    except EXPECTED as error:
        print(said(error), file=sys.stderr)  # noqa: T201 - what a command says
        return Exit.TROUBLE
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)  # noqa: T201 - what a command says
        return Exit.INTERRUPTED
    except BrokenPipeError:  # the reader had enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.DONE
    return outcome.exit


def _agreed(_: str) -> bool:
    return True


def _ask(question: str) -> bool:
    if not sys.stdin.isatty():
        raise TroubleError(f"{question}\nThere is nobody to ask here: add --yes.")
    return input(f"{question} [y/N] ").strip().lower() in {"y", "yes"}


if __name__ == "__main__":
    sys.exit(main())
