"""The one way onto the screen: whatever a command says goes through here, and so does progress."""

import os
import re
import sys
import time
from pathlib import Path
from typing import TextIO, cast

from rich.console import Console
from rich.text import Text

from cli.text import TableRow, Words, cut, fitted, lines, visible

COLOURS = {
    "cancelled": "green",
    "refunding": "blue",
    "cancelling": "cyan",
    "waiting": "yellow",
    "withdrawn": "dim",
    "rejected": "red",
    "failed": "bold red",
}
"""The colour of each state."""


def tolerate_any_text() -> None:
    """What the output's encoding lacks is shown as Python's escape; what the input's lacks counts as mistyped.

    A stream that the caller closed is an empty one.
    """
    sys.stdin, sys.stdout, sys.stderr = _open(sys.stdin, "r"), _open(sys.stdout, "w"), _open(sys.stderr, "w")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    if hasattr(sys.stdin, "reconfigure"):
        sys.stdin.reconfigure(errors="replace")


def say(words: Words, file: TextIO | None = None) -> None:
    """Print the words, to stdout or elsewhere. At a terminal a long line is continued indented."""
    file = file or sys.stdout
    width, console = _width(file), _Console(file=file, highlight=False, soft_wrap=True)
    colours = console.is_terminal and not console.no_color
    for line in [words] if isinstance(words, str) else words:
        for part in fitted(line, width):
            if colours and isinstance(line, TableRow):
                console.print(_painted(part, line.state))
            else:
                file.write(f"{part}\n")
    file.flush()


def show(console: Console, words: Words) -> None:
    """Print the words on rich's console as `say` does, without rich making colours or emoji of them (`:secret:`)."""
    for line in [words] if isinstance(words, str) else words:
        for part in fitted(line, console.width if console.is_terminal else 0):
            console.print(Text(part), soft_wrap=True)


def waited_for(text: str, width: int) -> Text:
    """What is waited for, beside a spinner on one line."""
    return Text(cut(visible(text or "..."), width - 2))


def agrees(question: Words) -> bool:
    """Whether whoever sits at the terminal says yes. Only for a terminal."""
    *before, last = lines(question)
    say(before)
    sys.stdout.write(f"{last} [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _painted(part: str, state: str) -> Text:
    """A part of a row; the first one begins with the order number and the state."""
    before, text = re.match(r"(\S+ +)?", part), Text(part)
    if before and before[0]:
        text.stylize(COLOURS.get(state, ""), before.end(), before.end() + len(state))
    return text


def to_nowhere(stream: TextIO) -> None:
    """Send it nowhere: what is still in its buffer mustn't fail at the end of the program."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


class _Console(Console):
    """If nobody reads any more, rich ends the program with status 1, which here means "no"."""

    def on_broken_pipe(self) -> None:
        """Progress is left out from now on, and the work goes on; output that was asked for raises BrokenPipeError."""
        self.quiet = True
        if not self.stderr:
            raise BrokenPipeError
        to_nowhere(sys.stderr)


class Terminal:
    """Progress for people: each change is a line; at a terminal, what is waited for is shown too."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._console = Console(quiet=quiet, highlight=False, markup=False, soft_wrap=True)
        self.table = _Console(quiet=quiet)
        self.errors = _Console(stderr=True, quiet=quiet)

    def line(self, text: str) -> None:
        """Print it."""
        if not self._quiet:
            say(text)

    def rest(self, seconds: float, text: str) -> None:
        """Sleep; `text` stays on the last line meanwhile."""
        spinner = "dots" if self._console.encoding.startswith("utf") else "line"
        with self._console.status(waited_for(text, self._console.width), spinner=spinner):
            time.sleep(seconds)


def _open(stream: TextIO | None, mode: str) -> TextIO:
    """Python has None for a stream that is closed at the start."""
    return cast("TextIO", Path(os.devnull).open(mode)) if stream is None else stream


def _width(file: TextIO) -> int:
    """The terminal's columns; 0 if it isn't a terminal or has none."""
    try:
        return os.get_terminal_size(file.fileno()).columns
    except (OSError, ValueError):
        return 0
