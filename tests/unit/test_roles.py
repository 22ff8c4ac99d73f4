"""Each function's role allows exactly what it uses: this is the whole list."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.template import resources, transformed

TABLE = "CancellationTable.Arn"
INDEX = "${CancellationTable.Arn}/index/state-due_at"
LINES = "${CancellationTable.Arn}/index/state-rank"
TRACES = {("xray:PutTraceSegments", "*"), ("xray:PutTelemetryRecords", "*")}  # these two take no resource


def logs(function: str) -> set[tuple[str, str]]:
    return {(f"logs:{action}", f"{function}Logs.Arn") for action in ("CreateLogStream", "PutLogEvents")}


ROWS = {(f"dynamodb:{action}", TABLE) for action in ("GetItem", "PutItem", "UpdateItem")}
FEEE_KEY = {
    ("secretsmanager:GetSecretValue", "FeeeKey.Id | FeeeKeySecretArn"),
    ("kms:Decrypt", "SecretKmsKeyArns"),
}
WAKE = {("lambda:InvokeFunction", "ScheduleFunction.Arn")}

ALLOWED = {
    "ApiFunction": ROWS | {("dynamodb:Query", INDEX)} | FEEE_KEY | WAKE | logs("ApiFunction") | TRACES,
    "WebhookFunction": ROWS
    | {("secretsmanager:GetSecretValue", "WebhookSecret.Id | WebhookSecretArn")}
    | {("kms:Decrypt", "SecretKmsKeyArns")}
    | WAKE
    | logs("WebhookFunction")
    | TRACES,
    "ScheduleFunction": ROWS
    | {("dynamodb:Query", INDEX), ("dynamodb:Query", LINES), ("sqs:SendMessage", "FailedEvents.Arn")}
    | FEEE_KEY
    | WAKE
    | logs("ScheduleFunction")
    | TRACES,
    "NotifyFunction": {
        ("dynamodb:DescribeStream", "CancellationTable.StreamArn"),
        ("dynamodb:GetRecords", "CancellationTable.StreamArn"),
        ("dynamodb:GetShardIterator", "CancellationTable.StreamArn"),
        ("dynamodb:ListStreams", "${CancellationTable.Arn}/stream/*"),
        ("events:PutEvents", "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/${EventBusName}"),
        ("sqs:SendMessage", "UnannouncedRecords.Arn"),
    }
    | logs("NotifyFunction"),
}

ALLOWED["DeliverFunction"] = {
    *((f"sqs:{action}", "SettledEvents.Arn") for action in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")),
    ("sqs:ChangeMessageVisibility", "SettledEvents.Arn"),
    ("sqs:SendMessage", "UndeliveredEvents.Arn"),
    ("secretsmanager:GetSecretValue", "SettledSecret.Id"),
    ("kms:Decrypt", "SecretKmsKeyArns"),
} | logs("DeliverFunction")

IN_A_VPC = {"Fn::If": ["MayBeInVpc", [{"Ref": "MayConnectToTheNetwork"}], {"Ref": "AWS::NoValue"}]}
"""Lambda's own permission for network interfaces, which is denied to the functions' code."""
MANAGED = {"ApiFunction": IN_A_VPC, "ScheduleFunction": IN_A_VPC}


@pytest.mark.parametrize("function", sorted(resources("AWS::Lambda::Function")))
def test_a_functions_role_allows_what_it_uses_and_nothing_else(function: str) -> None:
    role = resources("AWS::Lambda::Function")[function]["Role"]["Fn::GetAtt"][0]
    assert set(allowed(role)) == ALLOWED[function]
    assert resources("AWS::IAM::Role")[role].get("ManagedPolicyArns", []) == MANAGED.get(function, [])


def test_a_kms_key_is_used_where_one_is_given_and_for_that_secret_alone() -> None:
    """Secrets Manager: permissions for the KMS key; the secret's ARN is in its encryption context."""
    for name, condition, secret in (
        ("MayDecryptTheKey", "SecretsHaveKmsKeys", "FeeeKey.Id | FeeeKeySecretArn"),
        ("MayDecryptTheWebhooksSecret", "SecretsHaveKmsKeys", "WebhookSecret.Id | WebhookSecretArn"),
        ("MayDecryptTheSettledSecret", "SettledSecretHasKmsKeys", "SettledSecret.Id"),
    ):
        assert transformed()["Resources"][name]["Condition"] == condition
        (statement,) = resources("AWS::IAM::Policy")[name]["PolicyDocument"]["Statement"]
        ((operator, conditions),) = statement["Condition"].items()
        assert (operator, *conditions) == ("StringEquals", "kms:EncryptionContext:SecretARN")
        assert named(*conditions.values()) == secret


def test_the_ticks_role_starts_the_drain_and_keeps_what_it_could_not_deliver() -> None:
    assert set(allowed("TickRole")) == {
        ("lambda:InvokeFunction", "ScheduleFunction.Arn"),
        ("sqs:SendMessage", "UndeliveredTicks.Arn"),
    }


def test_lambda_may_make_network_interfaces_in_a_vpc_and_nothing_else() -> None:
    """Lambda: giving functions access to resources in a VPC, required IAM permissions."""
    assert set(resources("AWS::IAM::ManagedPolicy")) == {"MayConnectToTheNetwork"}
    assert transformed()["Resources"]["MayConnectToTheNetwork"]["Condition"] == "MayBeInVpc"
    (statement,) = resources("AWS::IAM::ManagedPolicy")["MayConnectToTheNetwork"]["PolicyDocument"]["Statement"]
    assert statement["Action"] == [
        *("ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface"),
        *("ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses"),
    ]


def test_there_is_no_other_role() -> None:
    functions = {f["Role"]["Fn::GetAtt"][0] for f in resources("AWS::Lambda::Function").values()}
    assert set(resources("AWS::IAM::Role")) == functions | {"TickRole", "ApiGatewayLogRole"}


def allowed(role: str) -> Iterator[tuple[str, str]]:
    """Every action and resource that a role's policies allow, its own and those attached to it."""
    policies = [policy["PolicyDocument"] for policy in resources("AWS::IAM::Role")[role].get("Policies", [])]
    policies += [
        policy["PolicyDocument"]
        for policy in resources("AWS::IAM::Policy").values()
        if {"Ref": role} in policy["Roles"]
    ]
    assert not resources("AWS::IAM::RolePolicy")
    for statement in (statement for policy in policies for statement in policy["Statement"]):
        if statement["Effect"] == "Deny":
            continue
        for action in listed(statement["Action"]):
            for resource in listed(statement["Resource"]):
                yield action, named(resource)


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def named(resource: str | Mapping[str, Any]) -> str:
    match resource:
        case str():
            return resource
        case {"Fn::GetAtt": [name, attribute]}:
            return f"{name}.{attribute}"
        case {"Ref": name} | {"Fn::Sub": name}:
            return str(name)
        case {"Fn::If": [_, one, other]}:
            return f"{named(one)} | {named(other)}"
    raise AssertionError(resource)
