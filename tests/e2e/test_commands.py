"""Every command against the deployed stack."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from botocore.credentials import Credentials

from cli.__main__ import run
from cli.arguments import parser
from cli.outcome import Exit, Outcome
from cli.screen import Terminal
from cli.target import local
from feee_cancel_client.api import ApiClient
from local.bus import settled_events
from local.identity import CREDENTIALS, REGION
from local.running import announced
from local.stack import STACK, LocalStack
from tests.e2e.records import GONE, position, span
from tests.e2e.rows import hand_over
from tests.e2e.waiting import wait_for
from tests.template import ROOT

LATER = "+1d"


@dataclass(frozen=True, slots=True)
class Commands:
    """Runs command lines against what a file says is running."""

    file: Path

    def __call__(self, *line: str) -> Outcome:
        asked = parser(now=time.time()).parse_args([*line, "--local"])
        with local(self.file) as stack:
            return run(asked, stack, Terminal(quiet=False))


@pytest.fixture
def command(stack: LocalStack, tmp_path: Path) -> Iterator[Commands]:
    file = tmp_path / "running.json"
    with announced(stack, file):
        yield Commands(file)
    assert not file.exists()


def order(stack: LocalStack, **options: Any) -> str:
    return stack.simulator.client.create_order(**{"age": 600, **options}).order_no


def test_an_order_is_looked_up_cancelled_shown_and_listed(stack: LocalStack, command: Commands) -> None:
    order_no = order(stack)
    assert command("lookup", order_no).exit is Exit.DONE
    assert command("show", order_no).exit is Exit.NO
    cancelled = command("cancel", order_no, "--reason", "unfilled")
    assert (cancelled.exit, cancelled.document["state"]) == (Exit.DONE, "cancelled")
    assert "3.92 TRX came back" in cancelled.text
    assert command("show", order_no).document == cancelled.document
    assert command("lookup", order_no).exit is Exit.NO
    listed = command("list", "--state", "cancelled")  # another test's may have ended after it
    assert order_no in [row["order_no"] for row in listed.document["cancellations"]]
    assert listed.exit is Exit.DONE
    assert len(command("list", "--limit", "1").document["cancellations"]) == 1


def test_what_waits_is_taken_back(stack: LocalStack, command: Commands) -> None:
    order_no = order(stack)
    assert command("cancel", order_no, "--not-before", LATER).exit is Exit.PENDING
    assert command("withdraw", order_no).exit is Exit.DONE
    assert command("watch", order_no).exit is Exit.NO
    assert command("cancel", order_no).exit is Exit.DONE
    assert command("withdraw", order_no).exit is Exit.NO


def test_an_order_is_watched_until_it_is_cancelled(
    stack: LocalStack, command: Commands, capsys: pytest.CaptureFixture[str]
) -> None:
    order_no = order(stack)
    assert command("cancel", order_no, "--not-before", "+20s").exit is Exit.PENDING
    watched = command("watch", order_no, "--timeout", "120")
    assert (watched.exit, watched.document["state"]) == (Exit.DONE, "cancelled")
    told = capsys.readouterr().out
    assert f"{order_no} is waiting: for the time that was asked for." in told


def test_the_orders_of_a_file_are_cancelled_watched_exported_and_each_has_its_story(
    stack: LocalStack, command: Commands, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    order_nos, file, began = [order(stack) for _ in range(30)], tmp_path / "orders.csv", int(time.time())
    file.write_text("\n".join(["trx,order_no", *(f"3.92,{order_no}" for order_no in order_nos)]))
    followed = command("cancel", "--file", str(file), "--reason", "=1+1", "--watch")
    assert (followed.exit, followed.document["final"]) == (Exit.DONE, {"cancelled": 30})
    assert "30 orders: 30 accepted, 0 final already." in capsys.readouterr().out
    assert command("cancel", "--file", str(file)).exit is Exit.DONE
    capsys.readouterr()
    assert command("export", "--state", "cancelled", "--since", str(began), "--until", "+1m").exit is Exit.DONE
    written = capsys.readouterr().out.splitlines()
    assert {line.partition(",")[0] for line in written[1:]} >= set(order_nos)
    assert sum(",'=1+1," in line for line in written) == 30
    story = wait_for(lambda: "\n".join(command("history", order_nos[0]).words), lambda said: "ended: cancelled" in said)
    assert "asked feee.io to cancel the order: it showed the order" in story
    assert "asked for it to be cancelled" in story.splitlines()[0]


def queued(stack: LocalStack, queue: str) -> list[str]:
    """The bodies in a queue, which stay in it; at most ten."""
    asked = {"QueueUrl": stack.outputs[queue], "MaxNumberOfMessages": 10, "VisibilityTimeout": 0}
    return [message["Body"] for message in stack.client("sqs").receive_message(**asked).get("Messages", [])]


def payloads(stack: LocalStack) -> list[dict[str, Any]]:
    """What failed, and on a busy machine ticks."""
    return [json.loads(body)["requestPayload"] for body in queued(stack, "FailedEventsUrl")]


def test_failed_events_are_sent_again_and_malformed_ones_are_left(stack: LocalStack, command: Commands) -> None:
    order_no, sqs, url = order(stack), stack.client("sqs"), stack.outputs["FailedEventsUrl"]
    malformed = {"order_no": f"x{order_no}"}
    hand_over(stack, malformed)
    wait_for(lambda: malformed in payloads(stack))
    failed = {"requestPayload": {"order_no": order_no}, "responsePayload": {"errorType": "TableUnavailableError"}}
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps(failed))
    outcome = command("redrive", "FailedEvents", "--yes")
    assert outcome.exit is Exit.NO
    assert outcome.document["done"] == outcome.document["found"] - 1 >= 1, "on a busy machine ticks failed, too"
    wait_for(lambda: stack.api.get(order_no).body, lambda row: row.get("state") == "cancelled")
    assert malformed in payloads(stack)
    assert failed["requestPayload"] not in payloads(stack)
    assert command("redrive", "FailedEvents", "--yes", "--discard").exit is Exit.DONE
    assert malformed not in payloads(stack)


def test_records_of_the_stream_are_announced_again(stack: LocalStack, command: Commands) -> None:
    order_no, url = order(stack), stack.outputs["UnannouncedRecordsUrl"]
    with settled_events(stack) as bus:
        assert command("cancel", order_no).exit is Exit.DONE
        wait_for(lambda: bus.of(order_no), lambda events: len(events) == 1)
        for message in (span(stack, order_no), position(stack, GONE, GONE)):
            stack.client("sqs").send_message(QueueUrl=url, MessageBody=json.dumps(message))
        outcome = command("redrive", "UnannouncedRecords", "--yes")
        assert (outcome.exit, outcome.document["done"]) == (Exit.NO, 1)
        assert "their events are lost" in outcome.text
        once, again = wait_for(lambda: bus.of(order_no), lambda events: len(events) == 2)
        assert once == again
    (left,) = queued(stack, "UnannouncedRecordsUrl")
    assert json.loads(left)["DDBStreamBatchInfo"]["startSequenceNumber"] == GONE


def script(stack: LocalStack, *line: str) -> subprocess.CompletedProcess[str]:
    """The command as users run it, from another folder, against the emulator as if it were AWS."""
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_ENDPOINT_URL": stack.endpoint,
        "AWS_ACCESS_KEY_ID": CREDENTIALS.access_key,
        "AWS_SECRET_ACCESS_KEY": CREDENTIALS.secret_key,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    ran = [str(ROOT / "feee-cancel"), *line]
    return subprocess.run(ran, cwd="/", env=environment, capture_output=True, text=True, check=False)


def test_a_stack_is_found_by_its_name_with_the_users_credentials(stack: LocalStack) -> None:
    sqs, url = stack.client("sqs"), stack.outputs["UndeliveredTicksUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="{}")
    asked = script(stack, "redrive", "UndeliveredTicks", "--stack", STACK)
    assert (asked.returncode, asked.stdout) == (Exit.TROUBLE, "")
    assert "tick that couldn't be delivered" in asked.stderr
    assert "add --yes" in asked.stderr
    done = script(stack, "redrive", "UndeliveredTicks", "--stack", STACK, "--yes", "--json")
    assert (done.returncode, done.stderr) == (Exit.DONE, "")
    assert json.loads(done.stdout) == {"queue": "UndeliveredTicks", "found": 1, "done": 1, "left": []}


def test_a_stack_that_isnt_there_is_said_plainly(stack: LocalStack) -> None:
    ran = script(stack, "list", "--stack", "no-such-stack")
    assert (ran.returncode, ran.stdout) == (Exit.TROUBLE, "")
    assert ran.stderr.startswith(f"There is no stack 'no-such-stack' in {REGION}. Name it with --stack")


@pytest.fixture
def role(stack: LocalStack) -> Iterator[str]:
    """A role that may call the API."""
    iam, name = stack.client("iam"), f"operator-{uuid4()}"
    trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    allowed = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": f"{stack.outputs['ApiArn']}/*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    iam.put_role_policy(RoleName=name, PolicyName="call", PolicyDocument=policy)
    yield arn
    iam.delete_role_policy(RoleName=name, PolicyName="call")
    iam.delete_role(RoleName=name)


def test_temporary_credentials_are_signed_with_their_token(stack: LocalStack, role: str) -> None:
    given = stack.client("sts").assume_role(RoleArn=role, RoleSessionName="operator")["Credentials"]
    key, secret, token = given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]
    for with_token, status in ((token, 404), (None, 403)):
        with ApiClient(stack.api.url, Credentials(key, secret, with_token), REGION) as api:
            assert api.get(order(stack)).status == status
