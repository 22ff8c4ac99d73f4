"""Fakes of what the commands talk to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from typing import Any
from uuid import uuid4

from botocore.exceptions import ClientError

from cli.target import Stack
from feee_cancel_client import ApiAnswer, NoAnswerError

NOW = 1_800_000_000.0
ORDER_NO = "2304170329503866885309"
OUTPUTS = {
    "FailedEventsUrl": "queue:failed",
    "UndeliveredTicksUrl": "queue:ticks",
    "UnannouncedRecordsUrl": "queue:records",
    "UndeliveredEventsUrl": "queue:undelivered",
    "SettledEventsUrl": "queue:settled",
    "ScheduleFunctionName": "schedule",
    "NotifyFunctionName": "notify",
    "TickName": "tick-1",
    "TableName": "table-1",
    "ScheduleFunctionArn": "arn:aws:lambda:us-east-1:123456789012:function:schedule",
}


def row(state: str, reason: str | None = None, **members: object) -> dict[str, Any]:
    """A cancellation as the API shows it."""
    known = {"state_reason": reason} if reason else {}
    base = {"order_no": ORDER_NO, "state": state, "requested_at": NOW - 10, "gives_up_at": NOW + 86_390, "attempt": 1}
    return {**base, **known, **members}


def problem(status: int, detail: str = "", **members: object) -> ApiAnswer:
    return ApiAnswer(status, {}, {"type": "urn:feee-cancel:problem:x", "detail": detail, **members})


@dataclass
class FakeApi:
    """Gives these answers, one after the other; an exception is raised."""

    answers: list[ApiAnswer | Exception]
    asked: list[tuple[str, str, bytes | None]] = field(default_factory=list)

    def call(self, method: str, path: str, body: bytes | None = None, **_: Any) -> ApiAnswer:
        self.asked.append((method, path, body))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def unreachable() -> NoAnswerError:
    return NoAnswerError("Connection aborted.")


@dataclass
class FakeQueues:
    """SQS as far as it is used: a message is held until it is put back or deleted; sent at NOW - 1, or as given."""

    waiting: dict[str, dict[str, Any]] = field(default_factory=dict)
    held: dict[str, dict[str, Any]] = field(default_factory=dict)
    sent: list[tuple[str, str]] = field(default_factory=list)

    def send_message(self, *, QueueUrl: str, MessageBody: str) -> None:  # noqa: N803 - boto3's names
        self.sent.append((QueueUrl, MessageBody))

    def send(self, body: str, *, sent_at: float = NOW - 1, **attributes: str) -> None:
        receipt = str(uuid4())
        self.waiting[receipt] = {
            "ReceiptHandle": receipt,
            "Body": body,
            "MessageId": f"message-{len(self.waiting) + 1}",
            "Attributes": {"SentTimestamp": str(int(sent_at * 1000))},
            "MessageAttributes": {name: {"StringValue": value} for name, value in attributes.items()},
        }

    def receive_message(self, **_: Any) -> dict[str, Any]:
        taken = dict(list(self.waiting.items())[:10])
        for receipt in taken:
            self.held[receipt] = self.waiting.pop(receipt)
        return {"Messages": list(taken.values())} if taken else {}

    def delete_message_batch(self, *, QueueUrl: str, Entries: Sequence[Mapping[str, str]]) -> None:  # noqa: N803 - boto3's names
        for entry in Entries:
            del self.held[entry["ReceiptHandle"]]

    def change_message_visibility_batch(self, *, QueueUrl: str, Entries: Sequence[Mapping[str, Any]]) -> None:  # noqa: N803 - boto3's names
        for entry in Entries:
            assert entry["VisibilityTimeout"] == 0
            self.waiting[entry["ReceiptHandle"]] = self.held.pop(entry["ReceiptHandle"])


@dataclass
class FakeLambda:
    """Takes what it is given; `answer` is what the function returns, `error` that it failed."""

    answer: str = '{"batchItemFailures": []}'
    error: bool = False
    invoked: list[tuple[str, str, bytes]] = field(default_factory=list)

    def invoke(self, *, FunctionName: str, Payload: bytes, InvocationType: str = "RequestResponse") -> dict[str, Any]:  # noqa: N803 - boto3's names
        self.invoked.append((FunctionName, InvocationType, Payload))
        failed = {"FunctionError": "Unhandled"} if self.error else {}
        return {"StatusCode": 202, "Payload": BytesIO(self.answer.encode()), **failed}


@dataclass
class FakeStream:
    """A shard whose records have the sequence numbers 1, 2, ...; `trimmed` are gone. Two records are a page.

    Sequence numbers have 21 digits, as DynamoDB's have at least.
    """

    states: list[str]
    trimmed: int = 0
    closed: bool = False
    order: str = "{}"

    def get_shard_iterator(self, *, SequenceNumber: str, **_: str) -> dict[str, str]:  # noqa: N803 - boto3's names
        assert len(SequenceNumber) == 21
        if int(SequenceNumber) <= self.trimmed:
            raise client_error("TrimmedDataAccessException")
        return {"ShardIterator": SequenceNumber}

    def get_records(self, *, ShardIterator: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        first = int(ShardIterator)
        page = [self._record(number) for number in range(first, min(first + 2, len(self.states) + 1))]
        over = self.closed and first + 2 > len(self.states)
        return {"Records": page} | ({} if over else {"NextShardIterator": str(first + len(page))})

    def _record(self, number: int) -> dict[str, Any]:
        change = {
            "SequenceNumber": f"{number:021}",
            "ApproximateCreationDateTime": datetime.fromtimestamp(NOW, UTC),
            "OldImage": {"state": {"S": "cancelling"}, "order": {"S": self.order}},
            "NewImage": {
                "order_no": {"S": str(number)},
                "state": {"S": self.states[number - 1]},
                "order": {"S": self.order},
            },
        }
        return {"eventName": "MODIFY", "dynamodb": change}


def client_error(code: str, words: str = "no") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": words}}, "Operation")


def stack(api: FakeApi | None = None, **clients: Any) -> Stack:
    """A stack of these fakes; `lambda_` is the client of Lambda."""
    named = {name.rstrip("_"): client for name, client in clients.items()}
    return Stack(OUTPUTS, api or FakeApi([]), lambda service: named[service])
