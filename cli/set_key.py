"""feee.io's key, from a hidden prompt or a pipe into the stack's secret: never in a command line or a message."""

import getpass
import sys
import warnings

from cli.outcome import Exit, Outcome, TroubleError
from cli.secret_documents import Document
from cli.target import Stack
from feee_cancel.adapters.secret import is_key

_MOST = 4_096
_PROMPT = "feee.io's key (it isn't shown): "
_NOT_HERE = (
    "A key isn't accepted on the command line: the shell's history and the list of processes keep it. Nothing was "
    "changed. That key has been seen; make another at feee.io, and give it to `./feee-cancel set-key` when it asks, or "
    "through a pipe."
)
_FORM = (
    "That isn't a key: one has 8 to 256 printable ASCII characters, without blank, quote or backslash; {length} "
    "characters were given. Nothing was changed."
)
_AT_ONCE = "It counts at once; what waits for it is tried again within a minute."
_SOON = (
    "It counts within five minutes, or at once if feee.io refuses the previous one; what waits for it is tried again "
    "within a minute."
)


def set_key(stack: Stack, *, given: list[str]) -> Outcome:
    """Ask for the key, and put it into the stack's secret. Raises TroubleError.

    `given` is what was on the command line, where no key belongs.
    """
    if given:
        return _outcome(Exit.USAGE, _NOT_HERE)
    secret = Document(stack.client("secretsmanager"), stack.output("FeeeKeySecretArn"))
    document = secret.read()
    key = typed() if sys.stdin.isatty() else piped()
    if not is_key(key):
        return _outcome(Exit.USAGE, _FORM.format(length=len(key)))
    before = document.get("key")
    if key == before:
        return _outcome(Exit.DONE, "That key is set already.")
    secret.write({**document, "key": key})
    check = stack.where.command("doctor")
    return _outcome(Exit.DONE, f"The key is set. {_SOON if is_key(before) else _AT_ONCE} To check it: {check}")


def typed() -> str:
    """What is typed at the terminal, which doesn't show it. Raises TroubleError if it would."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return getpass.getpass(_PROMPT).strip()
        except getpass.GetPassWarning:
            raise TroubleError("This terminal would show the key. Send it through a pipe: ... | set-key") from None
        except EOFError:
            raise TroubleError("No key was given. Nothing was changed.") from None


def piped() -> str:
    """The one line of standard input. What is longer than a line can be is returned as it is, which is no key."""
    given = sys.stdin.read(_MOST + 1)
    return given if len(given) > _MOST else given.strip()


def _outcome(status: Exit, words: str) -> Outcome:
    return Outcome(status, {"set": status is Exit.DONE, "detail": words}, words)
