"""The fleet on the screen: a live table at a terminal, a line for each change in a pipe."""

from collections.abc import Mapping
from typing import Any, Self

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cli import words
from cli.fleet import Fleet, concern, tally
from cli.screen import COLOURS, show
from cli.text import fitted, visible

Row = Mapping[str, Any]

_HEAD = 8
"""Lines of the screen that aren't rows."""


class Board:
    """A `Board` on a console. Used as a context: a terminal shows its table while it lasts."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._said = ""

    def show(self, fleet: Fleet, now: float, note: str = "") -> None:
        """Show how it stands."""
        if self._console.is_terminal:
            rows = max(1, self._console.height - _HEAD)
            self._live.update(_picture(fleet, now, note, rows=rows, width=self._console.width), refresh=True)
            return
        self._say(f"{tally(fleet)}{_left(fleet, now)}{f'. {note}' if note else ''}")

    def reading(self, fleet: Fleet, now: float) -> None:
        """Another page of a long list was read."""
        if self._console.is_terminal:
            self.show(fleet, now, "Reading the list ...")

    def settled(self, row: Row, now: float) -> None:
        """One of them became final."""
        if not self._console.is_terminal:
            self._say(words.headline(row, now=now))

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def _say(self, text: str) -> None:
        if text != self._said:
            show(self._console, text)
        self._said = text


def _picture(fleet: Fleet, now: float, note: str, *, rows: int, width: int) -> Group:
    table = Table(box=SIMPLE_HEAD)
    for heading in ("order", "state", "why", "next step", "tries", "refund (TRX)"):
        table.add_column(heading, no_wrap=True, overflow="ellipsis")
    ordered = fleet.by_attention(now)
    for row in ordered[:rows]:
        urgent = "bold red" if concern(row, now) else ""
        cells = (
            words.why(row),
            words.next_step(row, now=now),
            str(row.get("attempt", "")),
            str(row.get("refund_amount") or ""),
        )
        state = Text(visible(row["state"]), style=COLOURS.get(row["state"], ""))
        table.add_row(Text(visible(row["order_no"])), state, *(Text(visible(cell), style=urgent) for cell in cells))
    more = f"and {len(ordered) - rows:,} more" if len(ordered) > rows else ""
    said = [text for text in (f"{tally(fleet)}{_left(fleet, now)}", note) if text]
    lines = [Text(part) for text in said for part in fitted(text, width)]
    return Group(
        table, Text(more, style="dim"), *lines, Text("Ctrl-C stops watching; the cancellations go on.", style="dim")
    )


def _left(fleet: Fleet, now: float) -> str:
    seconds = fleet.left_seconds(now)
    if seconds is None or not fleet.open:
        return ""
    return f"; about {words.until(now + seconds + 1, now=now).removeprefix('in ')} left"
