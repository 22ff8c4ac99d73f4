"""The table's stream: every cancellation that became final is an event on EventBridge."""

import feee_cancel  # noqa: F401 - imported first: it sets how often Python collects garbage during the rest

# isort: split
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from feee_cancel.bootstrap.notifying import bootstrap, records_of

Announce = Callable[[Sequence[Mapping[str, Any]]], str | None]
Handler = Callable[[object, LambdaContext], dict[str, Any]]

logger = Logger(service="feee_cancel", json_deserializer=str)  # a message is text, never JSON


def create(announce: Announce) -> Handler:
    """The handler over `announce`. Its answer names the record from which the stream is to deliver again.

    It raises UnknownEventError for an event that isn't from a table's stream.
    """

    @logger.inject_lambda_context
    def lambda_handler(event: object, context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's
        failed = announce(records_of(event))
        return {"batchItemFailures": [{"itemIdentifier": failed}] if failed else []}

    return lambda_handler


lambda_handler = create(bootstrap())
