"""`make dashboard`: a picture of the dashboard with the metrics of a local run. A rendering of ours, not AWS's.

The statistics are those of the emulator's CloudWatch, which is given what the functions emitted.
"""

import json
import random
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.console import Console

from feee_cancel.adapters.telemetry import NAMESPACE
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


def query(place: int, metric: Sequence[Any], stat: str) -> dict[str, Any]:
    """A metric of a widget (namespace, name, dimensions in pairs, options) as GetMetricData asks for it."""
    namespace, name, *pairs = [part for part in metric if isinstance(part, str)]
    dimensions = [{"Name": key, "Value": value} for key, value in zip(pairs[::2], pairs[1::2], strict=True)]
    found = {"Namespace": namespace, "MetricName": name, "Dimensions": dimensions}
    shown = options(metric)
    return {
        "Id": f"m{place}",
        "Label": shown.get("label", name),
        "MetricStat": {"Metric": found, "Period": _PERIOD, "Stat": shown.get("stat", stat)},
    }


def options(metric: Sequence[Any]) -> Mapping[str, Any]:
    """How a metric is shown, where that isn't as its widget says."""
    return metric[-1] if isinstance(metric[-1], dict) else {}


def recorded(datum: Datum) -> dict[str, Any]:
    """A value as PutMetricData takes it."""
    return {
        "MetricName": datum.name,
        "Dimensions": [{"Name": name, "Value": value} for name, value in datum.dimensions],
        "Timestamp": datetime.fromtimestamp(datum.at, UTC),
        "Value": datum.value,
        "Unit": datum.unit,
    }


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


def draw(body: Mapping[str, Any], read: Callable[[list[dict[str, Any]]], list[Any]], start: float) -> Figure:
    """Draw the widgets where the dashboard has them, on its 24 columns; `read` answers as GetMetricData does."""
    mpl.rcParams.update({"font.size": 7, "axes.titlesize": 8, "axes.titleweight": "bold", "legend.fontsize": 6})
    rows = 1 + max(widget["y"] + widget["height"] for widget in body["widgets"])
    figure = Figure(figsize=(14, rows * 0.42), dpi=90, facecolor="white")
    for widget in body["widgets"]:
        left, bottom = widget["x"] / 24, 1 - (widget["y"] + widget["height"]) / rows
        properties = widget["properties"]
        if widget["type"] == "text":
            title = properties["markdown"].lstrip("# ")
            figure.text(0.01, bottom + 0.008, title, fontsize=12, fontweight="bold", color="#333333")
            continue
        frame = (left + 0.025, bottom + 0.022, widget["width"] / 24 - 0.05, widget["height"] / rows - 0.055)
        results = read([query(place, metric, properties["stat"]) for place, metric in enumerate(properties["metrics"])])
        _plot(figure.add_axes(frame), properties, results, start)
    figure.text(0.01, 0.003, _CAPTION, fontsize=6.5, color="#666666")
    return figure


def _plot(axes: Axes, widget: Mapping[str, Any], results: Sequence[Any], start: float) -> None:
    axes.set_title(widget["title"], loc="left")
    axes.grid(visible=True, color="#eeeeee")
    axes.set_xlim(0, _SECONDS / 60)
    axes.spines[["top", "right"]].set_visible(False)
    on_the_right = [options(metric).get("yAxis") == "right" for metric in widget["metrics"]]
    right = axes.twinx() if any(on_the_right) else axes
    shown = []
    for place, result in enumerate(results):
        if result["Values"]:
            on = right if on_the_right[place] else axes
            minutes = [(at.timestamp() - start) / 60 for at in result["Timestamps"]]
            style = {"label": result["Label"], "color": f"C{place}", "lw": 1, "marker": ".", "ms": 3}
            shown += on.plot(minutes, result["Values"], **style)
    if shown:
        axes.set_ylim(bottom=0)
        right.set_ylim(bottom=0)
        axes.legend(handles=shown, loc="upper left", frameon=False, ncols=1 + (len(shown) // 4 > 0))
    else:
        axes.text(0.5, 0.5, "no data", transform=axes.transAxes, ha="center", color="#999999")


def picture(stack: LocalStack, start: float) -> Figure:
    """The deployed stack's dashboard, with what happened since the start, a reading of unix seconds."""
    cloudwatch = stack.client("cloudwatch")
    cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=[recorded(datum) for datum in emitted(stack)])
    (listed,) = cloudwatch.list_dashboards()["DashboardEntries"]
    body = json.loads(cloudwatch.get_dashboard(DashboardName=listed["DashboardName"])["DashboardBody"])
    span = {"StartTime": datetime.fromtimestamp(start, UTC), "EndTime": datetime.now(UTC)}

    def _read(queries: list[dict[str, Any]]) -> list[Any]:
        return list(cloudwatch.get_metric_data(MetricDataQueries=queries, **span)["MetricDataResults"])

    return draw(body, _read, start)


def main() -> None:
    """Deploy, play, draw, clean up."""
    console = Console()
    end_on_signals()
    try:
        with local_stack(console) as stack:
            start = time.time() // _PERIOD * _PERIOD
            with step(console, f"Playing {_SECONDS // 60} minutes of cancellations"):
                play(stack, _SECONDS)
            with step(console, f"Drawing {PICTURE.relative_to(ROOT)}"):
                picture(stack, start).savefig(PICTURE, pil_kwargs={"optimize": True})
    except LocalError as error:
        sys.exit(f"\n{error}")
    except KeyboardInterrupt:
        sys.exit("\nInterrupted; everything was stopped.")


if __name__ == "__main__":
    main()
