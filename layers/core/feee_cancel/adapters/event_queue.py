"""The queue of settled events to be delivered, and the queue of those that were given up, over SQS."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from feee_cancel.usecases.deliver import Delivery, QueueUnavailableError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


class SqsEventQueue:
    """`url` is the queue's, `undelivered` that of what is given up."""

    def __init__(self, client: "SQSClient", url: str, undelivered: str) -> None:
        self._client = client
        self._url = url
        self._undelivered = undelivered

    def postpone(self, delivery: Delivery, *, seconds: int) -> None:
        """Show the event again after this many seconds, twelve hours at most (ChangeMessageVisibility)."""
        with _translated():
            self._client.change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=delivery.receipt, VisibilityTimeout=seconds
            )

    def give_up(self, delivery: Delivery, why: str) -> None:
        """Keep the event in the other queue, with the reason as an attribute of the message."""
        with _translated():
            self._client.send_message(
                QueueUrl=self._undelivered,
                MessageBody=delivery.body,
                MessageAttributes={"why": {"DataType": "String", "StringValue": why}},
            )


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        raise QueueUnavailableError(error.response["Error"]["Code"]) from error
    except BotoCoreError as error:
        raise QueueUnavailableError(type(error).__name__) from error
