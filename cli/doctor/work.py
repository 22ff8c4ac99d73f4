"""What there is to do, and whether it is being done."""

from collections.abc import Iterator
from typing import Any

from cli.doctor.deployment import Deployment
from cli.doctor.finding import Finding, ok, warning, wrong
from feee_cancel.domain.cancellation import State

QUEUES = {
    "FailedEvents": "FailedEventsUrl",
    "UndeliveredTicks": "UndeliveredTicksUrl",
    "UnannouncedRecords": "UnannouncedRecordsUrl",
    "UndeliveredEvents": "UndeliveredEventsUrl",
}
"""The queues of what failed, with their outputs; the last exists only with SettledWebhookUrl."""
_TABLE, _OVERDUE, _RAN = "the table is there", "nothing is overdue", "the drain ran"
_INDEXES = {"state-due_at", "state-rank"}
_LATE, _TOO_LATE = 60, 300
"""For how many seconds a row may have been due. A tick comes each minute."""
_WINDOWS = ((180, "in the last 3 minutes"), (3_600, "in the last hour"), (86_400, "in the last day"))
_BATCH = 10_000
"""Events of a log that are looked through at once."""


def the_table_is_there(there: Deployment) -> Iterator[Finding]:
    """The table and its indexes are active."""
    table = there.client("dynamodb").describe_table(TableName=there.output("TableName"))["Table"]
    indexes = table.get("GlobalSecondaryIndexes", [])
    active = {one["IndexName"] for one in indexes if one.get("IndexStatus", "ACTIVE") == "ACTIVE"}
    missing = sorted(_INDEXES - active)
    if table["TableStatus"] in {"ACTIVE", "UPDATING"} and not missing:
        yield ok(_TABLE, f"{table['TableName']}, {table['TableStatus']}")
    else:
        lacking = f", without the index {', '.join(missing)}" if missing else ""
        fix = "Wait until it is ACTIVE; make a missing index again as the template has it."
        yield wrong(_TABLE, f"{table['TableName']} is {table['TableStatus']}{lacking}", fix)


def queues_of_failures_are_empty(there: Deployment) -> Iterator[Finding]:
    """Nothing that failed for good, or wasn't delivered, waits for a human."""
    name, sqs = "queues of failures are empty", there.client("sqs")
    for kind, output in QUEUES.items():
        if output not in there.outputs:
            continue
        held = _length(sqs, there.output(output))
        if held:
            command = there.where.command("redrive", kind)
            yield wrong(name, f"{held} in {kind}", "Look at them, and process them again.", command)
        else:
            yield ok(name, f"{kind}: 0")
    if there.posts_events:
        yield ok(name, f"SettledEvents, on their way: {_length(sqs, there.output('SettledEventsUrl'))}")


def _length(sqs: Any, url: str) -> int:
    """Messages that wait, and those that somebody has taken out for a while."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(found.get(name, 0)) for name in names)


def nothing_is_overdue(there: Deployment) -> Iterator[Finding]:
    """Even the row that has been due the longest hasn't been due for long."""
    due = [due_at for state in State if not state.final for due_at in _earliest(there, state)]
    late = there.now() - min(due) if due else 0
    words = f"the oldest row has been due for {late:.0f} s" if late > 0 else "no row is due"
    fix = "See docs/runbook.md#drain-late."
    if late > _TOO_LATE:
        yield wrong(_OVERDUE, words, fix)
    elif late > _LATE:
        yield warning(_OVERDUE, words, fix)
    else:
        yield ok(_OVERDUE, words)


def _earliest(there: Deployment, state: State) -> list[int]:
    """When the earliest row of a state is due (unix seconds), if there is one."""
    found = there.client("dynamodb").query(
        TableName=there.output("TableName"),
        IndexName="state-due_at",
        KeyConditionExpression="#state = :state",
        ExpressionAttributeNames={"#state": "state"},
        ExpressionAttributeValues={":state": {"S": state}},
        ProjectionExpression="due_at",
        Limit=1,
    )
    return [int(item["due_at"]["N"]) for item in found["Items"]]


def the_drain_ran(there: Deployment) -> Iterator[Finding]:
    """The last tick, by the metric of the backlog that each tick logs."""
    logs, group = there.client("logs"), there.output("ScheduleFunctionLogGroup")
    fix = "See docs/runbook.md#drain-not-running."
    for seconds, words in _WINDOWS:
        if _ticked(logs, group, since=there.now() - seconds):
            first = seconds == _WINDOWS[0][0]
            yield ok(_RAN, words) if first else wrong(_RAN, f"{words}, and not since", fix)
            return
    created = there.described.get("CreationTime")
    if created and there.now() - created.timestamp() < _WINDOWS[0][0]:
        again = "Its first tick comes within a minute: run the doctor again then."
        yield warning(_RAN, "not yet: the stack is new", again)
    else:
        yield wrong(_RAN, "not in the last day", fix)


def _ticked(logs: Any, group: str, *, since: float) -> bool:
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=group, startTime=int(since * 1000), filterPattern='"OldestOverdue"', limit=_BATCH
    )
    return any(page["events"] for page in pages)
