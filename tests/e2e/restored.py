"""A deployed stack that a test may spoil: what it changed is put back afterwards, however it ended."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from local.stack import STACK, LocalStack

_QUEUES = ("FailedEventsUrl", "UndeliveredTicksUrl", "UnannouncedRecordsUrl")
_OF_A_SCHEDULE = ("Name", "GroupName", "ScheduleExpression", "FlexibleTimeWindow", "Target", "State")

Values = Mapping[Any, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """What can be spoilt. `write` puts one value back; None is what wasn't there."""

    read: Callable[[LocalStack], Values]
    write: Callable[[LocalStack, Any, Any], None]


@contextmanager
def put_back(stack: LocalStack) -> Iterator[None]:
    """All of it is afterwards as it was before."""
    before = snapshot(stack)
    try:
        yield
    finally:
        restore(stack, before)


def snapshot(stack: LocalStack) -> list[Values]:
    """How everything is now."""
    return [part.read(stack) for part in PARTS]


def restore(stack: LocalStack, before: list[Values]) -> None:
    """Write what differs. A function that it concerns starts again: no process is left with what was spoilt."""
    for part, were in zip(PARTS, before, strict=True):
        are = part.read(stack)
        for name in are.keys() | were.keys():
            if are.get(name) != were.get(name):
                part.write(stack, name, were.get(name))


def clear(stack: LocalStack) -> None:
    """No orders, no rows, no lease, and nothing in the queues."""
    stack.simulator.client.reset()
    stack.simulator.client.set_access(rate_limit=10_000)
    empty_the_queues(stack)
    table, name = stack.client("dynamodb"), stack.outputs["TableName"]
    for page in table.get_paginator("scan").paginate(TableName=name):
        for item in page["Items"]:
            table.delete_item(TableName=name, Key={"order_no": item["order_no"]})


def empty_the_queues(stack: LocalStack) -> None:
    """Nothing in the queues of failures, whatever was tried before."""
    for queue in _QUEUES:
        stack.client("sqs").purge_queue(QueueUrl=stack.outputs[queue])


def renew(stack: LocalStack) -> None:
    """Let the functions start again, and read again what they keep, as after any change of their configuration."""
    client = stack.client("lambda")
    for name in _names(stack):
        variables = client.get_function_configuration(FunctionName=name)["Environment"]
        client.update_function_configuration(FunctionName=name, Environment=variables)


def _parameters(stack: LocalStack) -> Values:
    (found,) = stack.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    return {"all": {one["ParameterKey"]: one["ParameterValue"] for one in found["Parameters"]}}


def _deploy(stack: LocalStack, _: str, parameters: Mapping[str, str]) -> None:
    stack.update(**parameters)


def _names(stack: LocalStack) -> list[str]:
    return [name for output, name in stack.outputs.items() if output.endswith("FunctionName")]


def _variables(stack: LocalStack) -> Values:
    read = stack.client("lambda").get_function_configuration
    return {name: read(FunctionName=name)["Environment"]["Variables"] for name in _names(stack)}


def _configure(stack: LocalStack, name: str, variables: Mapping[str, str]) -> None:
    stack.client("lambda").update_function_configuration(FunctionName=name, Environment={"Variables": variables})


def _concurrency(stack: LocalStack) -> Values:
    read = stack.client("lambda").get_function_concurrency
    return {name: read(FunctionName=name).get("ReservedConcurrentExecutions") for name in _names(stack)}


def _reserve(stack: LocalStack, name: str, reserved: int | None) -> None:
    client = stack.client("lambda")
    if reserved is None:
        client.delete_function_concurrency(FunctionName=name)
    else:
        client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=reserved)


def _policies(stack: LocalStack) -> Values:
    iam = stack.client("iam")
    return {
        (role["RoleName"], policy): iam.get_role_policy(RoleName=role["RoleName"], PolicyName=policy)["PolicyDocument"]
        for role in iam.list_roles()["Roles"]
        for policy in iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]
    }


def _allow(stack: LocalStack, name: tuple[str, str], document: Any) -> None:
    policy = {"RoleName": name[0], "PolicyName": name[1]}
    if document is None:
        stack.client("iam").delete_role_policy(**policy)
    else:
        stack.client("iam").put_role_policy(**policy, PolicyDocument=json.dumps(document))


def _schedules(stack: LocalStack) -> Values:
    scheduler = stack.client("scheduler")
    found = [
        scheduler.get_schedule(Name=listed["Name"], GroupName=listed["GroupName"])
        for listed in scheduler.list_schedules()["Schedules"]
    ]
    return {one["Name"]: {key: one[key] for key in _OF_A_SCHEDULE if key in one} for one in found}


def _schedule(stack: LocalStack, name: str, schedule: Any) -> None:
    scheduler = stack.client("scheduler")
    if name in _schedules(stack):
        scheduler.delete_schedule(Name=name)
    if schedule is not None:
        scheduler.create_schedule(**schedule)


def _secrets(stack: LocalStack) -> Values:
    read = stack.client("secretsmanager").get_secret_value
    secrets = (stack.outputs["FeeeKeySecretArn"], stack.outputs["WebhookSecretArn"])
    return {secret: read(SecretId=secret)["SecretString"] for secret in secrets}


def _tell(stack: LocalStack, secret: str, document: str) -> None:
    """The processes that know the other one are replaced."""
    stack.client("secretsmanager").put_secret_value(SecretId=secret, SecretString=document)
    renew(stack)


PARTS = (
    Part(_parameters, _deploy),  # first: it writes others too
    Part(_variables, _configure),
    Part(_concurrency, _reserve),
    Part(_policies, _allow),
    Part(_schedules, _schedule),
    Part(_secrets, _tell),
)
