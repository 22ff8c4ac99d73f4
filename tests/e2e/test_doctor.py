"""The deployment examined: on the local stack as it is, and with what only a deployed API can show."""

import json
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from botocore.credentials import Credentials

from cli.checkup import check_up
from cli.doctor import Deployment, Finding, Verdict, access, deployment, examine, feee, work
from cli.learn import Lesson, learn
from cli.outcome import Exit
from cli.target import Stack
from local.stack import KEY, STACK, LocalStack
from tests.e2e.restored import clear
from tests.e2e.rows import tick
from tests.e2e.waiting import wait_for
from tests.template import ROOT

WITHOUT_AN_EQUAL_HERE = {
    "requests are logged": "the emulator keeps no access log and no role of the account's",
    "concurrent executions suffice": "a local run throttles at 1,000 requests a second",
    "somebody hears of alarms": "nobody is subscribed to a local stack",
    "alarms have their metrics": "the emulator's CloudWatch has no metrics of functions' logs, nor of API Gateway",
}


@pytest.fixture
def there(stack: LocalStack) -> Deployment:
    return deployment(STACK, stack.client, stack.api.call)


def not_well(findings: Iterable[Finding]) -> list[Finding]:
    """All that isn't OK, except that events failed: on a busy machine, the stack's own ticks may."""
    failed = re.compile(r"\d+ in FailedEvents")
    return [one for one in findings if one.verdict is not Verdict.OK and not failed.fullmatch(one.words)]


def test_the_local_stack_is_found_well(stack: LocalStack, there: Deployment) -> None:
    clear(stack)  # what other tests left may be overdue
    tick(stack)
    (ran,) = wait_for(lambda: [*work.the_drain_ran(there)], lambda found: found[0].verdict is Verdict.OK)
    assert ran.words == "in the last 3 minutes"
    found = [finding for finding in examine(there) if finding.check not in WITHOUT_AN_EQUAL_HERE]
    assert not_well(found) == []
    assert len({finding.check for finding in found}) == 24


def test_the_command_says_each_finding_and_ends_as_the_worst_one_says(there: Deployment, opened: str) -> None:
    outcome = check_up(STACK, nullcontext(there), time.time)
    assert outcome.exit is Exit.NO
    assert f"open to everybody: {opened}" in outcome.text
    checks = {finding["check"] for finding in outcome.document["findings"]}
    assert WITHOUT_AN_EQUAL_HERE.keys() < checks
    page = (ROOT / "docs/doctor.md").read_text()
    (said,) = re.findall(r"never has: ([^.]+)[.]", page)
    assert {*re.findall("`(.+?)`", said)} == WITHOUT_AN_EQUAL_HERE.keys()


@pytest.mark.parametrize(
    ("access", "words"),
    [
        ({"keys": ["another"]}, "doesn't know the key"),
        ({"addresses": ["198.51.100.7"]}, "refuses the functions' address"),
        ({"user_agents": ["shop"]}, "refuses 'Feee.io Client/1.0.0 (https://feee.io)'"),
        ({"rate_limit": 0}, "too many calls"),
    ],
)
def test_feee_io_is_asked_by_the_function_itself(
    stack: LocalStack, there: Deployment, access: dict[str, Any], words: str
) -> None:
    stack.simulator.client.set_access(**access)
    (found,) = feee.feee_io_accepts_the_key(there)
    assert words in found.words
    assert found.fix


def test_feee_io_is_learned_through_the_function_and_no_order_is_changed(stack: LocalStack, tmp_path: Path) -> None:
    """As from a terminal, with the record that would be attached to an issue."""
    feee, paid_at = stack.simulator.client, int(time.time()) - 200_000
    paid: dict[str, Any] = {"create_time": paid_at, "pay_time": paid_at}
    ended = feee.create_order(status=12, refund_time=paid_at + 700, **paid).order_no
    rests = feee.create_order(status=4, **paid).order_no
    feee.choose(already_cancelled=20417, chinese=True)
    there = Stack(stack.outputs, stack.api, stack.client, stack.api.url, STACK)
    wanted = Lesson([ended, rests], cancel=True, file=tmp_path / "learned.json")
    outcome = learn(there, wanted, agree=lambda _: True, now=time.time())
    assert outcome.exit is Exit.DONE
    record = json.loads(wanted.file.read_text())
    assert {"already_cancelled is 20417, not 20017", "chinese is True, not False"} <= set(record["differences"])
    assert [call["call"] for call in record["answers"][2]["recorded"]] == ["query", "cancel", "query"]
    assert record["answers"][3]["not_cancelled"] == "its status is 4, its business_status 1"
    assert not any(known in wanted.file.read_text() for known in (ended, rests, KEY))
    assert [feee.order(one).accepted_cancels for one in (ended, rests)] == [0, 0]
    assert {one.path for one in feee.requests(rests)} == {"/open/v2/order/query"}


def test_a_failure_that_waits_is_found(stack: LocalStack, there: Deployment) -> None:
    sqs, url = stack.client("sqs"), stack.outputs["UnannouncedRecordsUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="{}")
    found = not_well(work.queues_of_failures_are_empty(there))
    sqs.purge_queue(QueueUrl=url)
    assert [(one.verdict, one.words) for one in found] == [(Verdict.WRONG, "1 in UnannouncedRecords")]


@pytest.fixture
def opened(stack: LocalStack) -> Iterator[str]:
    """A route whose authorization somebody took away."""
    gateway, api, path = stack.client("apigateway"), stack.outputs["ApiId"], "/orders/{order_no}"
    items = gateway.get_resources(restApiId=api, limit=500)["items"]
    of = {"restApiId": api, "resourceId": next(one["id"] for one in items if one["path"] == path), "httpMethod": "GET"}
    change = {"op": "replace", "path": "/authorizationType"}
    gateway.update_method(**of, patchOperations=[{**change, "value": "NONE"}])
    gateway.create_deployment(restApiId=api, stageName="v1")
    yield f"GET {path}"
    gateway.update_method(**of, patchOperations=[{**change, "value": "AWS_IAM"}])
    gateway.create_deployment(restApiId=api, stageName="v1")


def test_a_route_that_is_open_is_found_although_the_function_still_asks_who_calls(
    there: Deployment, opened: str
) -> None:
    (locked,) = access.methods_are_locked(there)
    assert (locked.verdict, locked.words) == (Verdict.WRONG, f"open to everybody: {opened}")
    (refused,) = access.unsigned_requests_are_refused(there)
    assert refused.verdict is Verdict.OK, "the second lock holds"


@pytest.fixture
def reader(stack: LocalStack) -> Iterator[Credentials]:
    """A user that may only GET."""
    iam = stack.client("iam")
    iam.create_user(UserName="reader")
    allowed = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": f"{stack.outputs['ApiArn']}/GET/*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    iam.put_user_policy(UserName="reader", PolicyName="get", PolicyDocument=policy)
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    yield Credentials(key["AccessKeyId"], key["SecretAccessKey"])
    iam.delete_access_key(UserName="reader", AccessKeyId=key["AccessKeyId"])
    iam.delete_user_policy(UserName="reader", PolicyName="get")
    iam.delete_user(UserName="reader")


def test_who_may_get_alone_gets_no_other_method_by_a_header(stack: LocalStack, reader: Credentials) -> None:
    """Whatever becomes of the header at the edge, the row stays."""
    order = stack.simulator.client.create_order(age=60)
    assert stack.api.cancel(order.order_no).status == 202
    path, header = f"/cancellations/{order.order_no}", {access.OVERRIDE: "DELETE"}
    assert stack.api.call("DELETE", path, credentials=reader).status == 403
    assert stack.api.call("GET", path, credentials=reader, headers=header).status in {200, 403, 404}
    assert stack.api.get(order.order_no).body["state"] == "waiting"
