"""Delivering settled events: what the receiver's answer leads to, how long it is tried, and what SQS is told."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from feee_cancel.adapters.event_queue import SqsEventQueue
from feee_cancel.usecases.deliver import (
    MAX_AGE_SECONDS,
    Delivery,
    PostResult,
    QueueUnavailableError,
    deliver,
    wait_before,
)
from functions.deliver.app import create
from tests.builders import ORDER_NO
from tests.events import Context

NOW = 1_724_320_000.0
DETAIL = json.dumps({"version": "1", "order_no": ORDER_NO, "state": "cancelled", "settled_at": 1_724_319_451})


def delivery(body: str = DETAIL, receives: int = 1, age: float = 5) -> Delivery:
    return Delivery(message="m1", receipt="r1", body=body, receives=receives, sent_at=NOW - age)


@dataclass
class FakeQueue:
    """Raises for everything if it is `down`."""

    down: bool = False
    postponed: list[int] = field(default_factory=list)
    given_up: list[str] = field(default_factory=list)

    def postpone(self, delivery: Delivery, *, seconds: int) -> None:
        self._reached()
        self.postponed.append(seconds)

    def give_up(self, delivery: Delivery, why: str) -> None:
        self._reached()
        self.given_up.append(why)

    def _reached(self) -> None:
        if self.down:
            raise QueueUnavailableError


@dataclass
class FakeReceiver:
    reply: PostResult
    posted: list[tuple[str, bytes]] = field(default_factory=list)

    def post(self, event: str, body: bytes) -> PostResult:
        self.posted.append((event, body))
        return self.reply


def delivered(
    reply: PostResult, *deliveries: Delivery, down: bool = False
) -> tuple[list[str], FakeQueue, FakeReceiver]:
    queue, receiver = FakeQueue(down=down), FakeReceiver(reply)
    return deliver(deliveries, receiver.post, queue, now=NOW), queue, receiver


def test_an_accepted_event_leaves_the_queue_and_was_posted_under_the_id_of_its_settlement() -> None:
    kept, queue, receiver = delivered(PostResult.ACCEPTED, delivery())
    assert (kept, queue) == ([], FakeQueue())
    assert receiver.posted == [(f"settled_{ORDER_NO}_1724319451", DETAIL.encode())]


def test_an_event_that_was_not_accepted_comes_again_after_growing_waits() -> None:
    waits = []
    for receives in range(1, 12):
        kept, queue, _ = delivered(PostResult.TRY_AGAIN, delivery(receives=receives))
        assert (kept, queue.given_up) == (["m1"], [])
        waits += queue.postponed
    assert waits == [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600]
    assert wait_before(10_000) == 3600


class QueueInTime(FakeQueue):
    """A queue on a simulated clock, which alone knows what is to be delivered: no process remembers anything."""

    def played(self, answer: Callable[[float], PostResult], *, hours: float) -> list[float]:
        """When the receiver was called, until it accepted or the event was given up."""
        called, at, receives = list[float](), 0.0, 0
        while at <= hours * 3600:
            receives += 1
            called.append(at)
            receiver = FakeReceiver(answer(at))
            one = Delivery(message="m1", receipt="r1", body=DETAIL, receives=receives, sent_at=NOW)
            if not deliver([one], receiver.post, self, now=NOW + at):
                return called
            at += self.postponed[-1]
        raise AssertionError(f"still under way after {hours} hours")


def test_a_receiver_that_was_down_for_an_hour_gets_the_event_within_the_next() -> None:
    queue = QueueInTime()
    called = queue.played(lambda at: PostResult.TRY_AGAIN if at < 3600 else PostResult.ACCEPTED, hours=3)
    assert 3600 <= called[-1] < 2 * 3600
    assert queue.given_up == []


def test_a_receiver_that_is_down_for_good_is_called_for_three_days_and_no_longer() -> None:
    queue = QueueInTime()
    called = queue.played(lambda _: PostResult.TRY_AGAIN, hours=80)
    assert MAX_AGE_SECONDS <= called[-1] < MAX_AGE_SECONDS + 3600
    assert queue.given_up == ["not accepted for three days"]


def test_three_days_of_attempts_fit_in_what_the_queue_allows() -> None:
    age, receives = 0.0, 0
    while age < MAX_AGE_SECONDS:
        receives += 1
        age += wait_before(receives)
    assert 70 < receives < 100


@pytest.mark.parametrize(
    ("reply", "one", "why"),
    [
        (PostResult.GONE, delivery(), "the receiver answered 410 Gone"),
        (PostResult.TRY_AGAIN, delivery(age=MAX_AGE_SECONDS), "not accepted for three days"),
        (PostResult.ACCEPTED, delivery(body="{}"), "not a settled event"),
        (PostResult.ACCEPTED, delivery(body="[1]"), "not a settled event"),
        (PostResult.ACCEPTED, delivery(body="no JSON"), "not a settled event"),
        (PostResult.ACCEPTED, delivery(body="[" * 100_000), "not a settled event"),
    ],
)
def test_an_event_that_is_given_up_is_kept_with_its_reason(reply: PostResult, one: Delivery, why: str) -> None:
    kept, queue, receiver = delivered(reply, one)
    assert (kept, queue.postponed, queue.given_up) == ([], [], [why])
    assert len(receiver.posted) == (why != "not a settled event")


@pytest.mark.parametrize("reply", [PostResult.TRY_AGAIN, PostResult.GONE])
def test_an_event_stays_in_its_queue_if_sqs_fails(reply: PostResult) -> None:
    kept, _, _ = delivered(reply, delivery(), down=True)
    assert kept == ["m1"]


class FakeSqs:
    """SQS's client; fails with `error` if there is one."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.calls: list[dict[str, Any]] = []

    def change_message_visibility(self, **arguments: Any) -> None:
        self._call(arguments)

    def send_message(self, **arguments: Any) -> None:
        self._call(arguments)

    def _call(self, arguments: dict[str, Any]) -> None:
        if self.error:
            raise self.error
        self.calls.append(arguments)


def test_sqs_is_told_when_to_show_the_event_again_and_why_it_was_given_up() -> None:
    sqs = FakeSqs()
    queue = SqsEventQueue(sqs, "queue", "undelivered")  # type: ignore[arg-type] # a fake of the client
    queue.postpone(delivery(), seconds=40)
    queue.give_up(delivery(), "gone")
    postponed, given_up = sqs.calls
    assert postponed == {"QueueUrl": "queue", "ReceiptHandle": "r1", "VisibilityTimeout": 40}
    assert (given_up["QueueUrl"], given_up["MessageBody"]) == ("undelivered", DETAIL)
    assert given_up["MessageAttributes"]["why"]["StringValue"] == "gone"


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "ReceiptHandleIsInvalid", "Message": ""}}, "ChangeMessageVisibility"),
        EndpointConnectionError(endpoint_url="https://sqs"),
    ],
)
def test_whatever_sqs_raises_is_one_error_here(error: Exception) -> None:
    queue = SqsEventQueue(FakeSqs(error), "queue", "undelivered")  # type: ignore[arg-type] # a fake of the client
    with pytest.raises(QueueUnavailableError):
        queue.postpone(delivery(), seconds=10)


def test_the_function_reads_sqs_records_and_names_what_stays() -> None:
    seen: list[Delivery] = []

    def keep(deliveries: Any, now: float) -> list[str]:
        seen.extend(deliveries)
        return [one.message for one in deliveries]

    attributes = {"ApproximateReceiveCount": "3", "SentTimestamp": "1724319995000"}
    record = {"messageId": "m1", "receiptHandle": "r1", "body": DETAIL, "attributes": attributes}
    answer = create(keep, lambda: NOW)({"Records": [record]}, Context())
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    assert seen == [delivery(receives=3)]
