"""The webhook: callers that sign with a shared secret (Standard Webhooks) ask for cancellations."""

import feee_cancel  # noqa: F401 - imported first: it sets how often Python collects garbage during the rest

# isort: split
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from feee_cancel.bootstrap.receiving import Receiver, bootstrap
from feee_cancel.http import webhooks
from feee_cancel.http.gateway import Reply, Request
from feee_cancel.http.routing import respond

Handler = Callable[[object, LambdaContext], dict[str, Any]]

logger = Logger(service="feee_cancel", json_deserializer=str)  # a message is text, never JSON


def create(receiver: Receiver) -> Handler:
    """The handler over a receiver."""

    def receive(request: Request) -> Reply:
        row = receiver.receive(request.headers, webhooks.raw_body(request))
        said = {"order_no": row and row.order_no, "state": row and row.state, "requested_by": row and row.requested_by}
        logger.info("received", extra=said)
        return webhooks.received(row)

    @receiver.published
    @logger.inject_lambda_context
    def lambda_handler(event: object, context: LambdaContext) -> dict[str, Any]:
        return respond(event, context, {"/webhooks/cancel": {"POST": receive}}, demands_caller=False)

    return lambda_handler


lambda_handler = create(bootstrap())
