"""The picture of the dashboard: what is asked of CloudWatch, and that each answer is drawn where it belongs."""

from datetime import UTC, datetime
from typing import Any

from local.dashboard import draw, ours, query, recorded, with_gaps
from local.metrics import Datum
from tests.builders import NOW

START = float(NOW)


def test_a_metric_is_asked_for_as_its_widget_shows_it() -> None:
    metric = ["FeeeCancel", "FeeeLatency", "service", "feee-cancel", {"stat": "p95", "label": "slow"}]
    asked = query(3, metric, "Sum")
    assert (asked["Id"], asked["Label"], asked["MetricStat"]["Stat"]) == ("m3", "slow", "p95")
    assert asked["MetricStat"]["Metric"] == {
        "Namespace": "FeeeCancel",
        "MetricName": "FeeeLatency",
        "Dimensions": [{"Name": "service", "Value": "feee-cancel"}],
    }


def test_without_options_a_metric_has_its_name_and_the_widgets_statistic() -> None:
    asked = query(0, ["AWS/ApiGateway", "Count", "ApiName", "feee-cancel", "Stage", "v1"], "Sum")
    assert (asked["Label"], asked["MetricStat"]["Stat"]) == ("Count", "Sum")
    assert [dimension["Value"] for dimension in asked["MetricStat"]["Metric"]["Dimensions"]] == ["feee-cancel", "v1"]


def test_what_was_emitted_is_recorded_with_its_time() -> None:
    where = (("service", "x"),)
    datum = Datum(namespace="FeeeCancel", name="OldestOverdue", unit="Seconds", dimensions=where, value=7, at=START)
    assert recorded(datum) == {
        "MetricName": "OldestOverdue",
        "Dimensions": [{"Name": "service", "Value": "x"}],
        "Timestamp": datetime.fromtimestamp(NOW, UTC),
        "Value": 7,
        "Unit": "Seconds",
    }


def widget(x: int, *metrics: list[Any]) -> dict[str, Any]:
    properties = {"title": f"at {x}", "stat": "Sum", "metrics": [*metrics]}
    return {"type": "metric", "x": x, "y": 1, "width": 12, "height": 6, "properties": properties}


TEXT = {"type": "text", "x": 0, "y": 0, "width": 24, "height": 1, "properties": {"markdown": "## feee.io"}}
VALUES = {"calls": [3.0, 5.0], "overdue": [400.0, 0.0], "nothing": [], "few": [1.0, 2.0]}


def answers(queries: list[dict[str, Any]]) -> list[Any]:
    """Values half a minute and a minute after the start, as GetMetricData gives them."""
    times = [datetime.fromtimestamp(START + seconds, UTC) for seconds in (30, 60)]
    labels = [asked["Label"] for asked in queries]
    return [{"Label": label, "Values": VALUES[label], "Timestamps": times[: len(VALUES[label])]} for label in labels]


def drawn(*widgets: dict[str, Any]) -> Any:
    return draw(widgets, answers, START)


def test_every_line_is_drawn_in_its_widget_and_on_its_axis() -> None:
    late = ["FeeeCancel", "overdue", {"yAxis": "right"}]
    figure = drawn(TEXT, widget(0, ["FeeeCancel", "calls"], late), widget(12, ["FeeeCancel", "calls"]))
    left, right, other = figure.axes
    assert (figure.texts[0].get_text(), left.get_title(loc="left")) == ("feee.io", "at 0")
    assert left.lines[0].get_xydata().tolist() == [[0.5, 3.0], [1.0, 5.0]], "minutes and values"
    assert right.lines[0].get_xydata().tolist() == [[0.5, 400.0], [1.0, 0.0]]
    assert [text.get_text() for text in left.get_legend().get_texts()] == ["calls", "overdue"]
    assert other.get_position().x0 > 0.5 > left.get_position().x1


def test_half_a_call_is_none() -> None:
    (axes,) = drawn(widget(0, ["FeeeCancel", "few"])).axes
    assert [tick for tick in axes.get_yticks() if tick != int(tick)] == []


def test_a_widget_without_data_says_so() -> None:
    (axes,) = drawn(widget(0, ["AWS/SQS", "nothing"])).axes
    assert [text.get_text() for text in axes.texts] == ["no data"]


def test_a_panel_of_awss_own_metrics_is_left_out_and_what_is_below_moves_up() -> None:
    heading = {"type": "text", "x": 0, "y": 7, "width": 24, "height": 1, "properties": {"markdown": "## Functions"}}
    below = {**widget(0, ["FeeeCancel", "calls"]), "y": 16}
    last = {**TEXT, "y": 15}
    aws = {**widget(0, ["AWS/Lambda", "Errors"]), "y": 8}
    shown = ours([TEXT, widget(0, ["FeeeCancel", "calls"]), widget(12, ["AWS/SQS", "x"]), heading, aws, last, below])
    assert [(one["type"], one["y"]) for one in shown] == [("text", 0), ("metric", 1), ("text", 7), ("metric", 8)]


def test_a_period_without_a_value_is_a_gap_and_no_line() -> None:
    at = [datetime.fromtimestamp(START + seconds, UTC) for seconds in (180, 0, 60, 240)]
    minutes, values = with_gaps(at, [3.0, 1.0, 2.0, 9.0], START)
    assert minutes == [0.0, 1.0, 2.0, 3.0]
    assert [str(value) for value in values] == ["1.0", "2.0", "nan", "3.0"]
