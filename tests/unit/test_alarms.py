"""Every alarm looks at a metric that is emitted, with just its dimensions, and says what to do."""

import re
from typing import Any

import pytest

from feee_cancel.adapters.telemetry import NAMESPACE, EmbeddedMetrics
from feee_cancel.domain.answer import Answer, AnswerKind
from feee_cancel.domain.cancellation import State, StateReason
from local.metrics import Datum, embedded
from tests.alarms import alarms, fires
from tests.builders import NOW, row
from tests.template import ROOT, TEMPLATE, resources, transformed

ALARMS = alarms()
FUNCTIONS = resources("AWS::Lambda::Function")
QUEUES = resources("AWS::SQS::Queue")
TABLE = resources("AWS::DynamoDB::Table")["CancellationTable"]
RUNBOOK = (ROOT / "docs/runbook.md").read_text()

DOCUMENTED = {
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): [{"QueueName"}],
    ("AWS/Lambda", "Errors"): [{"FunctionName"}, {"FunctionName", "Resource"}],
    ("AWS/Lambda", "Throttles"): [{"FunctionName"}, {"FunctionName", "Resource"}],
    ("AWS/Lambda", "Invocations"): [{"FunctionName"}, {"FunctionName", "Resource"}],
    ("AWS/Lambda", "Duration"): [{"FunctionName"}, {"FunctionName", "Resource"}],
    ("AWS/Lambda", "IteratorAge"): [{"FunctionName"}, {"FunctionName", "Resource"}],
    ("AWS/ApiGateway", "Count"): [{"ApiName"}, {"ApiName", "Stage"}],
    ("AWS/ApiGateway", "Latency"): [{"ApiName"}, {"ApiName", "Stage"}],
    ("AWS/ApiGateway", "4XXError"): [{"ApiName"}, {"ApiName", "Stage"}],
    ("AWS/ApiGateway", "5XXError"): [{"ApiName"}, {"ApiName", "Stage"}],
    ("AWS/DynamoDB", "ReadThrottleEvents"): [{"TableName"}, {"TableName", "GlobalSecondaryIndexName"}],
    ("AWS/DynamoDB", "WriteThrottleEvents"): [{"TableName"}, {"TableName", "GlobalSecondaryIndexName"}],
    ("AWS/DynamoDB", "ConsumedReadCapacityUnits"): [{"TableName"}, {"TableName", "GlobalSecondaryIndexName"}],
    ("AWS/DynamoDB", "ConsumedWriteCapacityUnits"): [{"TableName"}, {"TableName", "GlobalSecondaryIndexName"}],
}
"""The dimensions that AWS gives these metrics, in the user guides of SQS, Lambda, API Gateway and DynamoDB."""
VALUES: dict[str, list[Any]] = {
    "QueueName": [{"Fn::GetAtt": [queue, "QueueName"]} for queue in QUEUES],
    "FunctionName": [{"Ref": function} for function in FUNCTIONS],
    "ApiName": [resources("AWS::ApiGateway::RestApi")["Api"]["Name"]],
    "Stage": [resources("AWS::ApiGateway::Stage")["Apiv1Stage"]["StageName"]],
    "TableName": [{"Ref": "CancellationTable"}],
    "GlobalSecondaryIndexName": [index["IndexName"] for index in TABLE["GlobalSecondaryIndexes"]],
    "service": [FUNCTIONS["ApiFunction"]["Environment"]["Variables"]["SERVICE_NAME"]],
}


@pytest.fixture
def emitted(capsys: pytest.CaptureFixture[str]) -> set[str]:
    """The names of all that the code can emit."""
    metrics = EmbeddedMetrics("feee-cancel", 1200, now=lambda: NOW)
    metrics.backlog(1, overdue=1)
    metrics.started()
    metrics.crashed()
    metrics.count("MalformedEvent")
    for kind in AnswerKind:
        metrics.answered(Answer(kind=kind, seconds=1))
    for reason in (StateReason.FILLED, StateReason.NEVER_PAID, StateReason.REFUSED):
        metrics.attempted(row(state=State.REJECTED, state_reason=reason))
    metrics.attempted(row(state=State.CANCELLED, refund_amount=1))
    metrics.attempted(row(state=State.FAILED))
    metrics.attempted(row(state=State.REFUNDING, since=0))
    metrics.published(lambda event, context: None)({}, None)
    return {datum.name for line in capsys.readouterr().out.splitlines() for datum in embedded(line)}


def metrics_of_the_dashboard() -> list[list[Any]]:
    body = transformed()["Resources"]["OperationsDashboard"]["Properties"]["DashboardBody"]["Fn::ToJsonString"]
    return [metric for widget in body["widgets"] for metric in widget["properties"].get("metrics", [])]


def dimensions(metric: list[Any]) -> dict[str, Any]:
    """The dimensions of a dashboard's metric: names and values after the namespace and the metric's name."""
    pairs = [part for part in metric[2:] if not (isinstance(part, dict) and set(part) & {"label", "stat", "yAxis"})]
    return dict(zip(pairs[::2], pairs[1::2], strict=True))


def check(namespace: str, name: str, given: dict[str, Any], emitted: set[str]) -> None:
    """That there is such a metric with just these dimensions, and that their values are this stack's."""
    if namespace == NAMESPACE:
        assert name in emitted
        assert set(given) == {"service"}
    else:
        assert set(given) in DOCUMENTED[namespace, name]
    for dimension, value in given.items():
        assert value in VALUES[dimension]


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarms_metric_is_emitted_with_just_its_dimensions(name: str, emitted: set[str]) -> None:
    alarm = ALARMS[name]
    given = {dimension["Name"]: dimension["Value"] for dimension in alarm["Dimensions"]}
    assert len(given) == len(alarm["Dimensions"])
    check(alarm["Namespace"], alarm["MetricName"], given, emitted)


def test_every_metric_of_the_dashboard_is_emitted_with_just_its_dimensions(emitted: set[str]) -> None:
    shown = metrics_of_the_dashboard()
    for metric in shown:
        check(metric[0], metric[1], dimensions(metric), emitted)
    assert {metric[1] for metric in shown if metric[0] == NAMESPACE} == emitted, "each of ours is shown"


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_tells_the_topic_and_says_what_to_do(name: str) -> None:
    alarm = ALARMS[name]
    assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "AlarmTopic"}]
    assert alarm.get("ActionsEnabled", True) is True
    assert len(alarm["AlarmDescription"]) <= 1024
    found = re.fullmatch(r".+[.] See docs/runbook\.md#([a-z-]+)", alarm["AlarmDescription"])
    assert found, alarm["AlarmDescription"]
    assert found.group(1) in anchors(RUNBOOK)


def test_every_part_of_the_runbook_that_is_about_an_alarm_has_one() -> None:
    pointed_at = {alarm["AlarmDescription"].rpartition("#")[2] for alarm in ALARMS.values()}
    about_alarms = RUNBOOK.partition("\n## Alarms\n")[2].partition("\n## ")[0]
    assert pointed_at == anchors(about_alarms)


def anchors(text: str) -> set[str]:
    """The anchors of the headings, as GitHub makes them."""
    headings = re.findall(r"^#{2,} (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_links_of_the_runbook_lead_somewhere() -> None:
    for page, anchor in re.findall(r"\]\(([a-z-]*\.?m?d?)#?([a-z-]*)\)", RUNBOOK):
        assert (ROOT / "docs" / page).exists()
        assert page or anchor in anchors(RUNBOOK)


def test_what_is_made_of_missing_data_is_chosen_and_has_its_reason_beside_it() -> None:
    lines = [line for line in (ROOT / "template.yaml").read_text().splitlines() if "TreatMissingData:" in line]
    assert len(lines) == len(ALARMS)
    assert all(re.search(r": (notBreaching|breaching|ignore) # .+", line) for line in lines)


def test_every_queue_the_api_the_drain_and_the_stream_have_their_alarms() -> None:
    """Crashes and throttles of functions and table show in these (decision 15)."""
    watched = [
        (alarm["MetricName"], dimension["Value"]) for alarm in ALARMS.values() for dimension in alarm["Dimensions"]
    ]
    for queue in QUEUES.keys() - {"SettledEvents"}:  # what waits there is delivered or ends in UndeliveredEvents
        assert ("ApproximateNumberOfMessagesVisible", {"Fn::GetAtt": [queue, "QueueName"]}) in watched
    assert ("5XXError", "v1") in watched
    assert watched.count(("OldestOverdue", {"Ref": "AWS::StackName"})) == 2, "late, and not running"
    assert ("IteratorAge", {"Ref": "NotifyFunction"}) in watched


def test_alarms_are_made_or_not_all_together() -> None:
    made = transformed()["Resources"].items()
    conditions = {name: resource.get("Condition") for name, resource in made if name in ALARMS}
    assert conditions.pop("UndeliveredEventsAlarm") == "AlarmUndelivered", "its queue isn't always there"
    assert set(conditions.values()) == {"MakeAlarms"}
    assert TEMPLATE["Conditions"]["AlarmUndelivered"]["Fn::And"][0] == {"Condition": "MakeAlarms"}
    assert TEMPLATE["Parameters"]["Alarms"]["Default"] == "true"


def data(alarm: str, *values: tuple[float, float]) -> list[Datum]:
    """Data of an alarm's metric: the values, each so many seconds before now."""
    at = ALARMS[alarm]
    of = {"namespace": at["Namespace"], "name": at["MetricName"], "unit": "None"}
    names = tuple((dimension["Name"], "x") for dimension in at["Dimensions"])
    return [Datum(**of, dimensions=names, value=value, at=NOW - ago) for value, ago in values]


ONE_IS_TOO_MANY = [name for name, alarm in ALARMS.items() if alarm["Threshold"] == 1 and "DrainNot" not in name]


@pytest.mark.parametrize("name", ONE_IS_TOO_MANY)
def test_one_is_too_many_none_is_not_and_it_ends_by_itself(name: str) -> None:
    alarm = ALARMS[name]
    assert fires(alarm, data(name, (1, 30)), now=NOW)
    assert not fires(alarm, data(name, (0, 30)), now=NOW)
    assert not fires(alarm, [], now=NOW, before=True)
    assert not fires(alarm, data(name, (1, 400)), now=NOW)


@pytest.mark.parametrize(
    ("name", "values", "before", "firing"),
    [
        ("DrainLateAlarm", [(299, 30)], True, False),
        ("DrainLateAlarm", [(300, 30)], False, True),
        ("DrainLateAlarm", [(0, 50), (300, 20)], False, True),
        ("DrainLateAlarm", [(300, 90)], False, False),
        ("DrainLateAlarm", [(300, 90)], True, True),
        ("DrainNotRunningAlarm", [], False, True),
        ("DrainNotRunningAlarm", [(0, 290)], False, False),
        ("DrainNotRunningAlarm", [(0, 310)], False, True),
        ("DrainNotRunningAlarm", [(900, ago) for ago in (5, 65, 125)], False, False),
        ("AnnouncementsLateAlarm", [(599_999, 5)], False, False),
        ("AnnouncementsLateAlarm", [(600_000, 5)], False, True),
        ("AnnouncementsLateAlarm", [], True, False),
    ],
)
def test_the_others_fire_when_they_should(
    name: str, values: list[tuple[float, float]], before: bool, firing: bool
) -> None:
    assert fires(ALARMS[name], data(name, *values), now=NOW, before=before) is firing


def test_every_alarm_was_tried_here() -> None:
    assert set(ALARMS) == {*ONE_IS_TOO_MANY, "DrainLateAlarm", "DrainNotRunningAlarm", "AnnouncementsLateAlarm"}
