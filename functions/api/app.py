"""The API: callers with AWS credentials ask for cancellations, look at them, and take them back."""

from collections.abc import Callable
from typing import Any, NoReturn

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler.api_gateway import APIGatewayRestResolver, Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from feee_cancel.bootstrap.cancelling import Service, bootstrap
from feee_cancel.http import cancellations, pages, problems

Handler = Callable[[dict[str, Any], LambdaContext], dict[str, Any]]

METHODS = {
    "/cancellations": "GET, POST",
    "/cancellations/batch": "POST",
    "/cancellations/[^/]+": "DELETE, GET",
    "/orders/[^/]+": "GET",
}

logger = Logger(service="feee_cancel")


def create(service: Service) -> Handler:
    """The handler over a service."""
    app = APIGatewayRestResolver()
    problems.answer_errors(app, logger, methods=METHODS)
    _route_requests(app, service)
    _route_looks(app, service)

    @service.published
    @logger.inject_lambda_context(clear_state=True)
    def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        return app.resolve(event, context)

    return lambda_handler


def _route_requests(app: APIGatewayRestResolver, service: Service) -> None:
    @app.post("/cancellations")
    def request() -> Response[str]:
        asked = cancellations.document(app.current_event)
        row = service.request(asked, requested_by=_caller(app), seconds_left=_seconds_left(app))
        logger.info("requested", extra={"order_no": row.order_no, "state": row.state, "reason": row.state_reason})
        return cancellations.requested(row, app.current_event, now=service.ports.now())

    @app.post("/cancellations/batch")
    def batch() -> Response[str]:
        asked = cancellations.document(app.current_event, most=cancellations.MAX_BATCH_DOCUMENT)
        taken = service.enqueue_batch(asked, requested_by=_caller(app))
        logger.info("requested a batch", extra={"orders": len(taken)})
        return cancellations.batch(asked, taken)

    @app.delete("/cancellations/<order_no>")
    def withdraw(order_no: str) -> Response[str]:
        row = service.withdraw(order_no)
        logger.info("asked to withdraw", extra={"order_no": order_no, "state": row.state if row else None})
        return cancellations.withdrawn(row)


def _route_looks(app: APIGatewayRestResolver, service: Service) -> None:
    @app.get("/cancellations/<order_no>")
    def find(order_no: str) -> Response[str]:
        return cancellations.found(service.find(order_no))

    @app.get("/cancellations")
    def page() -> Response[str]:
        if order_no := app.current_event.path_parameters.get("order_no"):
            return find(order_no)  # slashes or a line's end, which Powertools passes over in a path
        query = pages.Query.parse(app.current_event.multi_value_query_string_parameters)
        return pages.page(*service.page(query.states, limit=query.limit, after=query.after))

    @app.get("/orders/<order_no>")
    def look_up(order_no: str) -> Response[str]:
        said = service.look_up(order_no, seconds_left=_seconds_left(app))
        return cancellations.looked_up(order_no, said, service.outlook(said.order) if said.order else None)

    @app.route("/cancellations/batch", method=["DELETE", "GET"])  # before it is taken for an order number
    def not_an_order() -> NoReturn:
        raise problems.method_not_allowed(METHODS["/cancellations/batch"])


def _caller(app: APIGatewayRestResolver) -> str | None:
    return app.current_event.request_context.identity.user_arn


def _seconds_left(app: APIGatewayRestResolver) -> float:
    return app.lambda_context.get_remaining_time_in_millis() / 1000


lambda_handler = create(bootstrap())
