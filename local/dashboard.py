"""`make dashboard`: a picture of the dashboard with the metrics of a local run. A rendering of ours, not AWS's.

The statistics are those of the emulator's CloudWatch, which is given what the functions emitted.
"""

import json
import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from rich.console import Console

from feee_cancel.adapters.telemetry import NAMESPACE
from local.build import ROOT
from local.metrics import Datum, emitted
from local.stack import LocalStack, local_stack, step
from local.task import task

PICTURE = ROOT / "docs/dashboard.png"
_SECONDS = 240
_PERIOD = 20
_GAP_SECONDS = 65
"""Each tick reports the backlog, once a minute; a longer silence is a gap."""
_INK, _FAINT = "#2b2b33", "#77777f"
_COLOURS = ("#2563eb", "#16a34a", "#ea580c", "#9333ea", "#0891b2", "#dc2626")
_CAPTION = (
    "Drawn by `make dashboard`, not by CloudWatch, from four minutes of a local run in periods of 20 s; from 1:20 to"
    " 2:00 feee.io is down. The panels of AWS's own metrics (functions, API, table, queues) are left out: the emulator"
    " has few of them."
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
    """How a metric is shown, if that isn't as its widget says."""
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


def ours(widgets: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The panels whose every metric is the service's own, with the headings that have some; moved up, in their order.

    The emulator emits few of AWS's own metrics: a panel of them would show what isn't so.
    """
    kept: list[Mapping[str, Any]] = []
    heading, y = None, 0
    for widget in sorted(widgets, key=lambda widget: (widget["y"], widget["x"])):
        if widget["type"] == "text":
            heading = widget
        elif all(metric[0] == NAMESPACE for metric in widget["properties"]["metrics"]):
            if heading:
                y = max((above["y"] + above["height"] for above in kept), default=0)
                kept.append({**heading, "y": y})
                heading = None
            kept.append({**widget, "y": y + 1})
    return kept


def draw(
    widgets: Sequence[Mapping[str, Any]], read: Callable[[list[dict[str, Any]]], list[Any]], start: float
) -> Figure:
    """Draw the widgets where the dashboard has them, on its 24 columns; `read` answers as GetMetricData does."""
    mpl.rcParams.update(
        {
            "font.size": 8,
            "font.family": "DejaVu Sans",
            "legend.fontsize": 7.5,
            "legend.columnspacing": 1.2,
            "legend.handlelength": 1.2,
        }
    )
    rows = max(widget["y"] + widget["height"] for widget in widgets) + 0.6
    figure = Figure(figsize=(14, rows * 0.5), dpi=100, facecolor="white")
    for widget in widgets:
        left, bottom = widget["x"] / 24, 1 - (widget["y"] + widget["height"]) / rows
        properties = widget["properties"]
        if widget["type"] == "text":
            title = properties["markdown"].lstrip("# ")
            figure.text(0.012, bottom + 0.008, title, fontsize=13, fontweight="bold", color=_INK)
            continue
        frame = (left + 0.03, bottom + 0.42 / rows, widget["width"] / 24 - 0.045, (widget["height"] - 1.7) / rows)
        results = read([query(place, metric, properties["stat"]) for place, metric in enumerate(properties["metrics"])])
        _plot(figure.add_axes(frame), properties, results, start)
    figure.text(0.012, 0.012, _CAPTION, fontsize=7, color=_FAINT)
    return figure


def _plot(axes: Axes, widget: Mapping[str, Any], results: Sequence[Any], start: float) -> None:
    axes.set_title(widget["title"], loc="left", fontsize=8.5, fontweight="bold", color=_INK, pad=20)
    axes.grid(visible=True, axis="y", color="#e8e8ec", lw=0.8)
    axes.set_xlim(0, _SECONDS / 60)
    last = _SECONDS // 60
    axes.set_xticks(range(last + 1), [*map(str, range(last)), f"{last} min"])
    on_the_right = [options(metric).get("yAxis") == "right" for metric in widget["metrics"]]
    right = axes.twinx() if any(on_the_right) else axes
    shown = []
    for place, result in enumerate(results):
        if result["Values"]:
            on = right if on_the_right[place] else axes
            minutes, values = with_gaps(result["Timestamps"], result["Values"], start)
            style = {"label": result["Label"], "color": _COLOURS[place % len(_COLOURS)], "lw": 1.6}
            shown += on.plot(minutes, values, **style, marker=".", ms=4, solid_capstyle="round")
    for one in (axes, right):
        one.spines[["top", "left", "right"]].set_visible(False)
        one.spines["bottom"].set_color("#c9c9d1")
        one.tick_params(length=0, colors=_FAINT)
    if shown:
        for one in (axes, right):
            one.set_ylim(bottom=0, top=max(one.get_ylim()[1], 1))
            one.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        columns = len(shown)
        beside = axes.legend(handles=shown, loc="lower left", bbox_to_anchor=(-0.02, 0.985), ncols=columns)
        beside.set_frame_on(False)
    else:
        axes.text(0.5, 0.5, "no data", transform=axes.transAxes, ha="center", color=_FAINT)


def with_gaps(times: Sequence[datetime], values: Sequence[float], start: float) -> tuple[list[float], list[float]]:
    """Minutes since the start, and values; a period without a value is a gap, not a line."""
    points = sorted((at.timestamp() - start, value) for at, value in zip(times, values, strict=True))
    points = [(seconds, value) for seconds, value in points if seconds < _SECONDS]  # the last period has just begun
    minutes, drawn, before = list[float](), list[float](), math.inf
    for seconds, value in points:
        if seconds - before > _GAP_SECONDS:
            minutes.append((seconds + before) / 120)
            drawn.append(math.nan)
        minutes.append(seconds / 60)
        drawn.append(value)
        before = seconds
    return minutes, drawn


def picture(stack: LocalStack, start: float) -> Figure:
    """The deployed stack's dashboard, with what happened since `start`, in unix seconds."""
    cloudwatch = stack.client("cloudwatch")
    cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=[recorded(datum) for datum in emitted(stack)])
    (listed,) = cloudwatch.list_dashboards()["DashboardEntries"]
    body = json.loads(cloudwatch.get_dashboard(DashboardName=listed["DashboardName"])["DashboardBody"])
    span = {"StartTime": datetime.fromtimestamp(start, UTC), "EndTime": datetime.now(UTC)}

    def _read(queries: list[dict[str, Any]]) -> list[Any]:
        return list(cloudwatch.get_metric_data(MetricDataQueries=queries, **span)["MetricDataResults"])

    return draw(ours(body["widgets"]), _read, start)


def main() -> None:
    """Deploy, play, draw, clean up."""
    console = Console()
    with task(), local_stack(console) as stack:
        start = time.time() // _PERIOD * _PERIOD
        with step(console, f"Playing {_SECONDS // 60} minutes of cancellations"):
            play(stack, _SECONDS)
        with step(console, f"Drawing {PICTURE.relative_to(ROOT)}"):
            picture(stack, start).savefig(PICTURE, pil_kwargs={"optimize": True})


if __name__ == "__main__":
    main()
