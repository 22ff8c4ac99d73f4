"""A queue of what failed: taken out, looked at, deleted when it is done with, put back when not."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

_BATCH = 10
_HOLD_SECONDS = 300
"""For this long nobody else gets a message that was taken out: time enough to answer a question."""


@dataclass(frozen=True, slots=True)
class Message:
    """`body` is None if it isn't JSON; `id` is SQS's; `sent_at` is when SQS got it, in unix seconds."""

    receipt: str
    body: Any
    attributes: dict[str, str]
    id: str
    sent_at: float


class Queue:
    """`sqs` is a boto3 client; what it raises isn't caught."""

    def __init__(self, sqs: Any, url: str) -> None:
        self._sqs = sqs
        self._url = url

    def take_out(self, *, until: float) -> list[Message]:
        """Every message that was sent until then (unix seconds), as far as SQS shows them now."""
        return list(self._receive(until))

    def delete(self, messages: Iterable[Message]) -> None:
        """Delete what is done with."""
        for entries in self._entries(messages):
            self._sqs.delete_message_batch(QueueUrl=self._url, Entries=entries)

    def put_back(self, messages: Iterable[Message]) -> None:
        """Let others have it at once."""
        for entries in self._entries(messages):
            seen_at_once = [{**entry, "VisibilityTimeout": 0} for entry in entries]
            self._sqs.change_message_visibility_batch(QueueUrl=self._url, Entries=seen_at_once)

    def _receive(self, until: float) -> Iterator[Message]:
        """Messages sent later are ignored, so that what fails again isn't met a second time."""
        while received := self._sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=_BATCH,
            VisibilityTimeout=_HOLD_SECONDS,
            WaitTimeSeconds=1,
            AttributeNames=["SentTimestamp"],
            MessageAttributeNames=["All"],
        ).get("Messages"):
            messages = [_message(one) for one in received]
            self.put_back(message for message in messages if message.sent_at > until)
            yield from (message for message in messages if message.sent_at <= until)
            if any(message.sent_at > until for message in messages):
                return

    @staticmethod
    def _entries(messages: Iterable[Message]) -> Iterator[list[dict[str, Any]]]:
        left = iter(messages)
        while batch := list(islice(left, _BATCH)):
            yield [{"Id": str(place), "ReceiptHandle": message.receipt} for place, message in enumerate(batch)]


def _message(received: dict[str, Any]) -> Message:
    given = received.get("MessageAttributes", {})
    attributes = {name: str(value.get("StringValue", "")) for name, value in given.items()}
    try:
        body = json.loads(received["Body"])
    except (ValueError, RecursionError):
        body = None
    sent_at = int(received["Attributes"]["SentTimestamp"]) / 1000
    return Message(received["ReceiptHandle"], body, attributes, received.get("MessageId", "?"), sent_at)
