"""Alarms watch metrics that exist, and can reach somebody."""

from collections.abc import Iterator, Mapping
from typing import Any

from cli.doctor.deployment import Deployment
from cli.doctor.finding import Finding, ok, warning, wrong

ALWAYS = {"OldestOverdue": "each tick emits it", "5XXError": "API Gateway emits it with each request, 0 too"}
"""Metrics that are emitted even without trouble, with why."""
NAMES = {
    *("announcements-late", "api-server-errors", "attempt-crashed", "cancellation-failed", "drain-late"),
    *("drain-not-running", "failed-events", "malformed-event", "misconfigured", "refund-missing"),
    *("unannounced-records", "undelivered-events", "undelivered-ticks"),
}
"""The template's alarms, each after the stack's name and a hyphen."""
_NAME = "alarms have their metrics"
_Metric = tuple[str, str, frozenset[tuple[str, str]]]
"""Namespace, name and dimensions."""


def alarms_have_their_metrics(there: Deployment) -> Iterator[Finding]:
    """Each alarm's metric, with just its dimensions, is one that CloudWatch knows.

    A metric is known once something emitted it, some minutes later, and for two weeks (ListMetrics).
    """
    cloudwatch = there.client("cloudwatch")
    asked = sorted({_of(alarm) for alarm in _alarms(cloudwatch, there.name)}, key=str)
    unknown = [metric for metric in asked if metric not in _known(cloudwatch, metric)]
    yield from (_missing(metric) for metric in unknown if metric[1] in ALWAYS)
    later = sorted({metric[1] for metric in unknown} - ALWAYS.keys())
    waiting = f"; nothing emitted yet: {', '.join(later)}" if later else ""
    yield ok(_NAME, f"{len(asked) - len(unknown)} of {len(asked)} are there{waiting}")


def alarms_are_on(there: Deployment) -> Iterator[Finding]:
    """No alarm was switched off, and none is in alarm."""
    name, found = "alarms are on", [*_alarms(there.client("cloudwatch"), there.name)]
    off = [alarm["AlarmName"] for alarm in found if not alarm["ActionsEnabled"]]
    to_nobody = [alarm["AlarmName"] for alarm in found if not alarm["AlarmActions"]]
    ringing = [alarm["AlarmName"] for alarm in found if alarm["StateValue"] == "ALARM"]
    if off:
        command = there.where.aws("cloudwatch", "enable-alarm-actions", "--alarm-names", *off)
        yield warning(name, f"these are switched off: {', '.join(off)}", "Switch them on.", command)
    if to_nobody:
        again = "Give each the stack's topic (its output AlarmTopicArn) as its action again, in CloudWatch's console."
        yield warning(name, f"these notify nobody: {', '.join(to_nobody)}", again)
    if ringing:
        yield wrong(name, f"in alarm: {', '.join(ringing)}", "See docs/runbook.md: each has its section.")
    if not (off or to_nobody or ringing):
        yield ok(name, f"{len(found)} alarms, none of them in alarm")


def _missing(metric: _Metric) -> Finding:
    dimensions = ", ".join(f"{name}={value}" for name, value in sorted(metric[2]))
    return warning(
        _NAME,
        f"there is no {metric[1]} of {dimensions}, although {ALWAYS[metric[1]]}",
        "If the stack is new, run the doctor again in a quarter of an hour. If it is still so, its alarm can't ring: "
        "report it.",
    )


def _alarms(cloudwatch: Any, stack: str) -> Iterator[Mapping[str, Any]]:
    """The stack's own. The prefix also fits the alarms of a stack whose longer name begins with this one's."""
    for page in cloudwatch.get_paginator("describe_alarms").paginate(AlarmNamePrefix=f"{stack}-"):
        yield from (one for one in page["MetricAlarms"] if one["AlarmName"].removeprefix(f"{stack}-") in NAMES)


def _known(cloudwatch: Any, metric: _Metric) -> Iterator[_Metric]:
    """The metrics that CloudWatch has with this name and these dimensions, perhaps with others besides."""
    namespace, name, dimensions = metric
    wanted = [{"Name": dimension, "Value": value} for dimension, value in sorted(dimensions)]
    pages = cloudwatch.get_paginator("list_metrics").paginate(Namespace=namespace, MetricName=name, Dimensions=wanted)
    for page in pages:
        yield from map(_of, page["Metrics"])


def _of(described: Mapping[str, Any]) -> _Metric:
    dimensions = frozenset((one["Name"], one["Value"]) for one in described["Dimensions"])
    return described["Namespace"], described["MetricName"], dimensions
