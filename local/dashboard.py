"""`make dashboard`: a picture of the dashboard with the metrics of a local run. A rendering of ours, not AWS's."""

import json
import random
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.console import Console

from local.build import ROOT
from local.errors import LocalError
from local.metrics import Datum, emitted
from local.stack import LocalStack, local_stack, step
from local.up import end_on_signals

PICTURE = ROOT / "docs/dashboard.png"
_SECONDS = 240
_PERIOD = 10
_CAPTION = (
    "The dashboard of the template, drawn by `make dashboard` (not by CloudWatch) from four minutes of a local run,"
    " in periods of 10 s; in minutes 1:20 to 2:00 feee.io is down. Of AWS's own metrics the emulator emits few."
)


@dataclass(frozen=True, slots=True)
class Line:
    """One metric of a widget: which data, which statistic, and how it is shown."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    stat: str
    label: str
    right: bool

    @classmethod
    def parse(cls, metric: list[Any], stat: str) -> "Line":
        """From CloudWatch's notation: namespace, name, dimensions' names and values, options."""
        options = metric[-1] if isinstance(metric[-1], dict) else {}
        pairs = [part for part in metric[2:] if isinstance(part, str)]
        return cls(
            metric[0],
            metric[1],
            tuple(sorted(zip(pairs[::2], pairs[1::2], strict=True))),
            options.get("stat", stat),
            options.get("label", metric[1]),
            options.get("yAxis") == "right",
        )

    def points(self, data: Iterable[Datum], start: float) -> tuple[list[float], list[float]]:
        """Minutes since the start, and the statistic of each period that has data."""
        periods: dict[int, list[float]] = {}
        for datum in data:
            if (datum.namespace, datum.name, datum.dimensions) == (self.namespace, self.name, self.dimensions):
                periods.setdefault(int((datum.at - start) // _PERIOD), []).append(datum.value)
        shown = sorted(period for period in periods if period >= 0)
        return [period * _PERIOD / 60 for period in shown], [statistic(self.stat, periods[n]) for n in shown]


def statistic(stat: str, values: list[float]) -> float:
    """CloudWatch's statistic of these values."""
    if stat.startswith("p"):
        return sorted(values)[min(len(values) - 1, int(len(values) * float(stat[1:]) / 100))]
    return {"Sum": sum(values), "Maximum": max(values), "SampleCount": float(len(values))}[stat]


def play(stack: LocalStack, seconds: float) -> None:
    """Requests of every kind, and a spell in which feee.io is down."""
    feee, chosen = stack.simulator.client, random.Random(7)
    feee.set_access(rate_limit=100)
    started = time.monotonic()
    while (passed := time.monotonic() - started) < seconds:
        order = feee.create_order(
            age=chosen.choice([400, 743, 743, 290, 300, 250]),
            status=chosen.choice([4, 4, 4, 4, 4, 4, 6]),
            refund=chosen.choice(["at_once", "at_once", "later"]),
            refund_after=8,
        )
        if seconds / 3 < passed < seconds / 2:
            feee.misbehave(chosen.choice(["http_error", "reset"]), order_no=order.order_no, times=2)
        elif chosen.random() < 0.1:  # noqa: PLR2004 - one in ten
            feee.misbehave("delay", order_no=order.order_no, seconds=0.3)
        stack.api.cancel(order.order_no)
        time.sleep(chosen.uniform(0.2, 1.6))


def of_the_emulator(stack: LocalStack, lines: Iterable[Line], start: float) -> Iterator[Datum]:
    """The data of AWS's own metrics, as far as the emulator has them: one for each period."""
    for line in lines:
        answer = stack.client("cloudwatch").get_metric_statistics(
            Namespace=line.namespace,
            MetricName=line.name,
            Dimensions=[{"Name": name, "Value": value} for name, value in line.dimensions],
            StartTime=datetime.fromtimestamp(start, UTC),
            EndTime=datetime.now(UTC) + timedelta(minutes=1),
            Period=_PERIOD,
            Statistics=["Sum", "Maximum"],
        )
        for point in answer["Datapoints"]:
            yield Datum(
                namespace=line.namespace,
                name=line.name,
                dimensions=line.dimensions,
                unit=point["Unit"],
                value=point["Sum" if line.stat == "Sum" else "Maximum"],
                at=point["Timestamp"].timestamp(),
            )


def draw(body: Mapping[str, Any], data: list[Datum], start: float, to: Path) -> None:
    """Draw the widgets where the dashboard has them, on its 24 columns."""
    mpl.rcParams.update({"font.size": 7, "axes.titlesize": 8, "axes.titleweight": "bold", "legend.fontsize": 6})
    rows = 1 + max(widget["y"] + widget["height"] for widget in body["widgets"])
    figure = Figure(figsize=(14, rows * 0.42), dpi=90, facecolor="white")
    for widget in body["widgets"]:
        left, bottom = widget["x"] / 24, 1 - (widget["y"] + widget["height"]) / rows
        if widget["type"] == "text":
            title = widget["properties"]["markdown"].lstrip("# ")
            figure.text(0.01, bottom + 0.008, title, fontsize=12, fontweight="bold", color="#333333")
            continue
        frame = (left + 0.025, bottom + 0.022, widget["width"] / 24 - 0.05, widget["height"] / rows - 0.055)
        _widget(figure.add_axes(frame), widget["properties"], data, start)
    figure.text(0.01, 0.003, _CAPTION, fontsize=6.5, color="#666666")
    figure.savefig(to, pil_kwargs={"optimize": True})


def _widget(axes: Axes, properties: Mapping[str, Any], data: list[Datum], start: float) -> None:
    axes.set_title(properties["title"], loc="left")
    axes.grid(visible=True, color="#eeeeee")
    axes.set_xlim(0, _SECONDS / 60)
    axes.spines[["top", "right"]].set_visible(False)
    lines = [Line.parse(metric, properties["stat"]) for metric in properties["metrics"]]
    right = axes.twinx() if any(line.right for line in lines) else axes
    shown = []
    for place, line in enumerate(lines):
        minutes, values = line.points(data, start)
        if minutes:
            on = right if line.right else axes
            shown += on.plot(minutes, values, label=line.label, color=f"C{place}", lw=1, marker=".", ms=3)
    if shown:
        axes.set_ylim(bottom=0)
        right.set_ylim(bottom=0)
        axes.legend(handles=shown, loc="upper left", frameon=False, ncols=1 + (len(shown) // 4 > 0))
    else:
        axes.text(0.5, 0.5, "no data", transform=axes.transAxes, ha="center", color="#999999")


def main() -> None:
    """Deploy, play, draw, clean up."""
    console = Console()
    end_on_signals()
    try:
        with local_stack(console) as stack:
            start = time.time()
            with step(console, f"Playing {_SECONDS // 60} minutes of cancellations"):
                play(stack, _SECONDS)
            with step(console, f"Drawing {PICTURE.relative_to(ROOT)}"):
                cloudwatch = stack.client("cloudwatch")
                name = cloudwatch.list_dashboards()["DashboardEntries"][0]["DashboardName"]
                body = json.loads(cloudwatch.get_dashboard(DashboardName=name)["DashboardBody"])
                draw(body, [*emitted(stack), *of_the_emulator(stack, _of_aws(body), start)], start, PICTURE)
    except LocalError as error:
        sys.exit(f"\n{error}")
    except KeyboardInterrupt:
        sys.exit("\nInterrupted; everything was stopped.")


def _of_aws(body: Mapping[str, Any]) -> list[Line]:
    widgets = [widget["properties"] for widget in body["widgets"] if widget["type"] == "metric"]
    lines = [Line.parse(metric, widget["stat"]) for widget in widgets for metric in widget["metrics"]]
    return [line for line in lines if line.namespace.startswith("AWS/")]


if __name__ == "__main__":
    main()
