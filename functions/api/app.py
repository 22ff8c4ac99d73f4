"""The API: callers with AWS credentials ask for cancellations, look at them, and take them back."""

from collections.abc import Callable
from http import HTTPMethod
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from feee_cancel.bootstrap.cancelling import Service, bootstrap
from feee_cancel.http import cancellations, listing, problems

Handler = Callable[[dict[str, Any], LambdaContext], dict[str, Any]]

logger = Logger(service="feee_cancel")


def create(service: Service) -> Handler:
    """The handler over a service."""
    app = APIGatewayRestResolver()
    problems.answer_errors(app, logger)

    def _caller() -> str | None:
        return app.current_event.request_context.identity.user_arn

    def _seconds_left() -> float:
        return app.lambda_context.get_remaining_time_in_millis() / 1000

    @app.post("/cancellations")
    def request() -> Response[str]:
        asked = cancellations.document(app.current_event)
        row = service.request(asked, requested_by=_caller(), seconds_left=_seconds_left())
        logger.info("requested", extra={"order_no": row.order_no, "state": row.state, "reason": row.state_reason})
        return cancellations.requested(row, app.current_event, now=service.ports.now())

    @app.get("/cancellations")
    def page() -> Response[str]:
        query = listing.Query.parse(app.current_event.multi_value_query_string_parameters)
        return listing.page(*service.page(query.states, limit=query.limit, after=query.after))

    @app.post("/cancellations/batch")
    def batch() -> Response[str]:
        asked = cancellations.document(app.current_event, most=cancellations.MAX_BATCH_DOCUMENT)
        taken = service.take_batch(asked, requested_by=_caller())
        logger.info("requested a batch", extra={"orders": len(taken)})
        return cancellations.batch(asked, taken)

    @app.get("/cancellations/<order_no>")
    def find(order_no: str) -> Response[str]:
        return cancellations.found(service.find(order_no))

    @app.delete("/cancellations/<order_no>")
    def withdraw(order_no: str) -> Response[str]:
        row = service.withdraw(order_no)
        logger.info("asked to withdraw", extra={"order_no": order_no, "state": row.state if row else None})
        return cancellations.withdrawn(row)

    @app.get("/orders/<order_no>")
    def look_up(order_no: str) -> Response[str]:
        said = service.look_up(order_no, seconds_left=_seconds_left())
        return cancellations.looked_up(order_no, said, service.outlook(said.order) if said.order else None)

    problems.refuse_other_methods(app, "/cancellations", HTTPMethod.GET, HTTPMethod.POST)
    problems.refuse_other_methods(app, "/cancellations/batch", HTTPMethod.POST)
    problems.refuse_other_methods(app, "/cancellations/<order_no>", HTTPMethod.DELETE, HTTPMethod.GET)
    problems.refuse_other_methods(app, "/orders/<order_no>", HTTPMethod.GET)

    @service.published
    @logger.inject_lambda_context(clear_state=True)
    def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        return app.resolve(event, context)

    return lambda_handler


lambda_handler = create(bootstrap())
