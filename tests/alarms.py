"""What CloudWatch would make of an alarm: its statistic, periods, threshold and missing data, over data points.

Only as far as the template's alarms go: one metric, every period must breach.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from local.metrics import Datum
from tests.template import resources

_STATISTICS: Mapping[str, Callable[[list[float]], float]] = {
    "Sum": sum,
    "Maximum": max,
    "SampleCount": len,
}
_BREACHES: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
}


def alarms() -> dict[str, Mapping[str, Any]]:
    """The template's alarms, by their logical ids."""
    return resources("AWS::CloudWatch::Alarm")


def fires(alarm: Mapping[str, Any], data: Iterable[Datum], *, now: float, before: bool = False) -> bool:
    """Whether the alarm is in ALARM `now`, when it was `before` and these are all the data of its metric.

    The values of its dimensions are the template's; the data are those of one stack, so their names are compared.
    """
    names = {dimension["Name"] for dimension in alarm["Dimensions"]}
    values = [
        datum
        for datum in data
        if (datum.namespace, datum.name) == (alarm["Namespace"], alarm["MetricName"])
        and {name for name, _ in datum.dimensions} == names
    ]
    periods = [_breaches(alarm, values, now - alarm["Period"] * n) for n in range(alarm["EvaluationPeriods"])]
    if all(breaching is None for breaching in periods):
        return {"breaching": True, "notBreaching": False, "ignore": before}[alarm["TreatMissingData"]]
    missing = alarm["TreatMissingData"] == "breaching"
    return all(missing if breaching is None else breaching for breaching in periods)


def _breaches(alarm: Mapping[str, Any], data: list[Datum], end: float) -> bool | None:
    """Whether the period that ends then breaches; None if it has no data."""
    values = [datum.value for datum in data if end - alarm["Period"] < datum.at <= end]
    if not values:
        return None
    return _BREACHES[alarm["ComparisonOperator"]](_STATISTICS[alarm["Statistic"]](values), alarm["Threshold"])
