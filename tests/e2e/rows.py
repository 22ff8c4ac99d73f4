"""Rows and the drain's lease, put into the deployed table as no request could in the time of a test."""

import time
from typing import Any

from feee_cancel.adapters.items import number
from local.stack import LocalStack
from tests.e2e.waiting import wait_for


def put(stack: LocalStack, order_no: str, state: str, **fields: Any) -> None:
    """A row that is due now and whose time is not up, unless the case says otherwise."""
    now = int(time.time())
    row = {"due_at": now - 1, "requested_at": now - 9, "gives_up_at": now + 999, "attempt": 1, **fields}
    item = {name: number(value) if isinstance(value, int) else {"S": value} for name, value in row.items()}
    key = {"order_no": {"S": order_no}, "state": {"S": state}}
    stack.client("dynamodb").put_item(TableName=stack.outputs["TableName"], Item=key | item)


def let_an_attempt_crash(stack: LocalStack, order_no: str) -> None:
    """Let the drain meet a row that it can't read; then the row is gone, so that the drain ends."""
    put(stack, order_no, "waiting", tries="unreadable")
    table, key = {"TableName": stack.outputs["TableName"]}, {"order_no": {"S": order_no}}
    function = stack.outputs["ScheduleFunctionName"]
    stack.client("lambda").invoke(FunctionName=function, InvocationType="Event", Payload=b"{}")
    wait_for(lambda: stack.client("dynamodb").get_item(**table, Key=key)["Item"], lambda item: "postponed" in item)
    stack.client("dynamodb").delete_item(**table, Key=key)


def hold_the_lease(stack: LocalStack, seconds: int) -> None:
    """Keep every drain from working for so long; 0 lets them."""
    held = {"holder": {"S": "a test"}, "lease_until": number(time.time() + seconds), "requested_end": number(0)}
    stack.client("dynamodb").put_item(TableName=stack.outputs["TableName"], Item={"order_no": {"S": "drain"}, **held})


def invoke_the_drain(stack: LocalStack, payload: str) -> dict[str, Any]:
    """Invoke the drain's function and wait for its end."""
    name = stack.outputs["ScheduleFunctionName"]
    answer: dict[str, Any] = stack.client("lambda").invoke(FunctionName=name, Payload=payload)
    return answer
