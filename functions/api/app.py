"""The API: callers with AWS credentials ask for cancellations and look at them."""

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from feee_cancel import http
from feee_cancel.bootstrap import Service, bootstrap

Handler = Callable[[dict[str, Any], LambdaContext], dict[str, Any]]

logger = Logger(service="feee_cancel")


def create(service: Service) -> Handler:
    """The handler over a service."""
    app = APIGatewayRestResolver()
    http.answer_errors(app, logger)

    @app.post("/cancellations")
    def request() -> Response[str]:
        row = service.request(
            http.document(app.current_event),
            requested_by=app.current_event.request_context.identity.user_arn,
            seconds_left=app.lambda_context.get_remaining_time_in_millis() / 1000,
        )
        logger.info("requested", extra={"order_no": row.order_no, "state": row.state, "reason": row.state_reason})
        return http.requested(row, app.current_event, now=service.ports.now())

    @app.get("/cancellations/<order_no>")
    def find(order_no: str) -> Response[str]:
        return http.found(service.find(order_no))

    @service.published
    @logger.inject_lambda_context(clear_state=True)
    def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        return app.resolve(event, context)

    return lambda_handler


lambda_handler = create(bootstrap())
