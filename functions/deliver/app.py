"""The outgoing webhook: settled events, from their queue to the user's own URL."""

import feee_cancel  # noqa: F401 - imported first: it sets how often Python collects garbage during the rest

# isort: split
import time
from collections.abc import Callable, Sequence
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from feee_cancel.bootstrap.delivering import Delivery, UnknownEventError, bootstrap

Deliver = Callable[[Sequence[Delivery], float], list[str]]
Handler = Callable[[object, LambdaContext], dict[str, Any]]

logger = Logger(service="feee_cancel", json_deserializer=str)  # a message is text, never JSON


def create(deliver: Deliver, now: Callable[[], float] = time.time) -> Handler:
    """The handler over `deliver`. Its answer names the messages that stay in the queue.

    It raises UnknownEventError for an event that isn't from a queue.
    """

    @logger.inject_lambda_context
    def lambda_handler(event: object, context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's
        kept = deliver([_delivery(record) for record in _records(event)], now())
        return {"batchItemFailures": [{"itemIdentifier": message} for message in kept]}

    return lambda_handler


def _records(event: object) -> Sequence[dict[str, Any]]:
    match event:
        case {"Records": [*records]} if all(_is_a_message(record) for record in records):
            return records
    raise UnknownEventError("the messages of its queue", event)


def _is_a_message(record: object) -> bool:
    match record:
        case {
            "messageId": str(),
            "receiptHandle": str(),
            "body": str(),
            "attributes": {"ApproximateReceiveCount": str(receives), "SentTimestamp": str(sent_at)},
        }:
            return receives.isdecimal() and sent_at.isdecimal()
    return False


def _delivery(record: dict[str, Any]) -> Delivery:
    attributes = record["attributes"]
    return Delivery(
        message=record["messageId"],
        receipt=record["receiptHandle"],
        body=record["body"],
        receives=int(attributes["ApproximateReceiveCount"]),
        sent_at=int(attributes["SentTimestamp"]) / 1000,
    )


lambda_handler = create(bootstrap())
