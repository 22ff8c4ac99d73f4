"""Settled events as a consumer gets them: from the bus, through a rule and a queue."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from local.stack import LocalStack

_PATTERN = {"source": ["feee-cancel"], "detail-type": ["Order Cancellation Settled"]}


class SettledEvents:
    """The details of the events that arrived."""

    def __init__(self, sqs: Any, queue: str) -> None:
        self._sqs = sqs
        self._queue = queue
        self._received: list[dict[str, Any]] = []

    def of(self, order_no: str) -> list[dict[str, Any]]:
        """The order's so far, in the order in which they came."""
        answer = self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10)
        for message in answer.get("Messages", []):
            self._received.append(json.loads(message["Body"])["detail"])
            self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"])
        return [detail for detail in self._received if detail["order_no"] == order_no]


@contextmanager
def settled_events(stack: LocalStack) -> Iterator[SettledEvents]:
    """Listen from now on."""
    sqs, events = stack.client("sqs"), stack.client("events")
    name = f"settled-{uuid4()}"
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    asked = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    events.put_rule(Name=name, EventPattern=json.dumps(_PATTERN))
    events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": asked["Attributes"]["QueueArn"]}])
    try:
        yield SettledEvents(sqs, queue)
    finally:
        events.remove_targets(Rule=name, Ids=["1"])
        events.delete_rule(Name=name)
        sqs.delete_queue(QueueUrl=queue)
