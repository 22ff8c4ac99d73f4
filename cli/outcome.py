"""What a command came to: for scripts, for people, and as an exit status; and the trouble that is to be expected."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from cli.text import Words, lines


class Exit(IntEnum):
    """The exit status."""

    DONE = 0
    """It is done as asked: cancelled, withdrawn, shown, cancellable, redriven."""
    NO = 1
    """It isn't, and that is an answer: rejected, filled, unknown, not withdrawn, left in the queue."""
    USAGE = 2
    """What was asked for isn't valid."""
    PENDING = 3
    """Taken, and not settled yet."""
    TROUBLE = 4
    """No answer: credentials, permissions, the network, the stack, the service."""
    INTERRUPTED = 130
    """Ctrl-C, as shells have it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """`document` is for scripts (amounts as Decimal), `words` are for people: a line, or lines."""

    exit: Exit
    document: Mapping[str, Any]
    words: Words

    @property
    def text(self) -> str:
        """The words as they are printed."""
        return "\n".join(lines(self.words))


class TroubleError(Exception):
    """Nothing could be found out; the words, a line or lines, say what is wrong and how to fix it."""

    def __init__(self, words: Words) -> None:
        super().__init__("\n".join(lines(words)))
        self.words = words
