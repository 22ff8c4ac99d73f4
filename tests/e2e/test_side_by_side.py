"""Two accounts of feee.io: a stack for each in one account and region of AWS, with every optional part on."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from botocore.credentials import Credentials

from feee_cancel_client.api import ApiClient
from local.identity import REGION
from local.simulator.server import RunningSimulator, running
from tests.e2e.user import User, somebody

pytestmark = pytest.mark.long

ALL_ON = (
    "Alarms=operator@example.com Dashboard=true Tracing=true "
    "SubnetIds=subnet-1,subnet-2 SecurityGroupIds=sg-1 SettledWebhookUrl=https://receiver.invalid/settled"
)


@dataclass(frozen=True, slots=True)
class Desk:
    """One account at feee.io, and its stack."""

    name: str
    feee: RunningSimulator
    url: str
    outputs: dict[str, str]


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[User]:
    with somebody(tmp_path_factory.mktemp("user")) as found:
        yield found


def deployed(user: User, name: str, feee: RunningSimulator, key: str, more: str) -> Desk:
    """A stack of this name, with the key of this account."""
    parameters = f"FeeeBaseUrl={feee.url} {ALL_ON} {more}"
    seen = user.types(f"make deploy STACK={name} PARAMETERS='{parameters}'", {"feee.io's key": key})
    found = re.search(r"The API is at (\S+)", seen)
    assert found, seen
    (stack,) = user.stack.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    return Desk(name, feee, found[1], outputs)


@pytest.fixture(scope="module")
def desks(user: User) -> Iterator[tuple[Desk, Desk]]:
    """The second finds API Gateway's role for logs set."""
    with running(key="key-of-desk-one-1111") as one, running(key="key-of-desk-two-2222") as two:
        yield (
            deployed(user, "desk-one", one, "key-of-desk-one-1111", "CreateApiGatewayLogRole=true"),
            deployed(user, "desk-two", two, "key-of-desk-two-2222", "CreateApiGatewayLogRole=false"),
        )


def cancelled(user: User, desk: Desk) -> Any:
    """What became of an order of this account."""
    order_no = desk.feee.client.create_order(age=600).order_no
    return json.loads(user.types(f"./feee-cancel cancel {order_no} --stack {desk.name} --json"))


def test_each_cancels_in_its_own_account(user: User, desks: tuple[Desk, Desk]) -> None:
    for desk, other in (desks, desks[::-1]):
        answer = cancelled(user, desk)
        assert answer["state"] == "cancelled"
        assert desk.feee.client.order(answer["order_no"]).accepted_cancels == 1
        found = user.stack.client("dynamodb").get_item(
            TableName=other.outputs["TableName"], Key={"order_no": {"S": answer["order_no"]}}
        )
        assert "Item" not in found


def test_nothing_has_the_name_of_the_others(user: User, desks: tuple[Desk, Desk]) -> None:
    one, two = desks
    assert {name for name in one.outputs if one.outputs[name] == two.outputs[name]} == set()
    cloudwatch = user.stack.client("cloudwatch")
    assert len(cloudwatch.list_dashboards()["DashboardEntries"]) == 2
    alarms = [alarm["AlarmName"] for alarm in cloudwatch.describe_alarms()["MetricAlarms"]]
    counted = [sum(alarm.startswith(f"{desk.name}-") for alarm in alarms) for desk in desks]
    assert counted == [len(alarms) / 2] * 2


def test_a_caller_of_one_is_none_of_the_other(user: User, desks: tuple[Desk, Desk]) -> None:
    one, two = desks
    iam, name = user.stack.client("iam"), f"caller-{uuid4()}"
    iam.create_user(UserName=name)
    statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": f"{one.outputs['ApiArn']}/*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName=name, PolicyName="call", PolicyDocument=policy)
    made = iam.create_access_key(UserName=name)["AccessKey"]
    credentials = Credentials(made["AccessKeyId"], made["SecretAccessKey"])
    for desk, status in ((one, 404), (two, 403)):
        with ApiClient(desk.url, credentials, REGION) as api:
            assert api.get("2304170329503866885309").status == status


def test_the_others_go_on_when_one_is_removed(user: User, desks: tuple[Desk, Desk]) -> None:
    one, two = desks
    third = deployed(user, "desk-three", one.feee, "key-of-desk-one-1111", "CreateApiGatewayLogRole=false")
    user.types(f"make undeploy STACK={third.name} YES=1")
    assert [cancelled(user, desk)["state"] for desk in (one, two)] == ["cancelled", "cancelled"]
