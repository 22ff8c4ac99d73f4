"""The stack with every optional part on and with every one off, and the way from one to the other."""

import time
from typing import Any

import pytest
from rich.console import Console

from local.metrics import emitted
from local.stack import STACK, LocalStack, local_stack
from tests.alarms import alarms
from tests.e2e.waiting import wait_for

pytestmark = pytest.mark.long

ALL_OFF = {
    "Alarms": "false",
    "Dashboard": "false",
    "CreateApiGatewayLogRole": "false",
    "SubnetIds": "",
    "SecurityGroupIds": "",
    "SettledWebhookUrl": "",
}
ALL_ON = {
    "Alarms": "operator@example.com",
    "Dashboard": "true",
    "CreateApiGatewayLogRole": "true",
    "SubnetIds": "subnet-1,subnet-2",
    "SecurityGroupIds": "sg-1",
    "SettledWebhookUrl": "https://receiver.invalid/settled",
}


def there(stack: LocalStack) -> dict[str, Any]:
    """The optional parts that the stack has."""
    cloudwatch, sns = stack.client("cloudwatch"), stack.client("sns")
    return {
        "alarms": len(cloudwatch.describe_alarms()["MetricAlarms"]),
        "dashboards": len(cloudwatch.list_dashboards()["DashboardEntries"]),
        "mailed": [subscription["Endpoint"] for subscription in sns.list_subscriptions()["Subscriptions"]],
        "topic": "AlarmTopicArn" in stack.outputs,
        "network": {name: network(stack, name) for name in ("Api", "Webhook", "Schedule", "Notify")},
    }


def network(stack: LocalStack, function: str) -> dict[str, Any]:
    """A function's network: its VPC, what its role may do for it, and what is denied to the function's own code."""
    iam, name = stack.client("iam"), stack.outputs[f"{function}FunctionName"]
    found = stack.client("lambda").get_function_configuration(FunctionName=name)
    role = found["Role"].rpartition("/")[2]
    policies = [
        iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]["Statement"]
        for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]
    ]
    denied = [one for statements in policies for one in statements if one["Effect"] == "Deny"]
    attached = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    return {
        "vpc": vpc(stack, f"{function}Function"),
        "managed": [action for one in attached for action in actions(iam, one["PolicyArn"])],
        "denied": [one["Action"] for one in denied if found["FunctionArn"] in str(one["Condition"])],
    }


def actions(iam: Any, policy: str) -> list[str]:
    """What a policy of this stack, with one statement, allows."""
    (statement,) = iam.get_policy_version(PolicyArn=policy, VersionId="v1")["PolicyVersion"]["Document"]["Statement"]
    return list(statement["Action"])


def vpc(stack: LocalStack, function: str) -> dict[str, list[str]]:
    """As CloudFormation has it: the emulator's functions know of no VPC."""
    cloudformation = stack.client("cloudformation")
    template = cloudformation.get_template(StackName=STACK, TemplateStage="Processed")["TemplateBody"]
    parameters = cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]["Parameters"]
    values = {parameter["ParameterKey"]: parameter["ParameterValue"] for parameter in parameters}
    match template["Resources"][function]["Properties"].get("VpcConfig"):
        case {"Fn::If": ["InVpc", there, _]} if values["SubnetIds"]:
            return {name: values[value["Ref"]].split(",") for name, value in there.items()}
        case _:
            return {}


OUTSIDE: dict[str, Any] = {"vpc": {}, "managed": [], "denied": []}
INSIDE = {
    "vpc": {"SubnetIds": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]},
    "managed": [
        *("ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface"),
        *("ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses"),
    ],
    "denied": ["ec2:*"],
}
NOTHING = {
    "alarms": 0,
    "dashboards": 0,
    "mailed": [],
    "topic": False,
    "network": dict.fromkeys(("Api", "Webhook", "Schedule", "Notify"), OUTSIDE),
}
EVERYTHING = {
    "alarms": len(alarms()),
    "dashboards": 1,
    "mailed": ["operator@example.com"],
    "topic": True,
    "network": {"Api": INSIDE, "Webhook": OUTSIDE, "Schedule": INSIDE, "Notify": OUTSIDE},
}


def rows(stack: LocalStack) -> list[dict[str, Any]]:
    """The table's rows, without the drain's lease."""
    items = stack.client("dynamodb").scan(TableName=stack.outputs["TableName"])["Items"]
    return sorted((item for item in items if "state" in item), key=lambda item: str(item["order_no"]))


def test_every_part_off_then_on_then_off_again_keeps_the_rows_and_works() -> None:
    with local_stack(Console(quiet=True), port=0, **ALL_OFF) as bare:
        assert there(bare) == NOTHING
        feee = bare.simulator.client
        later = int(time.time()) + 9_000
        assert bare.api.cancel(feee.create_order(age=743).order_no).status == 200
        assert bare.api.cancel(feee.create_order(age=743).order_no, not_before=later).status == 202
        before = rows(bare)
        assert len(before) == 2
        full = bare.update(**ALL_ON)
        assert there(full) == EVERYTHING
        assert rows(full) == before
        assert full.api.cancel(feee.create_order(age=743).order_no).status == 200
        before = rows(full)
        again = full.update(**ALL_OFF, FeeeBaseUrl="http://127.0.0.1:9/open")
        assert (there(again), rows(again)) == (NOTHING, before)
        assert_unreachable_is_counted(again)


def assert_unreachable_is_counted(stack: LocalStack) -> None:
    """The one metric that needs a feee.io which isn't there (the others: test_metrics.py)."""
    since = time.time()
    answer = stack.api.cancel("2304170329503866885312")
    assert (answer.status, answer.body["state_reason"]) == (202, "unreachable")
    data = wait_for(lambda: [datum for datum in emitted(stack, since=since) if datum.name == "FeeeNotSent"])
    assert {(datum.namespace, datum.dimensions) for datum in data} == {("FeeeCancel", (("service", STACK),))}
