"""A benchmark's rows: what was measured, what it should be, and whether it is."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

_RELEASED = Path(__file__).with_name("released.json")


@dataclass(frozen=True, slots=True)
class Row:
    """`measured` is for people, `figures` for programs; `met` is None if there is no bar."""

    figure: str
    measured: str
    bar: str = ""
    met: bool | None = None
    figures: dict[str, Any] = field(default_factory=dict)


def at_most(figure: str, ratio: float, bar: float, detail: str, **figures: Any) -> Row:
    """A ratio that should be at most so much."""
    return Row(figure, f"{ratio:.2f}   {detail}", f"≤ {bar:.2f}", ratio <= bar, {"ratio": ratio, "bar": bar, **figures})


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that so many percent of them don't exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * percent / 100))]


def ratio(ours: Sequence[float], floors: Sequence[float]) -> float:
    """The ratio of the medians."""
    return median(ours) / median(floors)


def released() -> dict[str, str]:
    """What each figure was in the last release, by its name. Renewed from `make bench-json` when one is made."""
    before: dict[str, str] = json.loads(_RELEASED.read_text())
    return before


def shown(rows: Sequence[Row], before: Mapping[str, str]) -> Table:
    """The rows with a verdict each, and what they were before."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for heading in ("Figure", "Measured", "Bar", "Verdict", "Last release"):
        table.add_column(heading)
    for row in rows:
        verdict = {True: "[green]met[/]", False: "[red]missed[/]", None: ""}[row.met]
        table.add_row(row.figure, row.measured, row.bar, verdict, before.get(row.figure, ""))
    return table
