"""The API: callers with AWS credentials ask for cancellations, look at them, and take them back."""

import feee_cancel  # noqa: F401 - imported first: it sets how often Python collects garbage during the rest

# isort: split
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from feee_cancel.bootstrap.cancelling import Service, bootstrap
from feee_cancel.http import cancellations, pages
from feee_cancel.http.gateway import Reply, Request
from feee_cancel.http.routing import Routes, respond

Handler = Callable[[object, LambdaContext], dict[str, Any]]

logger = Logger(service="feee_cancel", json_deserializer=str)  # a message is text, never JSON


def create(service: Service) -> Handler:
    """The handler over a service."""
    routes = _routes(service)

    @service.published
    @logger.inject_lambda_context
    def lambda_handler(event: object, context: LambdaContext) -> dict[str, Any]:
        return respond(event, context, routes, demands_caller=service.demands_caller)

    return lambda_handler


def _routes(service: Service) -> Routes:
    def cancel(request: Request) -> Reply:
        document = cancellations.document(request)
        row = service.request(document, requested_by=request.caller, seconds_left=request.seconds_left)
        said = {"order_no": row.order_no, "state": row.state, "state_reason": row.state_reason, "due_at": row.due_at}
        logger.info("requested", extra={**said, "requested_by": request.caller})
        return cancellations.requested(row, request, now=service.ports.now())

    def cancel_batch(request: Request) -> Reply:
        document = cancellations.document(request, most=cancellations.MAX_BATCH_DOCUMENT)
        enqueued = service.enqueue_batch(document, requested_by=request.caller)
        return cancellations.batch(document, enqueued)

    def withdraw(request: Request) -> Reply:
        row = service.withdraw(request.order_no)
        said = {"order_no": request.order_no, "state": row.state if row else None, "requested_by": request.caller}
        logger.info("asked to withdraw", extra=said)
        return cancellations.withdrawn(row)

    def find(request: Request) -> Reply:
        return cancellations.found(service.find(request.order_no))

    def page(request: Request) -> Reply:
        query = pages.Query.parse(request.query)
        return pages.page(*service.page(query.states, limit=query.limit, after=query.after, period=query.period))

    def look_up(request: Request) -> Reply:
        said = service.look_up(request.order_no, seconds_left=request.seconds_left)
        return cancellations.looked_up(request.order_no, said, service.outlook(said.order) if said.order else None)

    return {
        "/cancellations": {"GET": page, "POST": cancel},
        "/cancellations/batch": {"POST": cancel_batch},
        "/cancellations/{order_no}": {"DELETE": withdraw, "GET": find},
        "/orders/{order_no}": {"GET": look_up},
    }


lambda_handler = create(bootstrap())
