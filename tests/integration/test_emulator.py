"""What the emulator is kept to, because AWS does so."""

import io
import json
import zipfile
from pathlib import Path

from local.aws import at_emulator
from local.emulator import emulator
from tests.e2e.waiting import wait_for

CODE = """
import sys, time

def handler(event, context):
    print("begun", file=sys.stderr, flush=True)
    time.sleep(20)
    print("ended", file=sys.stderr, flush=True)
"""


def test_a_line_is_in_the_log_while_the_function_is_at_work(tmp_path: Path) -> None:
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("app.py", CODE)
    with emulator(tmp_path) as endpoint, at_emulator(endpoint) as client:
        trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        role = client("iam").create_role(RoleName="slow", AssumeRolePolicyDocument=document)["Role"]["Arn"]
        client("logs").create_log_group(logGroupName="/aws/lambda/slow")
        client("lambda").create_function(
            FunctionName="slow",
            Runtime="python3.13",
            Role=role,
            Handler="app.handler",
            Code={"ZipFile": code.getvalue()},
            Timeout=60,
        )

        def log() -> list[str]:
            events = client("logs").filter_log_events(logGroupName="/aws/lambda/slow")["events"]
            return [event["message"] for event in events]

        client("lambda").invoke(FunctionName="slow", InvocationType="Event")
        assert wait_for(log)[0] == "begun"
        assert "ended" not in log()
