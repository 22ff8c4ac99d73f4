"""From a request to its answer: by API Gateway's resource and method, and every error as a problem."""

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from feee_cancel.domain.foreign_events import UnknownEventError
from feee_cancel.http.gateway import Context, Reply, Request
from feee_cancel.http.problems import ProblemError, reply_to_error

Routes = Mapping[str, Mapping[str, Callable[[Request], Reply]]]
"""What answers, by resource as openapi.yaml writes it, and by method."""

logger = logging.getLogger(__name__)


def respond(event: object, context: Context, routes: Routes, *, demands_caller: bool) -> dict[str, Any]:
    """Answer a request of API Gateway's REST API. Raises UnknownEventError for records: an answer would lose them.

    `demands_caller`: whether a request that nobody signed is refused here, too, a second lock behind API Gateway's.
    """
    try:
        request = Request(event, context)
    except UnknownEventError as error:
        if isinstance(event, dict) and "Records" in event:
            raise
        logger.warning("an event that is no request: %s", error)
        return reply_to_error(ProblemError(HTTPStatus.BAD_REQUEST, "unknown-event", str(error))).to_event()
    try:
        reply = _route(request, routes, demands_caller=demands_caller)(request)
    except Exception as error:  # noqa: BLE001 - the table of problems tells expected errors from a fault of ours
        reply = reply_to_error(error)
    return reply.to_event()


def _route(request: Request, routes: Routes, *, demands_caller: bool) -> Callable[[Request], Reply]:
    if demands_caller and not request.caller:
        detail = "The request carries no caller's identity: sign it with AWS credentials (Signature Version 4)."
        raise ProblemError(HTTPStatus.UNAUTHORIZED, "unauthorized", detail)
    methods = routes.get(request.resource, {})
    if methods and request.method not in methods:
        allow = ", ".join(sorted(methods))
        detail = f"Only {allow} is accepted here."
        raise ProblemError(HTTPStatus.METHOD_NOT_ALLOWED, "method-not-allowed", detail, headers={"Allow": allow})
    if not methods or not request.exact:
        detail = "There is no such route. A path must match exactly, and no header overrides the method."
        raise ProblemError(HTTPStatus.NOT_FOUND, "no-such-route", detail)
    return methods[request.method]
