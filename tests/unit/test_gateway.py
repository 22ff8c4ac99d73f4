"""Routes are API Gateway's: what it authorized is what is served, and nothing else; odd events end in words."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from feee_cancel.adapters.announcer import Announcer
from feee_cancel.domain.foreign_events import UnknownEventError
from functions.api.app import create
from functions.deliver.app import create as deliver
from functions.notify.app import create as notify
from local.signing import signed
from tests.builders import ORDER_NO, row
from tests.events import Context, at, post, sample
from tests.fakes import FakeFeee, FakeTable, ports, service
from tests.unit import test_webhook as webhook
from tests.unit.test_announcer import FakeEvents
from tests.unit.test_api import CANCELLED, call

Change = Callable[[dict[str, Any]], dict[str, Any]]


def gateway(**members: object) -> Change:
    return lambda event: event | {"requestContext": event["requestContext"] | members}


def header(name: str, value: str) -> Change:
    return lambda event: (
        event
        | {
            "headers": event["headers"] | {name: value},
            "multiValueHeaders": event["multiValueHeaders"] | {name: [value]},
        }
    )


def path(path: str) -> Change:
    return lambda event: event | {"path": path}


# -- the route


def test_a_batch_that_api_gateway_authorized_as_an_order_is_not_served_as_a_batch() -> None:
    """`POST /cancellations/batch/` arrives as ANY of `/cancellations/{order_no}`."""
    table, body = FakeTable(), sample("api-batch")["body"]
    for order_no, written in (("batch", "/cancellations/batch/"), ("batch/", "/cancellations/batch/")):
        status, _, _ = call(at(written, order_no=order_no, method="POST") | {"body": body}, table=table)
        assert status in {404, 405}
    assert table.rows == {}


@pytest.mark.parametrize(
    "change",
    [
        path(f"/cancellations/{ORDER_NO}/"),
        path(f"//cancellations/{ORDER_NO}"),
        path(f"/base//cancellations/{ORDER_NO}"),
        path(f"/base/cancellations/{ORDER_NO}/"),
        path(f"/cancellations//{ORDER_NO}"),
        path(f"/cancellations/{ORDER_NO[:-1]}%30"),
        path(f"/cancellations%2F{ORDER_NO}"),
        path(f"/orders/{ORDER_NO}"),
        path(f"/cancellations/{ORDER_NO}?x=1"),
        path(""),
        gateway(httpMethod="DELETE"),
        header("X-HTTP-Method-Override", "DELETE"),
        header("x-http-method-override", "GET"),
    ],
)
def test_what_does_not_match_to_the_letter_is_no_route(change: Change) -> None:
    status, problem, _ = call(change(sample("api-get")), table=FakeTable(row()))
    assert (status, problem["type"]) == (404, "urn:feee-cancel:problem:no-such-route")


@pytest.mark.parametrize("base", ["", "/base", "/a/b"])
def test_a_custom_domains_base_path_changes_nothing(base: str) -> None:
    written = sample("api-get")["path"]
    found = gateway(path=f"{base}{written}")(path(f"{base}{written}")(sample("api-get")))
    assert call(found, table=FakeTable(row()))[0] == 200
    asked = gateway(path=f"{base}/cancellations")(path(f"{base}/cancellations")(post('{"order_no": "12"}')))
    status, _, headers = call(asked, table=FakeTable(row(order_no="12")))
    assert (status, headers["Location"]) == (202, f"{base}/cancellations/12")


def test_a_webhook_is_routed_by_its_resource_too() -> None:
    body = webhook.event(webhook.BODY, signed(webhook.BODY))
    assert webhook.Case().call(path("/base/webhooks/cancel")(body))[0] == 202
    for change in (
        path("/webhooks/cancel/"),
        gateway(httpMethod="PUT"),
        header("X-HTTP-Method-Override", "PUT"),
        lambda event: event | {"resource": "/cancellations"},
    ):
        assert webhook.Case().call(change(body))[0] == 404


# -- the caller


@pytest.mark.parametrize("name", ["api-request", "api-batch", "api-get", "api-list", "api-lookup", "api-withdraw"])
@pytest.mark.parametrize("identity", [{"userArn": None}, {"userArn": ""}, {"userArn": 5}, {}, None])
def test_a_request_that_nobody_signed_is_refused_though_api_gateway_let_it_in(name: str, identity: object) -> None:
    table = FakeTable(row())
    status, problem, _ = call(gateway(identity=identity)(sample(name)), table=table)
    assert (status, problem["type"], table.writes) == (401, "urn:feee-cancel:problem:unauthorized", 0)


def test_sam_clis_api_knows_no_callers_so_there_none_is_demanded() -> None:
    handler = create(service(ports(FakeFeee(cancel=[CANCELLED]), FakeTable()), demands_caller=False))
    answered = handler(gateway(identity={"userArn": None})(sample("api-request")), Context())
    assert answered["statusCode"] == 200


# -- what came isn't a request

CONSOLE = {"key1": "value1", "key2": "value2", "key3": "value3"}
BALANCER = {
    "requestContext": {"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:us-east-1:123456789012:tg/a/b"}},
    "httpMethod": "POST",
    "path": "/cancellations",
    "queryStringParameters": {},
    "headers": {"content-type": "application/json"},
    "body": '{"order_no": "12"}',
    "isBase64Encoded": False,
}
PAYLOAD_2 = {
    "version": "2.0",
    "routeKey": "POST /cancellations",
    "rawPath": "/cancellations",
    "headers": {"content-type": "application/json"},
    "requestContext": {"http": {"method": "POST", "path": "/cancellations"}, "stage": "$default"},
    "body": '{"order_no": "12"}',
    "isBase64Encoded": False,
}
SNS = {"Records": [{"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": {"Message": '{"order_no": "12"}'}}]}
SQS = {"Records": [{"eventSource": "aws:sqs", "messageId": "1", "body": '{"order_no": "12"}'}]}
S3 = {"Records": [{"eventSource": "aws:s3", "s3": {"bucket": {"name": "b"}, "object": {"key": "k"}}}]}
BUS = {"version": "0", "detail-type": "Scheduled Event", "source": "aws.events", "detail": {}}
ODD = [
    (CONSOLE, "key1, key2, key3"),
    (BALANCER, "Application Load Balancer"),
    (PAYLOAD_2, "payload format 2.0"),
    (BUS, "EventBridge event: Scheduled Event"),
    ({}, "an empty object"),
    ([], "an array"),
    ("text", "a text"),
    (None, "null"),
    (1, "a number"),
    (True, "a boolean"),
]
RECORDS = [(SNS, "aws:sns"), (SQS, "aws:sqs"), (S3, "aws:s3"), ({"Records": None}, "the members Records")]


@pytest.mark.parametrize(("event", "named"), ODD)
def test_an_event_that_is_no_request_is_answered_in_words_that_name_it(event: Any, named: str) -> None:
    table = FakeTable()
    for handler in (create(service(ports(FakeFeee(), table))), webhook.Case(table=table).handler):
        answered = handler(event, Context())
        problem = json.loads(answered["body"])
        assert (answered["statusCode"], problem["type"]) == (400, "urn:feee-cancel:problem:unknown-event")
        assert named in problem["detail"]
        assert "requests of its REST API" in problem["detail"]
    assert table.rows == {}


@pytest.mark.parametrize(("event", "named"), RECORDS)
def test_records_are_refused_by_an_error_for_an_answer_would_lose_them(event: Any, named: str) -> None:
    for handler in (create(service(ports(FakeFeee(), FakeTable()))), webhook.Case().handler):
        with pytest.raises(UnknownEventError, match=named):
            handler(event, Context())


@pytest.mark.parametrize(
    ("event", "named"),
    [*ODD, *RECORDS, ({"Records": [{"dynamodb": {}}]}, "members Records"), ({"Records": [5]}, "members Records")],
)
def test_the_notifier_announces_records_of_a_stream_alone(event: Any, named: str) -> None:
    def announce(_: object) -> None:
        raise AssertionError("nothing of it is announced")

    with pytest.raises(UnknownEventError, match=re.escape(named)):
        notify(announce)(event, Context())


def message(**attributes: object) -> dict[str, Any]:
    record = {"eventSource": "aws:sqs", "messageId": "1", "receiptHandle": "1", "body": "{}", "attributes": attributes}
    return {"Records": [record]}


@pytest.mark.parametrize(
    ("event", "named"),
    [
        *ODD,
        *RECORDS,
        ({"Records": [5]}, "members Records"),
        (message(), "aws:sqs"),
        (message(ApproximateReceiveCount="x", SentTimestamp="1"), "aws:sqs"),
        (message(ApproximateReceiveCount=None, SentTimestamp=None), "aws:sqs"),
    ],
)
def test_the_outgoing_webhook_delivers_messages_of_its_queue_alone(event: Any, named: str) -> None:
    def kept(*_: object) -> list[str]:
        raise AssertionError("nothing of it is delivered")

    with pytest.raises(UnknownEventError, match=re.escape(named)):
        deliver(kept)(event, Context())


def test_records_of_the_stream_that_are_no_cancellation_are_passed_over() -> None:
    events = FakeEvents()
    images: list[Any] = [None, {}, {"state": None}, {"state": {"N": "1"}}, {"order_no": {"S": "message webhook:1"}}]
    records = [{"dynamodb": {"SequenceNumber": str(n), "NewImage": image}} for n, image in enumerate(images)]
    announcer = Announcer(events, "bus", "table")  # type: ignore[arg-type] # a fake of the client
    answered = notify(announcer.announce)({"Records": records}, Context())
    assert (answered, events.tried) == ({"batchItemFailures": []}, 0)


@pytest.mark.parametrize(
    "change",
    [
        lambda event: event | {"headers": None, "multiValueHeaders": None},
        lambda event: {name: value for name, value in event.items() if "eaders" not in name},
        lambda event: event | {"multiValueHeaders": {"Content-Type": None}},
    ],
)
def test_a_request_without_headers_is_a_415_and_a_webhook_a_401(change: Change) -> None:
    assert call(change(sample("api-request")))[0] == 415
    assert webhook.Case().call(change(webhook.event(webhook.BODY, signed(webhook.BODY))))[0] == 401


def test_headers_may_come_with_single_values_alone() -> None:
    event = sample("api-request")
    del event["multiValueHeaders"]
    assert call(event, FakeFeee(cancel=[CANCELLED]))[0] == 200


@pytest.mark.parametrize("body", [None, 5, {"order_no": "12"}])
def test_a_body_that_is_no_text_is_no_document(body: object) -> None:
    assert call(post(None) | {"body": body})[0] == 400
