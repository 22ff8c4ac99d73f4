"""`make undeploy`: say what stays and what it costs, ask, and remove the rest."""

import os
import sys
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError
from rich.console import Console

from cli.outcome import TroubleError
from cli.screen import agrees
from deploy.__main__ import main, shown, signed_in
from deploy.state import DeployedStack, is_ours
from deploy.wanted import Wanted

_TABLE = "AWS::DynamoDB::Table"
_GB = 1_000_000_000
_TABLE_DOLLARS = 0.25 + 0.20
"""For each GB a month: DynamoDB's storage and its point-in-time recovery (us-east-1)."""
_SECRET_DOLLARS = 0.40
"""A month for each secret."""
_NOT_THERE = {"DELETE_COMPLETE", "CREATE_FAILED"}
_UNSETTLED = ("waiting", "cancelling", "refunding")


def undeploy(asked: Wanted, console: Console) -> None:
    """Remove the stack, with progress on the console. Raises TroubleError and what boto3 raises."""
    show = shown(console)
    session = signed_in(asked, show)
    stack = DeployedStack(session.client("cloudformation"), asked.stack, show, asked.where)
    stack.settle()
    there = stack.now()
    if there is None:
        show(f"There is no stack {asked.stack} in {session.region_name}. There is nothing to remove.")
        return
    if not is_ours(there):
        raise TroubleError(f"Stack {asked.stack} isn't this project's. Nothing was changed.")
    for line in _says(session, asked.stack):
        show(line)
    if not _agreed(f"Remove stack {asked.stack} from {session.region_name}?"):
        show("Nothing was changed.")
        return
    show("Removing ...")
    stack.delete()
    show(f"Stack {asked.stack} is removed.")


def _says(session: Any, stack: str) -> Iterator[str]:
    """What removing it means."""
    held = _held(session, stack)
    tables = held.get(_TABLE, [])
    secrets = held.get("AWS::SecretsManager::Secret", [])
    for table in tables:
        yield from _orders(session, table)
    if not tables and not secrets:
        yield "It has no table and no secret of its own."
    else:
        yield "These stay:"
        for table in tables:
            yield f"  table {table}: {_table_costs(session, table)}"
        for secret in secrets:
            yield f"  secret {secret}: ${_SECRET_DOLLARS:.2f} a month"
        yield "A new deployment creates its own; docs/deploy.md says how to reuse these, and how to delete them."
    yield "API Gateway's role for logs stays too, as it is the account's; it costs nothing. So does what SAM uploaded."


def _held(session: Any, name: str) -> dict[str, list[str]]:
    """The physical ids of the stack's resources that are there, by type.

    CloudFormation also lists those that a rollback or an earlier deletion took away, or that never came to be.
    """
    held: dict[str, list[str]] = {}
    pages = session.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=name)
    for resource in (resource for page in pages for resource in page["StackResourceSummaries"]):
        kind, there = resource["ResourceType"], resource.get("PhysicalResourceId", "")
        if not there or resource["ResourceStatus"] in _NOT_THERE or (kind == _TABLE and _is_gone(session, there)):
            continue
        held.setdefault(kind, []).append(there)
    return held


def _is_gone(session: Any, table: str) -> bool:
    """Whether it was deleted by hand."""
    client = session.client("dynamodb")
    try:
        client.describe_table(TableName=table)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        return True
    return False


def _orders(session: Any, table: str) -> Iterator[str]:
    """A warning if cancellations would be left to themselves."""
    query = session.client("dynamodb").get_paginator("query")  # one answer counts 1 MB of the index at most
    count = sum(
        page["Count"]
        for state in _UNSETTLED
        for page in query.paginate(
            TableName=table,
            IndexName="state-due_at",
            Select="COUNT",
            KeyConditionExpression="#state = :state",
            ExpressionAttributeNames={"#state": "state"},
            ExpressionAttributeValues={":state": {"S": state}},
        )
    )
    if count:
        yield f"{count} cancellations aren't settled yet. Without the stack nobody sees them through."


def _table_costs(session: Any, table: str) -> str:
    """What the table holds and costs, as DynamoDB counts it every six hours."""
    size = session.client("dynamodb").describe_table(TableName=table)["Table"]
    gigabytes = size.get("TableSizeBytes", 0) / _GB
    return f"{size.get('ItemCount', 0)} cancellations, {gigabytes:.3f} GB, ${gigabytes * _TABLE_DOLLARS:.2f} a month"


def _agreed(question: str) -> bool:
    given = os.environ.get("YES", "")
    if given not in {"", "1"}:
        raise TroubleError("YES=1 removes it without a question; YES has no other value. Nothing was changed.")
    if given:
        return True
    if not sys.stdin.isatty():
        raise TroubleError(f"{question} There is nobody to ask here: make undeploy YES=1.")
    return agrees(question)


if __name__ == "__main__":
    sys.exit(main(undeploy))
