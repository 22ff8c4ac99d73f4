"""Progress on stderr: a bar at a terminal, a line every few seconds in a pipe."""

import time
from collections.abc import Callable
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cli.screen import show
from cli.text import visible

_EVERY_SECONDS = 5.0


class Bar:
    """`total` is None if nobody knows it."""

    def __init__(
        self, what: str, total: int | None, *, console: Console, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._what, self._total, self._console, self._now = what, total, console, now
        self._said_at, self._said = now(), ""
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, TextColumn("{task.fields[note]}", markup=False), console=console, transient=True)
        self._task = self._bar.add_task(what, total=total, note="")

    def at(self, done: int, note: str = "") -> None:
        """Show that `done` are done."""
        if self._console.is_terminal:
            self._bar.update(self._task, completed=done, note=visible(note))
        elif self._now() - self._said_at >= _EVERY_SECONDS or done == self._total:
            self._say(done, note)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._bar.stop()

    def _say(self, done: int, note: str) -> None:
        of = f" of {self._total:,}" if self._total is not None else ""
        text = f"{self._what}: {done:,}{of}{f', {note}' if note else ''}"
        if text != self._said:
            show(self._console, text)
        self._said, self._said_at = text, self._now()
