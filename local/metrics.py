"""The metrics of a local run: what CloudWatch would read out of the functions' logs (embedded metric format)."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.stack import LocalStack

LOG_GROUPS = ("ApiFunctionLogGroup", "WebhookFunctionLogGroup", "ScheduleFunctionLogGroup", "NotifyFunctionLogGroup")


@dataclass(frozen=True, slots=True, kw_only=True)
class Datum:
    """One value of a metric; `at` is in unix seconds."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    unit: str
    value: float
    at: float


def emitted(stack: "LocalStack", *, since: float = 0) -> list[Datum]:
    """All that the functions emitted since `since`, in unix seconds."""
    return [datum for line in _lines(stack, since) for datum in embedded(line) if datum.at >= since]


def embedded(line: str) -> Iterator[Datum]:
    """The data of one line of a log; none if it isn't in the format."""
    if '"_aws"' not in line:
        return
    document = json.loads(line)
    for directive in document["_aws"]["CloudWatchMetrics"]:
        for names in directive["Dimensions"]:
            dimensions = tuple((name, document[name]) for name in sorted(names))
            for metric in directive["Metrics"]:
                values = document[metric["Name"]]
                for value in values if isinstance(values, list) else [values]:
                    yield Datum(
                        namespace=directive["Namespace"],
                        name=metric["Name"],
                        dimensions=dimensions,
                        unit=metric["Unit"],
                        value=value,
                        at=document["_aws"]["Timestamp"] / 1000,
                    )


def _lines(stack: "LocalStack", since: float) -> Iterator[str]:
    logs = stack.client("logs").get_paginator("filter_log_events")
    for group in LOG_GROUPS:
        for page in logs.paginate(logGroupName=stack.outputs[group], startTime=int(since * 1000)):
            for event in page["events"]:
                yield from event["message"].splitlines()
