"""What a million cancels and an idle month cost, from what was counted and AWS's list prices."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.table import Row
from tests.template import TEMPLATE, transformed

PRICES_OF = "list prices of us-east-1 as of 2025, without the free tier; check them before you rely on them"


@dataclass(frozen=True, slots=True)
class Price:
    """`dollars` for so many of a unit."""

    dollars: float
    per: float
    source: str


PRICES = {
    "requests to API Gateway": Price(3.50, 1e6, "https://aws.amazon.com/api-gateway/pricing/"),
    "invocations": Price(0.20, 1e6, "https://aws.amazon.com/lambda/pricing/"),
    "GB-seconds": Price(0.0000133334, 1, "https://aws.amazon.com/lambda/pricing/"),
    "write units": Price(0.625, 1e6, "https://aws.amazon.com/dynamodb/pricing/on-demand/"),
    "read units": Price(0.125, 1e6, "https://aws.amazon.com/dynamodb/pricing/on-demand/"),
    "secret calls": Price(0.05, 1e4, "https://aws.amazon.com/secrets-manager/pricing/"),
    "secrets, a month": Price(0.40, 1, "https://aws.amazon.com/secrets-manager/pricing/"),
    "settled events": Price(1.00, 1e6, "https://aws.amazon.com/eventbridge/pricing/"),
    "ticks": Price(1.00, 1e6, "https://aws.amazon.com/eventbridge/pricing/"),
    "custom metrics, a month": Price(0.30, 1, "https://aws.amazon.com/cloudwatch/pricing/"),
    "alarms, a month": Price(0.10, 1, "https://aws.amazon.com/cloudwatch/pricing/"),
    "dashboards, a month": Price(3.00, 1, "https://aws.amazon.com/cloudwatch/pricing/"),
    "GB of logs": Price(0.50, 1, "https://aws.amazon.com/cloudwatch/pricing/"),
    "KMS requests": Price(0.03, 1e4, "https://aws.amazon.com/kms/pricing/"),
    "GB of the table, a month": Price(0.25, 1, "https://aws.amazon.com/dynamodb/pricing/on-demand/"),
    "GB to be restored, a month": Price(0.20, 1, "https://aws.amazon.com/dynamodb/pricing/on-demand/"),
    "traces": Price(5.00, 1e6, "https://aws.amazon.com/xray/pricing/"),
}
MILLION = 1_000_000
TICKS = 60 * 24 * 365 / 12
TICK_SECONDS = 0.05
"""Billed for a tick that finds nothing due. Taken for granted, as the next ones: only AWS can confirm it."""
NOTIFY_SECONDS = 0.02
LOG_BYTES, TICK_LOG_BYTES = 1_500, 800
"""Of a cancel: two lines of the function, one of metrics, one of API Gateway, START and REPORT. Of a tick: without the
function's and API Gateway's."""
CANCEL_METRICS = ("Requested", "Cancelled", "RefundedTRX", "EligibleToCancelled", "FeeeLatency")
TICK_METRICS = ("Unsettled", "OldestOverdue")
"""What each of these puts; a metric is paid for in the hours in which something puts it."""
MONTH_SECONDS = 86_400 * 365 / 12
SAMPLED = 0.05
"""Of requests beside the first of each second, by X-Ray's default rule."""
ROW_BYTES, INDEX_BYTES = 1_100, 300
"""Of a final row with feee.io's documented order in it, and of what the index has of it. DynamoDB adds 100 to each."""
PRINCIPALS = 2
"""The drain and the stream's poller, in an idle month. DynamoDB asks KMS for each every five minutes."""
SECRET_READS = 12 * 24 * 365 / 12
"""One every five minutes while an environment is in use."""
FUNCTION_GB = TEMPLATE["Globals"]["Function"]["MemorySize"] / 1024


def million(seconds: float, write_units: float, read_units: float) -> dict[str, float]:
    """What a million happy cancels through the API use, warm, each taking so long."""
    return {
        "requests to API Gateway": MILLION,
        "invocations": 2 * MILLION,
        "GB-seconds": MILLION * (seconds * FUNCTION_GB + NOTIFY_SECONDS * FUNCTION_GB),
        "write units": MILLION * write_units,
        "read units": MILLION * read_units,
        "secret calls": SECRET_READS,
        "settled events": MILLION,
        "custom metrics, a month": len(CANCEL_METRICS),
        "GB of logs": MILLION * LOG_BYTES / 1e9,
        "traces": traces(MILLION) if default("Tracing") else 0,
    }


def traces(requests: float) -> float:
    """How many of a month's requests to the API X-Ray traces, spread evenly; what runs by itself isn't traced.

    The first of each second, and SAMPLED of the others (X-Ray's default rule).
    """
    each_second = requests / MONTH_SECONDS
    seconds_with_one = MONTH_SECONDS * (1 - math.exp(-each_second))
    return seconds_with_one + SAMPLED * (requests - seconds_with_one)


def kept(rows: float) -> dict[str, float]:
    """What it takes to keep so many final rows for a month, with what point-in-time recovery needs."""
    table = rows * (ROW_BYTES + 100) / 1e9
    index = rows * (INDEX_BYTES + 100) / 1e9
    return {"GB of the table, a month": table + index, "GB to be restored, a month": table}


def idle_month(read_units: float) -> dict[str, float]:
    """What a month without requests uses: the ticks, each reading so many units, and all that stands there."""
    return {
        "ticks": TICKS,
        "invocations": TICKS,
        "GB-seconds": TICKS * TICK_SECONDS * FUNCTION_GB,
        "read units": TICKS * read_units,
        "GB of logs": TICKS * TICK_LOG_BYTES / 1e9,
        "custom metrics, a month": len(TICK_METRICS),
        "alarms, a month": made("AWS::CloudWatch::Alarm"),
        "dashboards, a month": made("AWS::CloudWatch::Dashboard"),
        "secrets, a month": made("AWS::SecretsManager::Secret"),
        "KMS requests": PRINCIPALS * SECRET_READS,
    }


def made(kind: str) -> int:
    """How many resources of a type the template makes with its parameters at their defaults."""
    resources = [one for one in transformed()["Resources"].values() if one["Type"] == kind]
    return sum(_holds({"Condition": one["Condition"]}) if "Condition" in one else True for one in resources)


def _holds(condition: Any) -> Any:
    """A condition's value at the defaults; a list of them is one text, as it is given."""
    match condition:
        case {"Condition": name}:
            return _holds(TEMPLATE["Conditions"][name])
        case {"Fn::Equals": [one, other]}:
            return _holds(one) == _holds(other)
        case {"Fn::Not": [inner]}:
            return not _holds(inner)
        case {"Fn::And": parts}:
            return all(map(_holds, parts))
        case {"Ref": name} | {"Fn::Join": [_, {"Ref": name}]}:
            return TEMPLATE["Parameters"][name]["Default"]
    return condition


def default(parameter: str) -> bool:
    """Whether the template's parameter is on by default."""
    return bool(TEMPLATE["Parameters"][parameter]["Default"] == "true")


def cost(used: Mapping[str, float]) -> float:
    """In dollars."""
    return sum(count * PRICES[name].dollars / PRICES[name].per for name, count in used.items())


def row(figure: str, used: Mapping[str, float]) -> Row:
    """The bill, with what it is for."""
    parts = ", ".join(f"{count:,.0f} {name}" for name, count in used.items() if round(count))
    return Row(figure, f"${cost(used):.2f}   {parts}", figures={"dollars": cost(used), "used": dict(used)})
