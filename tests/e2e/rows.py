"""Rows and the drain's lease, put into the deployed table as no request could in the time of a test."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from feee_cancel.adapters.items import number
from feee_cancel.adapters.lease import _LONGEST_SECONDS
from local.build import ROOT
from local.identity import CREDENTIALS, REGION
from local.stack import LocalStack
from tests.e2e.waiting import wait_for

_STARVED = re.compile(
    r"\b(?:Read|Connect)TimeoutError\b|\b(?:ConnectionClosed|EndpointConnection)Error\b|Broken pipe"
    r"|^Worker (?:returned no response|process died)|^No JSON"
)
"""The drain's error if AWS didn't answer it in time, or the emulator's if a process didn't."""


def put(stack: LocalStack, order_no: str, state: str, **fields: Any) -> None:
    """A row that is due now and whose time is not up, unless the case says otherwise."""
    now = int(time.time())
    row = {"due_at": now - 1, "requested_at": now - 9, "gives_up_at": now + 999, "attempt": 1, **fields}
    item = {name: number(value) if isinstance(value, int) else {"S": value} for name, value in row.items()}
    key = {"order_no": {"S": order_no}, "state": {"S": state}}
    stack.client("dynamodb").put_item(TableName=stack.outputs["TableName"], Item=key | item)


_CRASHING = """
import functions.schedule.app as app
from feee_cancel.usecases import attempt
from tests.events import Context

def crash(*_, **__):
    raise ValueError("a fault of ours")

attempt.attempt = crash
print("ready", flush=True)
input()
app.lambda_handler({}, Context())
"""


def let_an_attempt_crash(stack: LocalStack, order_no: str) -> None:
    """Let the drain's own code crash over a row, and put what it logs into the function's log.

    No row and no answer is known that it crashes over, so that the fault is put into its code, in a process of its own.
    """
    logs, group = stack.client("logs"), stack.outputs["ScheduleFunctionLogGroup"]
    name = {"FunctionName": stack.outputs["ScheduleFunctionName"]}
    variables = stack.client("lambda").get_function_configuration(**name)["Environment"]["Variables"]
    credentials = {
        "AWS_ENDPOINT_URL": stack.endpoint,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": CREDENTIALS.access_key,
        "AWS_SECRET_ACCESS_KEY": CREDENTIALS.secret_key,
    }
    path = {"PYTHONPATH": os.pathsep.join(["layers/core", "."]), "AWS_LAMBDA_FUNCTION_NAME": name["FunctionName"]}
    environment = variables | credentials | path

    def drained() -> str:
        command, pipe = [sys.executable, "-c", _CRASHING], subprocess.PIPE
        with subprocess.Popen(
            command, env=environment, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True
        ) as process:
            assert process.stdout
            if process.stdout.readline() != "ready\n":
                raise AssertionError(process.communicate())
            hold_the_lease(stack, 0)
            put(stack, order_no, "waiting")
            said, error = process.communicate("go on\n")
            assert process.returncode == 0, error
        return said

    # A drain of the stack's own may have been faster with the row.
    said = wait_for(drained, lambda told: "an attempt crashed" in told)
    at, stream = int(time.time() * 1000), uuid4().hex
    logs.create_log_stream(logGroupName=group, logStreamName=stream)
    events = [{"timestamp": at, "message": line} for line in said.splitlines()]
    logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
    stack.client("dynamodb").delete_item(TableName=stack.outputs["TableName"], Key={"order_no": {"S": order_no}})


def hold_the_lease(stack: LocalStack, seconds: int) -> None:
    """Keep every drain from working for so long; 0 lets them."""
    held = {"holder": {"S": "a test"}, "lease_until": number(time.time() + seconds), "requested_end": number(0)}
    stack.client("dynamodb").put_item(TableName=stack.outputs["TableName"], Item={"order_no": {"S": "drain"}, **held})


@contextmanager
def no_drain_at_work(stack: LocalStack) -> Iterator[None]:
    """What is due meanwhile waits; a tick reports it. It fails if the block outlasts the longest lease heeded."""
    held_until = time.monotonic() + _LONGEST_SECONDS - 1
    hold_the_lease(stack, _LONGEST_SECONDS)
    time.sleep(6)  # a drain that is at work extends its lease after three seconds or four, and stops if it is another's
    try:
        yield
        assert time.monotonic() < held_until, "a drain may have been at work"
    finally:
        hold_the_lease(stack, 0)


def hand_over(stack: LocalStack, event: object) -> None:
    """Invoke the drain's function asynchronously, as EventBridge does."""
    asked = {"FunctionName": stack.outputs["ScheduleFunctionName"], "Payload": json.dumps(event).encode()}
    stack.client("lambda").invoke(InvocationType="Event", **asked)["Payload"].read()


def tick(stack: LocalStack) -> None:
    """Let the stack's tick run now, to its end; again, and said so, if the machine was starved.

    It may end well without having reported the backlog: that has to be waited for, too.
    """

    def ended() -> bool:
        error = invoke_the_drain(stack, "{}")
        if error is not None:
            assert _STARVED.search(error["errorMessage"]), error
            print(f"a tick was starved: {error['errorMessage']}")
        return error is None

    wait_for(ended)


def invoke_the_drain(stack: LocalStack, payload: str) -> Any:
    """Invoke the drain's function and wait for its end. What it returned, or its error."""
    name = stack.outputs["ScheduleFunctionName"]
    return json.load(stack.client("lambda").invoke(FunctionName=name, Payload=payload)["Payload"])
