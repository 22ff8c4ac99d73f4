"""Each function's role allows what the function does, as IAM itself decides it."""

from collections.abc import Iterator, Mapping
from typing import Any

from cli.doctor.deployment import Deployment
from cli.doctor.finding import Finding, ok, wrong

_NAME = "roles allow what their functions do"
Needs = Mapping[str, tuple[str, ...]]
"""Actions, by the thing that they are done to."""

_ROWS = ("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem")
_READ, _SEND, _INVOKE = ("secretsmanager:GetSecretValue",), ("sqs:SendMessage",), ("lambda:InvokeFunction",)
_LOG = ("logs:CreateLogStream", "logs:PutLogEvents")
NEEDS: Mapping[str, Needs] = {
    "ApiFunctionName": {"table": _ROWS, "by time": ("dynamodb:Query",), "key": _READ, "drain": _INVOKE, "logs": _LOG},
    "WebhookFunctionName": {"table": _ROWS, "webhook's secret": _READ, "drain": _INVOKE, "logs": _LOG},
    "ScheduleFunctionName": {
        "table": _ROWS,
        "by time": ("dynamodb:Query",),
        "by line": ("dynamodb:Query",),
        "key": _READ,
        "drain": _INVOKE,
        "failed events": _SEND,
        "logs": _LOG,
    },
    "NotifyFunctionName": {
        "stream": ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"),
        "any stream": ("dynamodb:ListStreams",),
        "bus": ("events:PutEvents",),
        "unannounced records": _SEND,
        "logs": _LOG,
    },
    "ScheduleRoleArn": {"drain": _INVOKE, "undelivered ticks": _SEND},
}
"""By the output that names the function, or the role itself."""
NEEDS_TO_POST: Mapping[str, Needs] = {
    "DeliverFunctionName": {
        "settled events": (
            "sqs:ReceiveMessage",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ChangeMessageVisibility",
        ),
        "undelivered events": _SEND,
        "outgoing secret": _READ,
        "logs": _LOG,
    }
}
"""The same for what exists only with SettledWebhookUrl."""


def roles_allow_what_their_functions_do(there: Deployment) -> Iterator[Finding]:
    """IAM simulates every action of every role on its resource, boundaries included."""
    iam, things = there.client("iam"), _things(there)
    roles = {**NEEDS, **NEEDS_TO_POST} if there.posts_events else NEEDS
    actions = 0
    for output, needs in roles.items():
        role, logs = _role(there, output)
        refused = [*_refused(iam, role, needs, {**things, "logs": logs})]
        actions += sum(map(len, needs.values()))
        if refused:
            yield wrong(_NAME, f"{_last(role)} may not {'; '.join(refused)}", _FIX)
    yield ok(_NAME, f"{actions} actions of {len(roles)} roles were looked at")


_FIX = (
    "Put the role's policies back as in the template (drift shows what was changed), and look for a permissions "
    "boundary or a service control policy of the organization."
)


def _refused(iam: Any, role: str, needs: Needs, things: Mapping[str, str]) -> Iterator[str]:
    for thing, actions in needs.items():
        found = iam.simulate_principal_policy(
            PolicySourceArn=role, ActionNames=[*actions], ResourceArns=[things[thing]]
        )
        for one in found["EvaluationResults"]:
            if one["EvalDecision"] != "allowed":
                yield f"{one['EvalActionName']} on {things[thing]} ({one['EvalDecision']})"


def _role(there: Deployment, output: str) -> tuple[str, str]:
    """The role, and the log group of its function."""
    if output.endswith("RoleArn"):
        return there.output(output), ""
    found = there.client("lambda").get_function_configuration(FunctionName=there.output(output))
    group = found.get("LoggingConfig", {}).get("LogGroup", f"/aws/lambda/{there.output(output)}")
    return found["Role"], there.arn("logs", f"log-group:{group}:log-stream:x")


def _things(there: Deployment) -> dict[str, str]:
    """The ARN of each thing that actions are done to."""
    table = there.client("dynamodb").describe_table(TableName=there.output("TableName"))["Table"]
    return {
        "table": table["TableArn"],
        "by time": f"{table['TableArn']}/index/state-due_at",
        "by line": f"{table['TableArn']}/index/state-rank",
        "stream": table.get("LatestStreamArn", f"{table['TableArn']}/stream/none"),
        "any stream": f"{table['TableArn']}/stream/any",
        "key": there.output("FeeeKeySecretArn"),
        "webhook's secret": there.output("WebhookSecretArn"),
        "drain": there.output("ScheduleFunctionArn"),
        "bus": there.arn("events", f"event-bus/{there.parameters.get('EventBusName', 'default')}"),
        "failed events": _queue(there, "FailedEventsUrl"),
        "undelivered ticks": there.output("UndeliveredTicksArn"),
        "unannounced records": _queue(there, "UnannouncedRecordsUrl"),
    } | (_things_to_post(there) if there.posts_events else {})


def _things_to_post(there: Deployment) -> dict[str, str]:
    return {
        "settled events": _queue(there, "SettledEventsUrl"),
        "undelivered events": _queue(there, "UndeliveredEventsUrl"),
        "outgoing secret": there.output("SettledSecretArn"),
    }


def _queue(there: Deployment, output: str) -> str:
    """The ARN of a queue; its URL ends in its name."""
    return there.arn("sqs", _last(there.output(output)))


def _last(path: str) -> str:
    return path.rpartition("/")[2]
