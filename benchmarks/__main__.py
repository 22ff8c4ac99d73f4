"""`make bench`: the figures of docs/performance.md, each against a floor measured in the same run.

A row that misses its bar doesn't fail the run: the verdict says it.
"""

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, is_dataclass
from typing import Any

from rich.console import Console

from benchmarks import bill, deployed
from benchmarks.backlog import backlog
from benchmarks.growth import api_units, growth, idle_read_units
from benchmarks.killed import killed
from benchmarks.lossy import lossy
from benchmarks.runtime import runtime
from benchmarks.starts import cold_starts, first_invocations
from benchmarks.starvation import scenarios, starvation
from benchmarks.table import Row, released, shown
from benchmarks.warm import warm_calls
from local.stack import local_stack, step
from local.task import task

PARTS = ("starts", "warm", "starvation", "killed", "backlog", "stack")


def measure(parts: Sequence[str], console: Console) -> Iterator[Row]:
    """The rows of these parts, and the bill where they give what it needs."""
    seconds = None
    with runtime() as run_in:
        console.print(f"Functions run with {run_in.name}.", highlight=False)
        if "starts" in parts:
            with step(console, "Cold starts"):
                yield from cold_starts(run_in)
                yield first_invocations(run_in)
        if "warm" in parts:
            with step(console, "Warm cancels"):
                for row in warm_calls(run_in):
                    seconds = row.figures["p50"] if "100 ms, p50" in row.figure else seconds
                    yield row
    if "starvation" in parts:
        with step(console, "Starvation"):
            yield from starvation(scenarios())
    if "killed" in parts:
        with step(console, "Killed drains"):
            yield from killed()
    if "backlog" in parts:
        with step(console, "Backlog"):
            yield from backlog()
    if "stack" in parts:
        yield from _on_a_stack(console, seconds)


def _on_a_stack(console: Console, seconds: float | None) -> Iterator[Row]:
    with local_stack(console, DrainPace=str(deployed.PACE)) as stack:
        with step(console, "Eligibility to settled"):
            yield deployed.deferred(stack)
        with step(console, "The drain's pace"):
            yield deployed.pace(stack)
        with step(console, "Lost answers"):
            yield lossy(stack)
        with step(console, "Growth"):
            yield from growth(stack)
        if seconds is not None:
            writes, reads = api_units(stack)
            yield bill.row("The bill: a million cancels", bill.million(seconds, writes, reads))
        yield bill.row("The bill: their rows, each month", bill.kept(bill.MILLION))
        yield bill.row("The bill: with Tracing, besides", {"traces": bill.traces(bill.MILLION)})
        yield bill.row("The bill: an idle month", bill.idle_month(idle_read_units(stack)))


def main() -> None:
    """Measure and tell."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--json", action="store_true", help="figures as JSON on stdout")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="parts of it")
    arguments = parser.parse_args()
    console = Console(stderr=arguments.json)
    started = time.monotonic()
    with task():
        rows = list(measure(arguments.only, console))
    if arguments.json:
        before = released()
        told = [{**asdict(row), "last_release": before.get(row.figure)} for row in rows]
        print(json.dumps(told, default=_plain, indent=2))
    else:
        console.print(shown(rows, released()))
    console.print(f"{time.monotonic() - started:.0f} s. Ratios are to benchmarks/floor. Prices: {bill.PRICES_OF}.")


def _plain(value: Any) -> Any:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else str(value)


if __name__ == "__main__":
    main()
