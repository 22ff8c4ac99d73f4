"""Cancel requests through the deployed API: the real template, real HTTP, real signatures and policies."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from botocore.credentials import Credentials
from urllib3.exceptions import HTTPError

from local.stack import KEY, LocalStack
from tests.builders import DOCUMENTED
from tests.e2e.restored import put_back, renew
from tests.e2e.waiting import wait_for

NOTHING_ALLOWED = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "execute-api:Invoke", "Resource": "*"}]}
)
UNSETTLED = {"waiting", "refunding"}


def item(stack: LocalStack, order_no: str) -> dict[str, Any] | None:
    """The order's item as DynamoDB holds it."""
    answer = stack.client("dynamodb").get_item(TableName=stack.outputs["TableName"], Key={"order_no": {"S": order_no}})
    found: dict[str, Any] | None = answer.get("Item")
    return found


def logged(stack: LocalStack) -> str:
    """All that the API's function logged."""
    group = stack.outputs["ApiFunctionLogGroup"]
    pages = stack.client("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
    return "\n".join(event["message"] for page in pages for event in page["events"])


def test_a_cancelled_order_is_one_documented_request_and_the_row_holds_all_of_the_answer(stack: LocalStack) -> None:
    order = stack.simulator.client.create_order(**{**DOCUMENTED, "age": 743, "status": 4, "refund_amount": 0})
    answer = stack.api.cancel(order.order_no, reason="unfilled")
    assert answer.status == 200
    assert answer.body["state"] == "cancelled"
    assert answer.body["refund_amount"] == Decimal("3.92")
    (request,) = stack.simulator.client.requests(order.order_no)
    assert (request.method, request.path) == ("POST", "/open/v2/order/cancel")
    assert json.loads(request.body) == {"order_no": order.order_no}
    assert request.header("key") == KEY
    assert request.header("User-Agent") == "Feee.io Client/1.0.0 (https://feee.io)"
    assert request.header("Content-Type") == "application/json"
    found = item(stack, order.order_no)
    assert found is not None
    assert found["refund_amount"] == {"N": "3.92"}
    kept = json.loads(found["order"]["S"], parse_float=Decimal)
    assert kept == stack.simulator.client.order(order.order_no).detail
    assert set(DOCUMENTED) <= set(kept)
    look = stack.api.get(order.order_no)
    assert (look.status, look.body) == (200, answer.body)


def test_asking_again_for_a_cancelled_order_calls_nobody(stack: LocalStack) -> None:
    order = stack.simulator.client.create_order(age=743)
    first, second = stack.api.cancel(order.order_no), stack.api.cancel(order.order_no)
    assert (first.status, second.status, second.body) == (200, 200, first.body)
    assert len(stack.simulator.client.requests(order.order_no)) == 1


def start_processes(stack: LocalStack, number: int) -> None:
    """Have so many processes of the API's function ready, ten more at a time: two processors can't start them all."""

    def _look(_: int) -> None:
        with suppress(HTTPError):
            stack.api.get("1")

    for at_once in range(10, number + 1, 10):
        with ThreadPoolExecutor(at_once) as pool:
            list(pool.map(_look, range(at_once)))


@pytest.mark.long
def test_fifty_identical_requests_at_once_are_one_request_to_feee_io(stack: LocalStack) -> None:
    start_processes(stack, 50)
    order = stack.simulator.client.create_order(age=743)
    stack.simulator.client.misbehave("delay", order_no=order.order_no, seconds=1.0)
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: stack.api.cancel(order.order_no), range(50)))
    assert {answer.status for answer in answers} <= {200, 202}
    assert [answer.status for answer in answers].count(200) >= 1
    requests = stack.simulator.client.requests(order.order_no)
    assert len(requests) == 1, [(one.method, one.path, one.at, one.code) for one in requests]
    assert stack.simulator.client.order(order.order_no).accepted_cancels == 1


@pytest.mark.parametrize(
    ("kind", "options", "status", "state"),
    [
        ("hang", {}, 202, UNSETTLED),
        ("hang", {"acts": True}, 200, {"cancelled"}),
        ("delay", {"seconds": 0.3}, 200, {"cancelled"}),
        ("drip", {"part": "header", "interval": 1.0}, 200, {"cancelled"}),
        ("reset", {}, 202, UNSETTLED),
        ("reset", {"acts": True}, 200, {"cancelled"}),
        ("truncated", {}, 200, {"cancelled"}),
        ("http_error", {"status": 401}, 202, UNSETTLED),
        ("http_error", {"status": 403}, 202, UNSETTLED),
        ("http_error", {"status": 429}, 202, UNSETTLED),
        ("http_error", {"status": 500}, 202, UNSETTLED),
        ("http_error", {"status": 503, "acts": True}, 200, {"cancelled"}),
        ("html", {}, 202, UNSETTLED),
        ("html", {"status": 502}, 202, UNSETTLED),
        ("huge", {}, 200, {"cancelled"}),
        ("gzip", {}, 200, {"cancelled"}),
        ("gzip_bomb", {}, 200, {"cancelled"}),
        ("redirect", {"status": 302}, 202, UNSETTLED),
        ("redirect", {"status": 307}, 202, UNSETTLED),
        ("redirect", {"status": 308}, 202, UNSETTLED),
        ("empty", {}, 200, {"cancelled"}),
        ("wrong_type", {"variant": "status_text"}, 200, {"cancelled"}),
        ("wrong_type", {"variant": "data_list"}, 200, {"cancelled"}),
        ("wrong_order", {}, 200, {"cancelled"}),
        ("no_code", {}, 200, {"cancelled"}),
        ("text_code", {}, 200, {"cancelled"}),
        ("message", {}, 200, {"cancelled"}),
        ("error_code", {"acts": False}, 202, UNSETTLED),
        ("echo_key", {}, 200, {"cancelled"}),
        ("not_utf8", {}, 200, {"cancelled"}),
        ("nan", {}, 200, {"cancelled"}),
    ],
)
def test_whatever_feee_io_does_the_request_is_accepted_and_the_key_goes_nowhere(
    stack: LocalStack, kind: str, options: dict[str, Any], status: int, state: set[str]
) -> None:
    order = stack.simulator.client.create_order(age=743)
    stack.simulator.client.misbehave(kind, order_no=order.order_no, endpoint="cancel", **options)
    answer = stack.api.cancel(order.order_no)
    assert (answer.status, answer.body["state"] in state) == (status, True), answer.body
    found = item(stack, order.order_no)
    assert found is not None
    if found["attempt"]["N"] == str(answer.body["attempt"]):  # on a busy machine it may have been attempted again
        assert found["state"]["S"] == answer.body["state"]
    assert answer.body["last_answer"]["answer"]
    if status == 200:
        assert answer.body["refund_amount"] == Decimal("3.92")
        assert stack.simulator.client.order(order.order_no).accepted_cancels == 1
    else:
        assert int(answer.headers["Retry-After"]) >= 1
        assert int(found["due_at"]["N"]) > int(found["requested_at"]["N"])
    assert stack.simulator.client.foreign_requests() == []
    assert KEY not in repr(answer) + repr(found)


def test_the_key_is_in_no_log_line(stack: LocalStack) -> None:
    order = stack.simulator.client.create_order(age=743)
    stack.simulator.client.misbehave("echo_key", order_no=order.order_no, times=None)
    stack.api.cancel(order.order_no)

    def about_it() -> list[str]:
        return [line for line in logged(stack).splitlines() if order.order_no in line]

    lines = wait_for(about_it, lambda lines: any('"requested"' in line for line in lines))  # the last of them
    assert any("feee.io answered" in line for line in lines)
    assert KEY not in logged(stack)


def test_too_early_waits_until_feee_io_allows(stack: LocalStack) -> None:
    order = stack.simulator.client.create_order(age=60)
    answer = stack.api.cancel(order.order_no)
    assert (answer.status, answer.body["state_reason"]) == (202, "too_early")
    assert answer.body["due_at"] == order.detail["create_time"] + 305
    assert answer.headers["Location"] == f"/v1/cancellations/{order.order_no}"


def test_an_order_that_is_filled_is_rejected(stack: LocalStack) -> None:
    order = stack.simulator.client.create_order(age=743, status=6)
    answer = stack.api.cancel(order.order_no)
    assert (answer.status, answer.body["type"]) == (409, "urn:feee-cancel:problem:filled")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.body["cancellation"]["status"] == 6


def test_a_request_for_later_is_kept_and_nothing_is_sent(stack: LocalStack) -> None:
    order = stack.simulator.client.create_order(age=743)
    later = order.detail["create_time"] + 100_000
    answer = stack.api.cancel(order.order_no, not_before=later)
    assert (answer.status, answer.body["state_reason"], answer.body["due_at"]) == (202, "not_before", later)
    assert stack.simulator.client.requests(order.order_no) == []


def test_a_refund_that_shows_later_is_refunding(stack: LocalStack) -> None:
    order = stack.simulator.client.create_order(age=743, refund="later", refund_after=600)
    answer = stack.api.cancel(order.order_no)
    assert (answer.status, answer.body["state"], answer.body["status"]) == (202, "refunding", 11)


@pytest.mark.parametrize(
    ("body", "content_type", "status", "pointer"),
    [
        (b"", "application/json", 400, "#"),
        (b"{", "application/json", 400, "#"),
        (b"\xff\xfe", "application/json", 400, "#"),
        (b'{"order_no": 5}', "application/json", 400, "#/order_no"),
        (b'{"order_no": "12x"}', "application/json", 400, "#/order_no"),
        (b'{"order_no": "12", "orderNo": "12"}', "application/json", 400, "#/orderNo"),
        (b'{"order_no": "12", "not_before": 99999999999}', "application/json", 400, "#/not_before"),
        (b'{"order_no": "12", "not_before": "now"}', "application/json", 400, "#/not_before"),
        (b'{"order_no": "12", "reason": {}}', "application/json", 400, "#/reason"),
        (b'{"order_no": "12"}', "text/plain", 415, None),
        (b'{"order_no": "12"}', None, 415, None),
        (b'{"order_no": "12", "reason": "' + b"x" * 10_000_000 + b'"}', "application/json", 413, None),
    ],
)
def test_bad_input_is_a_problem_and_writes_nothing(
    stack: LocalStack, body: bytes, content_type: str | None, status: int, pointer: str | None
) -> None:
    order_no = str(uuid4().int)[:30]
    sent = body.replace(b'"12"', f'"{order_no}"'.encode())
    answer = stack.api.call("POST", "/cancellations", sent, content_type=content_type)
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    if pointer is not None:
        assert answer.body["errors"][0]["pointer"] == pointer
    assert item(stack, order_no) is None
    assert stack.simulator.client.requests(order_no) == []


@pytest.fixture
def caller(stack: LocalStack) -> Iterator[Credentials]:
    """Credentials of a user that may call this API and do nothing else."""
    iam = stack.client("iam")
    iam.create_user(UserName="caller")
    allowed = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": f"{stack.outputs['ApiArn']}/*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    iam.put_user_policy(UserName="caller", PolicyName="call", PolicyDocument=policy)
    key = iam.create_access_key(UserName="caller")["AccessKey"]
    yield Credentials(key["AccessKeyId"], key["SecretAccessKey"])
    iam.delete_access_key(UserName="caller", AccessKeyId=key["AccessKeyId"])
    iam.delete_user_policy(UserName="caller", PolicyName="call")
    iam.delete_user(UserName="caller")


def test_a_caller_needs_credentials_a_right_signature_and_the_permission(
    stack: LocalStack, caller: Credentials
) -> None:
    order = stack.simulator.client.create_order(age=743)
    body = json.dumps({"order_no": order.order_no}).encode()

    def statuses(credentials: Credentials | None) -> list[int]:
        calls = (("GET", f"/cancellations/{order.order_no}", None), ("POST", "/cancellations", body))
        return [stack.api.call(*call, credentials=credentials).status for call in calls]

    assert statuses(None) == [401, 401]
    assert statuses(Credentials("AKIAUNKNOWN", "secret")) == [403, 403]
    assert statuses(Credentials(caller.access_key, "a wrong secret")) == [403, 403]
    assert (item(stack, order.order_no), stack.simulator.client.requests(order.order_no)) == (None, [])
    assert statuses(caller) == [404, 200]
    assert stack.api.get(order.order_no).body["requested_by"].endswith(":user/caller")
    stack.client("iam").put_user_policy(UserName="caller", PolicyName="call", PolicyDocument=NOTHING_ALLOWED)
    assert statuses(caller) == [403, 403]


@pytest.fixture
def other_key(stack: LocalStack) -> Iterator[str]:
    """A key that feee.io takes instead of the one that every warm function knows; the secret is put back at the end."""
    key = f"key-{uuid4()}"
    stack.simulator.client.set_key(key)
    with put_back(stack):
        yield key
    renew(stack)  # they know this one for five minutes


def test_a_key_that_is_put_right_is_taken_up_at_once(stack: LocalStack, other_key: str) -> None:
    order = stack.simulator.client.create_order(age=743)
    answer = stack.api.cancel(order.order_no)
    assert (answer.status, answer.body["state_reason"]) == (202, "misconfigured")
    assert answer.body["last_answer"]["code"] == 10001
    stack.set_key(other_key)
    other = stack.simulator.client.create_order(age=743)
    assert stack.api.cancel(other.order_no).body["state"] == "cancelled"


def test_a_secret_without_a_key_is_said_so(stack: LocalStack, other_key: str) -> None:
    stack.set_key("")
    renew(stack)
    order = stack.simulator.client.create_order(age=743)
    answer = stack.api.cancel(order.order_no)
    assert (answer.status, answer.body["state_reason"]) == (202, "misconfigured")
    assert answer.body["last_answer"]["detail"].startswith("the secret of feee.io's key can't be used")
