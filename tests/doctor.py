"""A fake of all that the doctor looks at: a well deployed stack, but for what a test changes."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import formatdate
from io import BytesIO
from types import SimpleNamespace
from typing import Any

from cli.doctor import Deployment, Finding, Verdict, deployment
from feee_cancel_client.api import ApiAnswer
from tests.cli import client_error
from tests.template import TEMPLATE

NOW = 1_800_000_000.0
AGENT = "Feee.io Client/1.0.0 (https://feee.io)"
KEY = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:feee-a1B2c3"
HOOK = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:hook-a1B2c3"
SETTLED = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:settled-a1B2c3"
DRAIN = "arn:aws:lambda:eu-central-1:123456789012:function:schedule"
ACCOUNT = {
    "balance": "12.5",
    "rate_limit": "10",
    "address_list": 0,
    "user_agent_list": 1,
    "user_agent_is_listed": True,
}
KMS_KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd"
WHSEC = "whsec_" + "A" * 43 + "="


class Pages:
    """A boto3 paginator with one page, which may go by what is asked."""

    def __init__(self, page: Any) -> None:
        self._page = page

    def paginate(self, **asked: Any) -> list[Any]:
        return [self._page(asked)]


class FakeAws:
    """Every service's client in one: a well deployed stack, but for what a test changes."""

    def __init__(self, **changes: Any) -> None:
        self.methods = {"/cancellations": {"GET": "AWS_IAM", "ANY": "AWS_IAM"}, "/webhooks/cancel": {"POST": "NONE"}}
        self.settings: dict[str, Any] = {
            "*/*": {"throttlingRateLimit": 2.0, "throttlingBurstLimit": 4, "dataTraceEnabled": False},
            "~1orders~1{order_no}/GET": {"throttlingRateLimit": 1.0, "throttlingBurstLimit": 2},
            "~1cancellations~1batch/POST": {"throttlingRateLimit": 1.0, "throttlingBurstLimit": 2},
            "~1webhooks~1cancel/POST": {"throttlingRateLimit": 5.0, "throttlingBurstLimit": 10},
        }
        self.log_role: str | None = "arn:aws:iam::123456789012:role/logs"
        self.access_log: dict[str, str] = {"destinationArn": "arn:aws:logs:us-east-1:123456789012:log-group:api"}
        self.secrets: dict[str, str] = {KEY: '{"key": "a-good-key"}', HOOK: json.dumps({"secrets": [WHSEC]})}
        self.secrets[SETTLED] = self.secrets[HOOK]
        self.outputs: Mapping[str, str] = OUTPUTS
        self.kms_key: str | None = None
        self.schedule: dict[str, Any] | None = {
            "State": "ENABLED",
            "ScheduleExpression": "rate(1 minute)",
            "Target": {"Arn": DRAIN},
        }
        self.unreserved = 1000
        self.reserved: dict[str, int] = {}
        self.subscriptions = [{"Endpoint": "a@b.example", "SubscriptionArn": "arn:aws:sns:us-east-1:1:t:2"}]
        self.metrics: list[dict[str, Any]] = [metric(alarm) for alarm in ALARMS]
        self.others_alarms: list[dict[str, Any]] = []
        self.token: dict[str, str] | None = {"AccessKeyId": "ASIA", "SecretAccessKey": "s", "SessionToken": "t"}
        self.denied: set[str] = set()
        self.age = 1_000_000
        self.status = "UPDATE_COMPLETE"
        self.events: list[dict[str, str]] = []
        self.drift = ["DETECTION_IN_PROGRESS", "DETECTION_COMPLETE"]
        self.drifted: list[dict[str, Any]] = []
        self.date: str | None = formatdate(NOW, usegmt=True)
        self.table = {"TableStatus": "ACTIVE", "indexes": ["state-due_at", "state-rank"]}
        self.being_made: set[str] = set()
        self.refused_actions: set[str] = set()
        self.simulated: list[str] = []
        self.logging: dict[str, str] = {}
        self.held: dict[str, int] = {}
        self.due: dict[str, int] = {}
        self.ticked_at: float | None = NOW - 30
        self.alarms_off: set[str] = set()
        self.alarms_to_nobody: set[str] = set()
        self.alarms_ringing: set[str] = set()
        self.feee: Any = {"kind": "accepted", **ACCOUNT}
        self.function_error = ""
        self.gateways: list[dict[str, Any]] = [{"NatGatewayAddresses": [{"PublicIp": "198.51.100.9"}]}]
        self.policies: list[Any] = []
        for name, value in changes.items():
            assert hasattr(self, name)
            setattr(self, name, value)

    def describe_stacks(self, **_: Any) -> Any:
        parameters = [
            {"ParameterKey": name, "ParameterValue": str(one["Default"])}
            for name, one in TEMPLATE["Parameters"].items()
        ]
        outputs = [{"OutputKey": name, "OutputValue": value} for name, value in self.outputs.items()]
        outputs = [] if self.status.startswith("ROLLBACK") else outputs
        created = datetime.fromtimestamp(NOW - self.age, UTC)
        stack = {"StackStatus": self.status, "Outputs": outputs, "Parameters": parameters, "CreationTime": created}
        return {"Stacks": [stack]}

    @property
    def meta(self) -> Any:
        return SimpleNamespace(region_name="eu-central-1")

    def get_caller_identity(self) -> Any:
        headers = {"date": self.date} if self.date else {}
        return {"Arn": "arn:aws:iam::123456789012:user/op", "ResponseMetadata": {"HTTPHeaders": headers}}

    def describe_stack_events(self, **_: Any) -> Any:
        return {"StackEvents": self.events}

    def detect_stack_drift(self, **_: Any) -> Any:
        return {"StackDriftDetectionId": "1"}

    def describe_stack_drift_detection_status(self, **_: Any) -> Any:
        return {"DetectionStatus": self.drift.pop(0) if len(self.drift) > 1 else self.drift[0]}

    def describe_stack_resource_drifts(self, **_: Any) -> Any:
        return {"StackResourceDrifts": self.drifted}

    def describe_table(self, **_: Any) -> Any:
        indexes = [
            {"IndexName": name, "IndexStatus": "CREATING" if name in self.being_made else "ACTIVE"}
            for name in self.table["indexes"]
        ]
        arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/t"
        return {
            "Table": {
                "TableName": "t",
                "TableArn": arn,
                "LatestStreamArn": f"{arn}/stream/1",
                "TableStatus": self.table["TableStatus"],
                "GlobalSecondaryIndexes": indexes,
            }
        }

    def get_function_configuration(self, *, FunctionName: str) -> Any:  # noqa: N803 - boto3's name
        return {"Role": f"arn:aws:iam::123456789012:role/{FunctionName}"} | (
            {"LoggingConfig": {"LogGroup": self.logging[FunctionName]}} if FunctionName in self.logging else {}
        )

    def simulate_principal_policy(
        self,
        *,
        PolicySourceArn: str,  # noqa: N803 - boto3's names
        ActionNames: list[str],  # noqa: N803 - the same
        ResourceArns: list[str],  # noqa: N803 - the same
    ) -> Any:
        assert all(one.startswith("arn:aws:") for one in (PolicySourceArn, *ResourceArns))
        self.simulated += ResourceArns
        return {
            "EvaluationResults": [
                {
                    "EvalActionName": action,
                    "EvalDecision": "implicitDeny" if action in self.refused_actions else "allowed",
                }
                for action in ActionNames
            ]
        }

    def get_queue_attributes(self, *, QueueUrl: str, AttributeNames: list[str]) -> Any:  # noqa: N803 - boto3's names
        """Of what is held a message is taken out just now."""
        held = self.held.get(QueueUrl.rpartition("/")[2], 0)
        known = {
            "ApproximateNumberOfMessages": str(max(0, held - 1)),
            "ApproximateNumberOfMessagesNotVisible": str(min(1, held)),
        }
        return {"Attributes": {name: known[name] for name in AttributeNames}}

    def query(self, *, ExpressionAttributeValues: Any, **_: Any) -> Any:  # noqa: N803 - boto3's name
        found = self.due.get(ExpressionAttributeValues[":state"]["S"])
        return {"Items": [] if found is None else [{"due_at": {"N": str(found)}}]}

    def invoke(self, *, Payload: bytes, **_: Any) -> Any:  # noqa: N803 - boto3's name
        assert json.loads(Payload) == {"diagnose": True}
        failed = {"FunctionError": "Unhandled"} if self.function_error else {}
        document = {"errorType": self.function_error} if failed else {"user_agent": AGENT, "feee": self.feee}
        return {"Payload": BytesIO(json.dumps(document).encode()), **failed}

    def describe_subnets(self, **_: Any) -> Any:
        return {"Subnets": [{"VpcId": "vpc-1"}]}

    def describe_nat_gateways(self, **_: Any) -> Any:
        return {"NatGateways": self.gateways}

    def get_resources(self, **_: Any) -> Any:
        root: list[Any] = [{"id": "root", "path": "/"}]
        return {
            "items": root
            + [{"id": path, "path": path, "resourceMethods": dict.fromkeys(one)} for path, one in self.methods.items()]
        }

    def get_method(self, *, restApiId: str, resourceId: str, httpMethod: str) -> Any:  # noqa: N803 - boto3's names
        return {"authorizationType": self.methods[resourceId][httpMethod]}

    def get_stage(self, **_: Any) -> Any:
        return (
            {"methodSettings": self.settings, "accessLogSettings": self.access_log}
            if self.access_log
            else {"methodSettings": self.settings}
        )

    def get_account(self) -> Any:
        return {"cloudwatchRoleArn": self.log_role} if self.log_role else {}

    def get_secret_value(self, *, SecretId: str) -> Any:  # noqa: N803 - boto3's name
        if "secret" in self.denied:
            raise client_error("AccessDeniedException")
        return {"SecretString": self.secrets[SecretId]}

    def describe_secret(self, **_: Any) -> Any:
        return {"KmsKeyId": self.kms_key} if self.kms_key else {}

    def get_schedule(self, **_: Any) -> Any:
        if "schedule" in self.denied:
            raise client_error("AccessDeniedException")
        if "scheduler" in self.denied:
            raise client_error("InternalServerException")
        if self.schedule is None:
            raise client_error("ResourceNotFoundException")
        return self.schedule

    def get_account_settings(self) -> Any:
        return {"AccountLimit": {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": self.unreserved}}

    def get_function_concurrency(self, *, FunctionName: str) -> Any:  # noqa: N803 - boto3's name
        found = self.reserved.get(FunctionName)
        return {} if found is None else {"ReservedConcurrentExecutions": found}

    def list_subscriptions_by_topic(self, **_: Any) -> Any:
        return {"Subscriptions": self.subscriptions}

    def get_federation_token(self, *, Policy: str, **_: Any) -> Any:  # noqa: N803 - boto3's name
        if self.token is None:
            raise client_error("AccessDenied")
        self.policies.append(json.loads(Policy))
        return {"Credentials": self.token}

    def get_paginator(self, name: str) -> Pages:
        if name == "describe_alarms":
            return Pages(lambda _: {"MetricAlarms": [*map(self._alarm, ALARMS), *self.others_alarms]})
        if name == "filter_log_events":
            return Pages(lambda asked: {"events": [1] if asked["startTime"] / 1000 <= (self.ticked_at or 0) else []})
        return Pages(lambda asked: {"Metrics": [one for one in self.metrics if fits(one, asked)]})

    def _alarm(self, one: Mapping[str, Any]) -> dict[str, Any]:
        name = f"feee-cancel-{ALARM_NAMES[one['MetricName']]}"
        on = one["MetricName"] not in self.alarms_off
        state = "ALARM" if one["MetricName"] in self.alarms_ringing else "OK"
        rings = {"ActionsEnabled": on, "AlarmActions": [] if one["MetricName"] in self.alarms_to_nobody else ["t"]}
        return {**one, **rings, "AlarmName": name, "StateValue": state}


def fits(one: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    """ListMetrics shows what has all the dimensions that were asked for, and perhaps more."""
    same = all(one[key] == asked[key] for key in ("Namespace", "MetricName"))
    return same and all(dimension in one["Dimensions"] for dimension in asked["Dimensions"])


def metric(alarm: Mapping[str, Any]) -> dict[str, Any]:
    return {key: alarm[key] for key in ("Namespace", "MetricName", "Dimensions")}


def alarm(namespace: str, name: str, **dimensions: str) -> dict[str, Any]:
    values = [{"Name": key, "Value": value} for key, value in dimensions.items()]
    return {"Namespace": namespace, "MetricName": name, "Dimensions": values}


ALARMS = [
    alarm("FeeeCancel", "OldestOverdue", service="feee-cancel"),
    alarm("FeeeCancel", "Failed", service="feee-cancel"),
    alarm("AWS/ApiGateway", "5XXError", ApiName="feee-cancel", Stage="v1"),
]
ALARM_NAMES = {"OldestOverdue": "drain-late", "Failed": "cancellation-failed", "5XXError": "api-server-errors"}
OUTPUTS = {
    "ApiId": "api",
    "ApiArn": "arn:api",
    "FeeeKeySecretArn": KEY,
    "WebhookSecretArn": HOOK,
    "TableName": "t",
    "TickName": "tick",
    "ScheduleFunctionArn": DRAIN,
    "ApiFunctionName": "api",
    "WebhookFunctionName": "webhook",
    "ScheduleFunctionName": "schedule",
    "NotifyFunctionName": "notify",
    "ScheduleFunctionLogGroup": "schedule-logs",
    "ScheduleRoleArn": "arn:aws:iam::123456789012:role/tick",
    "FailedEventsUrl": "https://sqs/1/failed",
    "UndeliveredTicksUrl": "https://sqs/1/ticks",
    "UndeliveredTicksArn": "arn:aws:sqs:eu-central-1:123456789012:ticks",
    "UnannouncedRecordsUrl": "https://sqs/1/records",
    "AlarmTopicArn": "arn:topic",
}
POSTING = {
    **OUTPUTS,
    "SettledSecretArn": SETTLED,
    "SettledEventsUrl": "https://sqs/1/settled",
    "UndeliveredEventsUrl": "https://sqs/1/undelivered",
    "DeliverFunctionName": "deliver",
}
"""With an outgoing webhook."""


class FakeCall:
    """The API: unsigned requests are refused, signed ones answered; `open_to` lets these in unsigned."""

    def __init__(self, *, open_to: tuple[str, ...] = (), override: int = 200, readers: int = 403) -> None:
        self.open_to, self.override, self.readers = open_to, override, readers

    def __call__(
        self, method: str, path: str, body: bytes | None = None, *, credentials: Any = ..., headers: Any = None
    ) -> ApiAnswer:
        if credentials is None:
            return ApiAnswer(200 if f"{method} {path}" in self.open_to else 401, {}, {})
        assert headers == {"X-HTTP-Method-Override": "POST"}
        assert method == "GET", "nothing is changed"
        return ApiAnswer(self.override if credentials is ... else self.readers, {}, {})


class Refusing:
    """A client whose operations fail with these codes."""

    def __init__(self, client: Any, errors: Mapping[str, str]) -> None:
        self._client = client
        self._errors = errors

    def __getattr__(self, operation: str) -> Any:
        if operation in self._errors:
            raise client_error(self._errors[operation])
        return getattr(self._client, operation)


def there(
    call: FakeCall | None = None,
    *,
    errors: Mapping[str, str] | None = None,
    given: Mapping[str, str] | None = None,
    **changes: Any,
) -> Deployment:
    """The good stack, but for these operations that fail, these parameters, and these changes."""
    aws = Refusing(FakeAws(**changes), errors or {})
    found = deployment("feee-cancel", lambda _: aws, call or FakeCall())
    parameters = {**found.parameters, **(given or {})}
    return replace(found, parameters=parameters, now=lambda: NOW, rest=lambda _: None)


def verdicts(findings: Any) -> list[Verdict]:
    found: list[Finding] = [*findings]
    assert all(bool(one.fix) is (one.verdict is not Verdict.OK) for one in found), "what is wrong can be fixed"
    return [one.verdict for one in found]


def told(findings: Any) -> str:
    return " | ".join(f"{one.verdict}: {one.words} {one.fix} {one.command}" for one in findings)
