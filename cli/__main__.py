"""`./feee-cancel`: one command, its answer, and an exit status that says what became of it."""

import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

from cli import orders
from cli.arguments import misfit, parser
from cli.board import Board
from cli.cancel import cancel_many, cancel_one
from cli.checkup import check_up
from cli.completion import script
from cli.doctor import Deployment, deployment
from cli.export import export
from cli.fleet import Fleet, follow
from cli.history import history
from cli.learn import LEARNED, Lesson, learn
from cli.order_numbers import COLUMN, given
from cli.outcome import Exit, Outcome, TroubleError
from cli.progress import Bar
from cli.redrive import redrive
from cli.screen import Terminal, agrees, say, to_nowhere, tolerate_any_text
from cli.set_key import set_key
from cli.set_webhook_secret import set_webhook_secret
from cli.target import Api, Stack, deployed, local
from cli.text import Words, for_scripts, lines
from cli.trouble import EXPECTED, unexpected, words_of
from cli.watch import watch
from feee_cancel_client import running

FILE = Path(__file__).resolve().parents[1] / running.FILE
"""Where `make local` says what it runs."""


def run(asked: Namespace, stack: Stack, screen: Terminal) -> Outcome:
    """The command's outcome."""
    api, now = stack.api, time.time()
    commands: dict[str, Callable[[], Outcome]] = {
        "cancel": lambda: _cancel(asked, api, screen),
        "show": lambda: orders.show(api, asked.order_no, now=now),
        "list": lambda: orders.listed(
            api,
            state=asked.state,
            limit=asked.limit,
            now=now,
            keep=orders.wanted(reason=asked.reason, by=asked.by, older=asked.older, newer=asked.newer, now=now),
            wide=asked.wide,
        ),
        "withdraw": lambda: orders.withdraw(api, asked.order_no, now=now),
        "lookup": lambda: orders.lookup(api, asked.order_no, now=now),
        "watch": lambda: _watch(asked, api, screen),
        "export": lambda: _export(asked, api, screen, now),
        "history": lambda: history(stack, asked.order_no, days=asked.days, now=now),
        "redrive": lambda: redrive(
            stack, asked.queue, agree=_agreed if asked.yes else _ask, discard=asked.discard, now=now
        ),
        "doctor": lambda: learn(
            stack,
            Lesson(asked.learn, asked.and_cancel, asked.file or LEARNED),
            agree=_agreed if asked.yes else _ask,
            now=now,
        ),
        "set-key": lambda: set_key(stack, given=asked.given),
        "set-webhook-secret": lambda: set_webhook_secret(
            stack, asked.sender, outgoing=asked.outgoing, drop_old=asked.drop_old
        ),
    }
    return commands[asked.command]()


def _cancel(asked: Namespace, api: Api, screen: Terminal) -> Outcome:
    members = {"not_before": asked.not_before, "reason": asked.reason}
    if asked.file is None and len(asked.order_nos) == 1:
        return cancel_one(api, asked.order_nos[0], **members, screen=screen, watched=asked.watch)
    order_nos = given(asked.order_nos, asked.file, asked.column or COLUMN)
    console, errors = screen.table, screen.errors
    return cancel_many(api, order_nos, **members, console=console, errors=errors, watched=asked.watch)


def _watch(asked: Namespace, api: Api, screen: Terminal) -> Outcome:
    if asked.order_no is not None:
        return watch(api, asked.order_no, screen=screen, now=time.time, patience=asked.timeout)
    fleet = Fleet(time.time())
    with Board(screen.table) as board:
        return follow(api, fleet, board, everything=True, now=time.time, sleep=time.sleep, patience=asked.timeout)


def _export(asked: Namespace, api: Api, screen: Terminal, now: float) -> Outcome:
    """What is for people goes to stderr, so that the rows alone are on stdout."""
    until = asked.until if asked.until is not None else int(now)
    query = {"state": asked.state, "since": asked.since or 0, "until": until}
    form = "jsonl" if asked.json else asked.format
    with Bar("exported", None, console=screen.errors) as bar:
        outcome = export(api, sys.stdout, query={k: v for k, v in query.items() if v is not None}, form=form, bar=bar)
    _complain(outcome.words)
    return replace(outcome, words=[], document={})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line. Returns the exit status; trouble is words on stderr, never a traceback."""
    tolerate_any_text()
    status = _status(arguments)
    try:
        sys.stdout.flush()
    except OSError:
        to_nowhere(sys.stdout)
    return status


def _status(arguments: Sequence[str] | None) -> int:
    try:
        return _main(arguments)
    except KeyboardInterrupt:
        _complain("Interrupted.")
        return Exit.INTERRUPTED
    except BrokenPipeError:  # whoever read the help or an export has stopped, as `head` does
        return Exit.DONE
    except EXPECTED as error:
        _complain(words_of(error))
    except Exception as error:  # noqa: BLE001 - a script tells "no answer" from "no" by the status
        _complain(unexpected(error))
    return Exit.TROUBLE


def _main(arguments: Sequence[str] | None) -> int:
    now = time.time()
    understood = parser(now=now)
    asked = understood.parse_args(arguments)
    if fault := misfit(asked, now=now):
        understood.error(fault)
    if asked.command == "completion":
        say(script(understood, asked.shell).splitlines())
        return Exit.DONE
    doctor = asked.command == "doctor" and not asked.learn
    where = {"profile": asked.profile, "region": asked.region}
    there = local(FILE) if asked.local else deployed(asked.stack, **where, whole=not doctor)
    outcome = check_up(asked.stack, _reached(there), time.time) if doctor else _run(asked, there)
    try:
        say(for_scripts(outcome.document) if asked.json and outcome.document else outcome.words)
    except BrokenPipeError:  # nobody reads it; the status says it all the same
        to_nowhere(sys.stdout)
    return outcome.exit


def _run(asked: Namespace, there: AbstractContextManager[Stack]) -> Outcome:
    with there as stack:
        return run(asked, stack, Terminal(quiet=asked.json))


@contextmanager
def _reached(there: AbstractContextManager[Stack]) -> Iterator[Deployment]:
    with there as stack:
        yield deployment(stack.name, stack.client, stack.api.call, stack.where)


def _complain(words: Words) -> None:
    try:
        say(words, sys.stderr)
    except OSError:  # nobody reads it
        to_nowhere(sys.stderr)


def _agreed(_: Words) -> bool:
    return True


def _ask(question: Words) -> bool:
    if not sys.stdin.isatty():
        raise TroubleError([*lines(question), "There is nobody to ask here: add --yes."])
    try:
        return agrees(question)
    except BrokenPipeError:
        raise TroubleError("The question can't be shown, because the output is closed. Nothing was changed.") from None


if __name__ == "__main__":
    sys.exit(main())
