"""Redriving each queue: what is asked, what is done, what is left and why."""

import json
import re
from typing import Any

import pytest

from cli.outcome import Exit, Outcome
from cli.redrive import redrive
from cli.text import Words, lines
from tests.cli import NOW, FakeLambda, FakeQueues, FakeStream, client_error, stack

STREAM = "arn:aws:dynamodb:us-east-1:123456789012:table/table-1/stream/2026-11-23T00:00:00.000"
EVENT = {"order_no": "1", "reason": "schön"}


def envelope(event: object, error: str = "TableUnavailableError", words: str = "no table") -> str:
    said = {"errorType": error, "errorMessage": words}
    return json.dumps({"requestContext": {}, "requestPayload": event, "responsePayload": said})


def span(first: int, last: int, **members: object) -> str:
    info = {
        "shardId": "shard-1",
        "streamArn": STREAM,
        "startSequenceNumber": f"{first:021}",
        "endSequenceNumber": f"{last:021}",
        "approximateArrivalOfFirstRecord": "2026-11-23T01:00:00Z",
        "approximateArrivalOfLastRecord": "2026-11-23T01:05:00Z",
    }
    return json.dumps({"DDBStreamBatchInfo": info | members})


class Asked:
    """Answers the question, and keeps it."""

    def __init__(self, *, yes: bool = True) -> None:
        self.yes, self.questions = yes, list[str]()

    def __call__(self, question: Words) -> bool:
        self.questions.append("\n".join(lines(question)))
        return self.yes


@pytest.fixture
def sqs() -> FakeQueues:
    return FakeQueues()


def run(name: str, sqs: FakeQueues, *, asked: Asked | None = None, discard: bool = False, **clients: Any) -> Outcome:
    clients.setdefault("lambda_", FakeLambda())
    outcome = redrive(stack(sqs=sqs, **clients), name, agree=asked or Asked(), discard=discard, now=NOW)
    assert sqs.held == {}, "nothing stays hidden from others"
    return outcome


@pytest.mark.parametrize("name", ["FailedEvents", "UndeliveredTicks", "UnannouncedRecords", "UndeliveredEvents"])
def test_an_empty_queue_is_done_with_and_nothing_is_asked(sqs: FakeQueues, name: str) -> None:
    asked = Asked()
    outcome = run(name, sqs, asked=asked)
    assert (outcome.exit, outcome.text, asked.questions) == (Exit.DONE, f"{name} is empty.", [])


@pytest.mark.parametrize("name", ["FailedEvents", "UndeliveredTicks", "UnannouncedRecords", "UndeliveredEvents"])
@pytest.mark.parametrize("body", ["no JSON", '"text"', "[]", '{"a": 1}', span(1, 2, endSequenceNumber="2")])
def test_what_doesnt_belong_in_a_queue_is_left(sqs: FakeQueues, name: str, body: str) -> None:
    sqs.send(body)
    outcome = run(name, sqs, discard=True)
    assert (outcome.exit, len(sqs.waiting), outcome.document["done"]) == (Exit.NO, 1, 0)


def test_failed_events_are_sent_again_as_lambda_got_them(sqs: FakeQueues) -> None:
    function, asked = FakeLambda(), Asked()
    batch = {"order_nos": ["1", "x"], "reason": "r"}
    of_a_schedule = {**EVENT, "execution_id": "run 1"}
    for event in [EVENT, {}, {"until": 5}, batch, of_a_schedule] + [EVENT] * 19:
        sqs.send(envelope(event))
    outcome = run("FailedEvents", sqs, asked=asked, lambda_=function)
    sent = [(name, kind, json.loads(payload)) for name, kind, payload in function.invoked]
    assert len(sent) == 24
    assert {"order_nos": ["1"], "reason": "r"} in [event for _, _, event in sent], "but for what is malformed"
    assert {(name, kind) for name, kind, _ in sent} == {("schedule", "Event")}
    assert [event for _, _, event in sent].count(EVENT) == 20
    assert of_a_schedule in [event for _, _, event in sent]
    assert (outcome.exit, sqs.waiting) == (Exit.DONE, {})
    like = r"^1: sent .* \((.*)\), {.*schön.*} failed with: TableUnavailableError no table$"
    assert len(set(re.findall(like, asked.questions[0], re.MULTILINE))) == 21, "each is told apart"
    assert "starts again" in asked.questions[0]


def test_nothing_is_done_unless_it_is_agreed_to(sqs: FakeQueues) -> None:
    function = FakeLambda()
    sqs.send(envelope(EVENT))
    outcome = run("FailedEvents", sqs, asked=Asked(yes=False), lambda_=function)
    assert (outcome.exit, outcome.text, function.invoked) == (Exit.NO, "Nothing was changed.", [])
    assert len(sqs.waiting) == 1


def test_an_event_that_comes_back_meanwhile_is_not_met_again(sqs: FakeQueues) -> None:
    sqs.send(envelope(EVENT), sent_at=NOW + 1)
    outcome = run("FailedEvents", sqs)
    assert (outcome.document["found"], len(sqs.waiting)) == (0, 1)


@pytest.mark.parametrize(
    "event",
    [{"order_no": "x"}, {"order_nos": ["x"]}, {"order_nos": 5}, "text", None, [], {"until": 5, "order_no": "x"}],
)
def test_a_malformed_event_is_left_unless_it_is_to_be_discarded(sqs: FakeQueues, event: object) -> None:
    sqs.send(envelope(event))
    function, asked = FakeLambda(), Asked()
    outcome = run("FailedEvents", sqs, asked=asked, lambda_=function)
    assert (outcome.exit, len(sqs.waiting), asked.questions) == (Exit.NO, 1, [])
    assert "fix its sender" in outcome.text
    outcome = run("FailedEvents", sqs, asked=asked, discard=True, lambda_=function)
    assert (outcome.exit, sqs.waiting, function.invoked) == (Exit.DONE, {}, [])
    assert "To be deleted" in asked.questions[0]


@pytest.mark.parametrize("error", [client_error("AccessDeniedException"), KeyboardInterrupt()])
def test_what_wasnt_taken_is_put_back_when_it_is_broken_off(sqs: FakeQueues, error: BaseException) -> None:
    class Failing(FakeLambda):
        def invoke(self, **invocation: Any) -> dict[str, Any]:
            if self.invoked:
                raise error
            return super().invoke(**invocation)

    for _ in range(3):
        sqs.send(envelope(EVENT))
    with pytest.raises(type(error)):
        run("FailedEvents", sqs, lambda_=Failing())
    assert (len(sqs.waiting), sqs.held) == (2, {})


def test_ticks_are_counted_and_deleted_and_nothing_else_is(sqs: FakeQueues) -> None:
    asked = Asked()
    for _ in range(12):
        sqs.send("{}", ERROR_CODE="AccessDenied")
    sqs.send(json.dumps(EVENT))
    outcome = run("UndeliveredTicks", sqs, asked=asked)
    assert "12 x tick that couldn't be delivered: AccessDenied" in asked.questions[0]
    assert (outcome.exit, outcome.document["done"], len(sqs.waiting)) == (Exit.NO, 12, 1)
    assert outcome.text.startswith("12 deleted.\n1 left in the queue: not a tick")


SCHEDULES = "arn:aws:scheduler:us-east-1:123456789012:schedule/default"


@pytest.mark.parametrize("body", ["{}", "", '"{}"', '{"FunctionName": "schedule", "Payload": "{}"}', "not JSON"])
def test_a_tick_is_known_by_its_schedule_whatever_its_body(sqs: FakeQueues, body: str) -> None:
    """EventBridge Scheduler: a dead letter names its schedule in SCHEDULE_ARN; what its body is, is left open."""
    asked = Asked()
    sqs.send(body, SCHEDULE_ARN=f"{SCHEDULES}/tick-1", ERROR_CODE="Throttling")
    assert run("UndeliveredTicks", sqs, asked=asked).exit is Exit.DONE
    assert "tick that couldn't be delivered: Throttling" in asked.questions[0]


def test_an_empty_event_of_another_schedule_is_no_tick(sqs: FakeQueues) -> None:
    sqs.send("{}", SCHEDULE_ARN=f"{SCHEDULES}/mine")
    assert run("UndeliveredTicks", sqs).exit is Exit.NO


def announced(function: FakeLambda) -> list[list[str]]:
    assert {(name, kind) for name, kind, _ in function.invoked} <= {("notify", "RequestResponse")}
    events = [json.loads(payload)["Records"] for _, _, payload in function.invoked]
    return [[record["dynamodb"]["NewImage"]["order_no"]["S"] for record in records] for records in events]


def test_what_was_settled_in_a_span_of_the_stream_is_announced_in_order(sqs: FakeQueues) -> None:
    function, stream = FakeLambda(), FakeStream(["failed"] + ["cancelled", "waiting"] * 6 + ["rejected", "failed"])
    sqs.send(span(2, 14))
    outcome = run("UnannouncedRecords", sqs, lambda_=function, dynamodbstreams=stream)
    assert announced(function) == [["2", "4", "6", "8", "10", "12", "14"]]
    assert (outcome.exit, outcome.text, sqs.waiting) == (Exit.DONE, "1 announced.", {})
    (record, *_) = json.loads(function.invoked[0][2])["Records"]
    assert (record["eventSourceARN"], record["dynamodb"]["ApproximateCreationDateTime"]) == (STREAM, NOW)


@pytest.mark.parametrize("text", ["x", "订", '"', "\n"])
def test_no_invocation_is_larger_than_lambda_accepts(sqs: FakeQueues, text: str) -> None:
    """Lambda quotas: 6 MB for a synchronous invocation. An item of DynamoDB has at most 400 KB."""
    large = text * (400_000 // len(text.encode()))
    function, stream = FakeLambda(), FakeStream(["cancelled"] * 60, order=large)
    sqs.send(span(1, 60))
    assert run("UnannouncedRecords", sqs, lambda_=function, dynamodbstreams=stream).exit is Exit.DONE
    assert [int(one) for few in announced(function) for one in few] == [*range(1, 61)]
    assert max(len(payload) for _, _, payload in function.invoked) < 6_000_000
    assert {change["OldImage"]["state"]["S"] for change in changes(function)} == {"cancelling"}


def changes(function: FakeLambda) -> list[Any]:
    return [record["dynamodb"] for _, _, payload in function.invoked for record in json.loads(payload)["Records"]]


@pytest.mark.parametrize(
    ("stream", "last"),
    [
        (FakeStream(["failed"] * 5, trimmed=3), 5),
        (FakeStream(["failed"] * 5, closed=True), 9),
        (FakeStream(["failed"] * 5), 9),
    ],
)
def test_what_the_stream_no_longer_has_is_said_plainly_and_left(sqs: FakeQueues, stream: FakeStream, last: int) -> None:
    function = FakeLambda()
    sqs.send(span(2, last))
    outcome = run("UnannouncedRecords", sqs, lambda_=function, dynamodbstreams=stream)
    assert (outcome.exit, len(sqs.waiting), function.invoked) == (Exit.NO, 1, [])
    assert "their events are lost" in outcome.text
    assert "from 2026-11-23T01:00:00Z to 2026-11-23T01:05:00Z" in outcome.text
    assert run("UnannouncedRecords", sqs, discard=True, dynamodbstreams=stream).exit is Exit.DONE
    assert sqs.waiting == {}


def test_other_trouble_with_the_stream_is_not_taken_for_that(sqs: FakeQueues) -> None:
    class Denied(FakeStream):
        def get_shard_iterator(self, **_: str) -> dict[str, str]:
            raise client_error("AccessDeniedException")

    sqs.send(span(1, 1))
    with pytest.raises(Exception, match="AccessDenied"):
        run("UnannouncedRecords", sqs, dynamodbstreams=Denied(["failed"]))
    assert len(sqs.waiting) == 1


@pytest.mark.parametrize(
    "function",
    [
        FakeLambda('{"batchItemFailures": [{"itemIdentifier": "1"}]}'),
        FakeLambda('{"errorMessage": "x"}', error=True),
        *map(FakeLambda, ("null", "", "{}", "[]")),
    ],
)
def test_what_cant_be_announced_is_left(sqs: FakeQueues, function: FakeLambda) -> None:
    sqs.send(span(1, 1))
    outcome = run("UnannouncedRecords", sqs, lambda_=function, dynamodbstreams=FakeStream(["failed"]), discard=True)
    assert (outcome.exit, len(sqs.waiting)) == (Exit.NO, 1)


def test_an_undelivered_event_goes_back_to_be_delivered_as_it_was(sqs: FakeQueues) -> None:
    event = (
        '{"order_no": "2304170329503866885309", "state": "cancelled", "settled_at": 1724319451, "refund_amount": 3.92}'
    )
    asked = Asked()
    sqs.send(event, why="not accepted for three days")
    sqs.send(event)
    outcome = run("UndeliveredEvents", sqs, asked=asked)
    assert (outcome.exit, sqs.sent) == (Exit.DONE, [("queue:settled", event)] * 2)
    (question,) = asked.questions
    assert question.startswith("2304170329503866885309 cancelled, settled at 1724319451: sent ")
    assert "(message-1), not accepted for three days\n" in question
    assert "the function that delivers it failed" in question


ELSEWHERE = [
    STREAM.replace("table-1", "table-2"),
    STREAM.replace("table-1", "table-1-of-others"),
    STREAM.replace("123456789012", "210987654321"),
    STREAM.replace("us-east-1", "eu-west-1"),
    "arn:stream",
]


@pytest.mark.parametrize("stream", ELSEWHERE)
def test_no_stream_is_read_but_the_stacks_own(sqs: FakeQueues, stream: str) -> None:
    sqs.send(span(1, 1, streamArn=stream))
    outcome = run("UnannouncedRecords", sqs, discard=True)  # there is no client that could read one
    assert (outcome.exit, len(sqs.waiting)) == (Exit.NO, 1)
    assert f"names another stream than that of the stack's table: {stream}" in outcome.text


@pytest.mark.parametrize("name", ["FailedEvents", "UnannouncedRecords"])
@pytest.mark.parametrize("function", ["arn:aws:lambda:us-east-1:210987654321:function:schedule:$LATEST", "other", 5])
def test_what_lambda_wrote_of_another_function_is_left(sqs: FakeQueues, name: str, function: object) -> None:
    body = json.loads(envelope(EVENT) if name == "FailedEvents" else span(1, 1))
    sqs.send(json.dumps(body | {"requestContext": {"functionArn": function}}))
    assert run(name, sqs, dynamodbstreams=FakeStream(["failed"])).exit is Exit.NO


def test_what_lambda_wrote_of_the_stacks_function_is_sent_again(sqs: FakeQueues) -> None:
    own = {"requestContext": {"functionArn": "arn:aws:lambda:us-east-1:123456789012:function:schedule:$LATEST"}}
    sqs.send(json.dumps(json.loads(envelope(EVENT)) | own))
    assert run("FailedEvents", sqs).exit is Exit.DONE


@pytest.mark.parametrize("schedule", ["arn:aws:scheduler:us-east-1:210987654321:schedule/default/tick-1", "tick-1"])
def test_a_tick_of_another_account_is_left(sqs: FakeQueues, schedule: str) -> None:
    sqs.send("{}", SCHEDULE_ARN=schedule)
    assert run("UndeliveredTicks", sqs).exit is Exit.NO


def test_the_question_begins_with_the_orders_whatever_else_the_events_say(sqs: FakeQueues) -> None:
    asked, stream = Asked(), FakeStream(["failed", "cancelled"])
    padding = " " * 190 + "x" * 5_000
    sqs.send(envelope({"reason": "unfilled" + " " * 190, "order_no": "111"}))
    sqs.send(envelope({"order_nos": ["222", "x" * 500, "333"]}, words=padding, error=padding))
    sqs.send(envelope({}))
    run("FailedEvents", sqs, asked=asked)
    sqs.send(span(1, 2, approximateArrivalOfFirstRecord=padding))
    run("UnannouncedRecords", sqs, asked=asked, dynamodbstreams=stream)
    first, records = (question.splitlines() for question in asked.questions)
    assert [line.partition(": ")[0] for line in first[:-1]] == ["111", "222, 333", "no order"]
    assert max(map(len, first)) < 1_000
    assert records[0].startswith("1 failed, 2 cancelled: batch of records, sent ")


@pytest.mark.parametrize("member", [{"order_no": "1\n2"}, {"order_no": 5}, {"state": "\x1b[2J"}, {"state": []}])
def test_a_settled_event_that_the_service_wouldnt_write_is_left(sqs: FakeQueues, member: dict[str, object]) -> None:
    sqs.send(json.dumps({"order_no": "1", "state": "cancelled", "settled_at": 5} | member))
    assert run("UndeliveredEvents", sqs).exit is Exit.NO
