"""The command line."""

import argparse
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

from cli.completion import SHELLS
from cli.export import FINAL, FORMATS
from cli.kinds import KINDS
from cli.learn import LEARNED
from cli.order_numbers import COLUMN
from cli.screen import say
from cli.text import visible
from cli.where import DEFAULT_NAME
from feee_cancel.domain.cancellation import State
from feee_cancel.domain.documents import parse_order_no
from feee_cancel.domain.faults import InvalidRequestError
from feee_cancel.domain.times import EARLIEST, LATEST, parse_not_before

_EXIT_STATUSES = """exit status:
  0    done as asked: cancelled, withdrawn, shown, cancellable, redriven
  1    not done, and it won't be: rejected, unknown, not withdrawn, left in the queue
  2    not a valid request
  3    accepted, and not settled yet
  4    no answer: credentials, permissions, network, proxy, stack, service, or a fault here; the message has the fix
  130  Ctrl-C
"""
_AHEAD = re.compile(r"\+([0-9]{1,6})([smhd])")
_DATE_DIGITS = 8
"""20261224 is a date; unix seconds have had more digits since 1973."""
_DATE = re.compile(r"[0-9]{4}-?(?:[0-9]{2}-?[0-9]{2}|W[0-9]{2}(?:-?[0-9])?)(?:[Tt ][0-9].*)?")
"""A date, perhaps with a time. Python accepts any character between the two, and reads 8:00 in 2026-12-24+08:00."""
_MOST = 1_000_000
_LIMIT = 25
"""As many as the API lists by default."""
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


_ONLY_WITH: dict[str, dict[str, str]] = {
    "cancel": {"column": "file"},
    "doctor": {"and_cancel": "learn", "file": "learn", "yes": "learn"},
}


class _Parser(argparse.ArgumentParser):
    """Never repeats what it doesn't understand: that may be a key. What it prints is fit for a screen."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.color = False  # Python 3.14 has colours; what is printed is shown as text, their codes too

    def _print_message(self, message: str, file: Any = None) -> None:
        """Print it; if nobody reads any more, that shows now and not at the end of the program."""
        if message:
            say(message.removesuffix("\n").split("\n"), file or sys.stderr)

    def error(self, message: str) -> NoReturn:
        super().error("unrecognized arguments" if message.startswith("unrecognized arguments") else visible(message))


def parser(*, now: float) -> argparse.ArgumentParser:
    """The parser; `now` is what relative times count from."""
    top = _Parser(
        prog="feee-cancel",
        description="Cancels feee.io orders through the deployed service, and takes care of the service.",
        epilog=_EXIT_STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    common = _common()

    def add(name: str, about: str, *, order: bool = True) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=about, description=about, parents=[common])
        if order:
            command.add_argument("order_no", type=_order_no, metavar="ORDER_NO", help="feee.io's order number")
        return command

    cancel = add("cancel", "ask for orders to be cancelled; asking again is safe", order=False)
    which = cancel.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "order_nos", type=_order_no, nargs="*", default=[], metavar="ORDER_NO", help="feee.io's order numbers"
    )
    which.add_argument(
        "--file", help="a text with a number in each line, a table with a column of them, or - (standard input)"
    )
    cancel.add_argument("--column", metavar="NAME", help=f"the table's column ({COLUMN})")
    cancel.add_argument("--watch", action="store_true", help="follow them until all are final; Ctrl-C leaves them")
    cancel.add_argument(
        "--not-before",
        type=lambda text: moment(text, now=now),
        metavar="TIME",
        help="leave the order alone until then: unix seconds, +30m, 20261224, or 2026-12-24T22:00, in this machine's "
        "zone or with one (Z, +08:00)",
    )
    cancel.add_argument("--reason", help="for the record, at most 200 characters")
    add("show", "look at an order's cancellation; feee.io isn't asked")
    listed = add(
        "list", "list cancellations: states that need attention first, and in each the latest due first", order=False
    )
    listed.add_argument("--state", choices=[str(state) for state in State], help="only those in this state")
    listed.add_argument(
        "--limit", type=_count, default=_LIMIT, metavar="N", help=f"how many to list at most ({_LIMIT})"
    )
    listed.add_argument(
        "--reason",
        metavar="TEXT",
        help="only those with this state reason, or with this text in the given reason",
    )
    listed.add_argument("--by", metavar="TEXT", help="only those whose asker's name contains this")
    listed.add_argument("--older", type=_age, metavar="AGE", help="only those asked for so long ago: 30m, 2h, 3d")
    listed.add_argument("--newer", type=_age, metavar="AGE", help="only those asked for since: 30m, 2h, 3d")
    listed.add_argument(
        "--wide",
        action="store_true",
        help="also the reason's name, when and by whom it was asked for, what for, and how often it was tried",
    )
    add("withdraw", "withdraw a request that still waits")
    add("lookup", "ask feee.io what a cancel would do now; changes nothing")
    watch = add("watch", "follow a cancellation, or all that aren't final, until they are", order=False)
    watch.add_argument(
        "order_no",
        type=_order_no,
        nargs="?",
        metavar="ORDER_NO",
        help="feee.io's order number; if left out: all of them",
    )
    watch.add_argument("--timeout", type=_count, metavar="SECONDS", help="stop watching after this time, with status 3")
    _add_records(add, now)
    redrive = add("redrive", "process again what failed and is in a queue", order=False)
    redrive.add_argument("queue", choices=KINDS, metavar="QUEUE", help=", ".join(KINDS))
    redrive.add_argument("--yes", action="store_true", help="don't ask")
    redrive.add_argument("--discard", action="store_true", help="also delete what can't be processed again")
    doctor = add("doctor", "check everything that a cancellation needs, from these credentials to feee.io", order=False)
    doctor.add_argument(
        "--learn",
        nargs="+",
        metavar="ORDER_NO",
        help="instead, record how feee.io answers queries of these orders of yours, and of one that doesn't exist",
    )
    doctor.add_argument("--and-cancel", action="store_true", help="and cancels of those that ended over a day ago")
    doctor.add_argument("--file", type=Path, help=f"the file to write ({LEARNED})")
    doctor.add_argument("--yes", action="store_true", help="don't ask")
    set_key = add(
        "set-key", "put feee.io's key into the stack: asks for it hidden, or reads it from a pipe", order=False
    )
    set_key.add_argument("given", nargs="*", help=argparse.SUPPRESS)
    secret = add("set-webhook-secret", "make a secret for webhooks and show it once", order=False)
    secret.add_argument("sender", nargs="?", metavar="NAME", help="the sender's name, 1 to 24 letters, digits, - and _")
    secret.add_argument("--outgoing", action="store_true", help="the secret that settled events are signed with")
    secret.add_argument(
        "--drop-old", action="store_true", help="make none; from now on only the sender's newest is valid"
    )
    return top


def misfit(asked: argparse.Namespace, *, now: float) -> str | None:
    """What is wrong with options that mean nothing without another one, or beside it."""
    if asked.command == "export" and asked.since is not None:
        if asked.until is None:
            return None if asked.since < now else "--since must be in the past"
        return None if asked.since < asked.until else "--until must be after --since"
    for option, other in _ONLY_WITH.get(asked.command, {}).items():
        if getattr(asked, option) and not getattr(asked, other):
            return f"argument --{option.replace('_', '-')}: only with --{other}"
    return None


def _add_records(add: Callable[..., argparse.ArgumentParser], now: float) -> None:
    """The commands about the past, and the one for shells."""
    exported = add("export", "write what became final in a period; progress is on stderr", order=False)
    exported.add_argument("--state", choices=FINAL, help="only those in this state")
    for name, about in (("--since", "settled then or later"), ("--until", "settled before then (now)")):
        exported.add_argument(name, type=lambda text: any_moment(text, now=now), metavar="TIME", help=about)
    exported.add_argument(
        "--format", choices=FORMATS, default="csv", help="for spreadsheets, or a JSON object in each line"
    )
    story = add("history", "what happened to an order, step by step, from the logs and the table")
    story.add_argument("--days", type=_count, metavar="N", help="how many days of logs to read")
    completion = add("completion", "print what a shell needs to complete these commands", order=False)
    completion.add_argument("shell", choices=SHELLS, help="the shell")


def moment(text: str, *, now: float) -> int:
    """Unix seconds of a time, given as such, in ISO 8601, or ahead of now. The service takes none past or far ahead.

    A date stands for its first moment; a time without a zone is in this machine's.
    """
    try:
        return parse_not_before(_seconds(text, now), now=now)
    except InvalidRequestError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error.detail}{_here(text, now)}") from None
    except (ValueError, OverflowError, OSError):
        raise argparse.ArgumentTypeError(
            f"{text!r} isn't a time: {int(now) + 3_600}, 2026-12-24T22:00 (here: {_zone(now)}), "
            "2026-12-24T22:00+08:00, 20261224 or +30m"
        ) from None


def any_moment(text: str, *, now: float) -> int:
    """Unix seconds of a time, which may be past. Digits that are no plausible time are refused."""
    with suppress(ValueError, OverflowError, OSError):
        seconds = _seconds(text, now)
        if EARLIEST <= seconds < LATEST or not _is_digits(text):
            return max(0, seconds)
    raise argparse.ArgumentTypeError(f"{text!r} isn't a time: 1764547200, 2026-11-01 or 2026-11-01T00:00+08:00")


def _seconds(text: str, now: float) -> int:
    """Unix seconds of a text. Raises ValueError, and what datetime raises, if it isn't a time."""
    if not text.isascii():
        raise ValueError(text)
    if _is_digits(text):
        return int(text)
    if ahead := _AHEAD.fullmatch(text):
        return int(now) + int(ahead[1]) * _SECONDS[ahead[2]]
    if not _DATE.fullmatch(text):
        raise ValueError(text)
    return int(datetime.fromisoformat(text).timestamp())


def _is_digits(text: str) -> bool:
    """Whether it is unix seconds, or is meant to be."""
    return text.isdigit() and len(text) != _DATE_DIGITS


def _here(text: str, now: float) -> str:
    """Which zone it was read in, if that was this machine's."""
    if _AHEAD.fullmatch(text) or _is_digits(text) or datetime.fromisoformat(text).tzinfo:
        return ""
    return f" (it names no zone, so it is this machine's, {_zone(now)})"


def _zone(now: float) -> str:
    return datetime.fromtimestamp(now).astimezone().strftime("UTC%z")


def _order_no(text: str) -> str:
    try:
        return parse_order_no(text)
    except InvalidRequestError:
        raise argparse.ArgumentTypeError(
            f"{text!r} isn't an order number: 1 to 32 digits, as feee.io gave it"
        ) from None


def _age(text: str) -> int:
    if ago := _AHEAD.fullmatch(f"+{text}"):
        return int(ago[1]) * _SECONDS[ago[2]]
    raise argparse.ArgumentTypeError(f"{text!r} isn't an age: 45s, 30m, 2h or 3d")


def _count(text: str) -> int:
    if text.isascii() and text.isdigit() and 0 < int(text) <= _MOST:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} isn't a whole number from 1 to {_MOST}")


def _common() -> _Parser:
    common = _Parser(add_help=False)
    where = common.add_argument_group("which stack")
    where.add_argument("--stack", default=DEFAULT_NAME, metavar="NAME", help=f"the deployed stack ({DEFAULT_NAME})")
    where.add_argument("--profile", help="the AWS profile (AWS_PROFILE)")
    where.add_argument("--region", help="the AWS region (AWS_REGION, AWS_DEFAULT_REGION, or the profile's)")
    where.add_argument("--local", action="store_true", help="the one that make local runs on this machine, instead")
    common.add_argument("--json", action="store_true", help="the answer as JSON")
    return common
