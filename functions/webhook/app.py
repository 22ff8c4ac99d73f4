"""The webhook: callers that sign with a shared secret (Standard Webhooks) ask for cancellations."""

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler.api_gateway import APIGatewayRestResolver, Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from feee_cancel.bootstrap.receiving import Receiver, bootstrap
from feee_cancel.http import problems, webhooks

Handler = Callable[[dict[str, Any], LambdaContext], dict[str, Any]]

logger = Logger(service="feee_cancel")


def create(receiver: Receiver) -> Handler:
    """The handler over a receiver."""
    app = APIGatewayRestResolver()
    problems.answer_errors(app, logger, methods={"/webhooks/cancel": "POST"})
    webhooks.refuse_unsigned(app)

    @app.post("/webhooks/cancel")
    def receive() -> Response[str]:
        row = receiver.receive(webhooks.headers(app.current_event), webhooks.raw_body(app.current_event))
        logger.info("received", extra={"order_no": row and row.order_no, "state": row and row.state})
        return webhooks.received(row)

    @receiver.published
    @logger.inject_lambda_context(clear_state=True)
    def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        return app.resolve(event, context)

    return lambda_handler


lambda_handler = create(bootstrap())
