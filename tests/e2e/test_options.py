"""The stack with every optional part on and with every one off, and the way from one to the other."""

import time
from typing import Any

import pytest
from rich.console import Console

from local.metrics import emitted
from local.stack import STACK, LocalStack, local_stack
from tests.alarms import alarms

pytestmark = pytest.mark.long

ALL_OFF = {
    "Alarms": "false",
    "Dashboard": "false",
    "CreateApiGatewayLogRole": "false",
    "WebhookConcurrency": "0",
    "SubnetIds": "",
    "SecurityGroupIds": "",
    "AlarmEmail": "",
}
ALL_ON = {
    "Alarms": "true",
    "AlarmEmail": "operator@example.com",
    "Dashboard": "true",
    "CreateApiGatewayLogRole": "true",
    "WebhookConcurrency": "5",
    "SubnetIds": "subnet-1,subnet-2",
    "SecurityGroupIds": "sg-1",
}


def there(stack: LocalStack) -> dict[str, Any]:
    """The optional parts that the stack has. (The emulator has no VPCs: of that part there is the permission.)"""
    cloudwatch, sns = stack.client("cloudwatch"), stack.client("sns")
    function = stack.client("lambda").get_function_configuration(FunctionName=stack.outputs["ApiFunctionName"])
    role = stack.client("iam").list_attached_role_policies(RoleName=function["Role"].rpartition("/")[2])
    return {
        "alarms": len(cloudwatch.describe_alarms()["MetricAlarms"]),
        "dashboards": len(cloudwatch.list_dashboards()["DashboardEntries"]),
        "mailed": [subscription["Endpoint"] for subscription in sns.list_subscriptions()["Subscriptions"]],
        "network": [policy["PolicyName"] for policy in role["AttachedPolicies"]],
        "topic": "AlarmTopicArn" in stack.outputs,
    }


NOTHING = {"alarms": 0, "dashboards": 0, "mailed": [], "network": [], "topic": False}
EVERYTHING = {
    "alarms": len(alarms()),
    "dashboards": 1,
    "mailed": ["operator@example.com"],
    "network": ["AWSLambdaENIManagementAccess"],
    "topic": True,
}


def rows(stack: LocalStack) -> list[dict[str, Any]]:
    """The table's rows, without the drain's turn."""
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
        assert (there(full), rows(full)) == (EVERYTHING, before)
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
    data = [datum for datum in emitted(stack, since=since) if datum.name == "FeeeNotSent"]
    assert {(datum.namespace, datum.dimensions) for datum in data} == {("FeeeCancel", (("service", STACK),))}
