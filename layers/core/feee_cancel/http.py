"""Cancellations as HTTP answers: the representation, the problems (RFC 9457), and which error is which."""

import json
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import fields
from http import HTTPStatus
from typing import Any, NoReturn

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

from feee_cancel.domain.cancellation import Cancellation, InvalidRequestError, State, StateReason
from feee_cancel.domain.order import json_number
from feee_cancel.usecases.ports import TableUnavailableError

_MAX_BODY = 4096
_PROBLEM_TYPE = "urn:feee-cancel:problem:"
_RETRY_SECONDS = 2
_LAST_ANSWER = ("answer", "http_status", "code", "msg", "request_id", "detail")
_INTERNAL = frozenset({"tries", "since", "refusals", "expires_at", "order", *_LAST_ANSWER})
_REPRESENTED = tuple(field.name for field in fields(Cancellation) if field.name not in _INTERNAL)

_REJECTED = {
    StateReason.FILLED: "The order was filled: the energy was delegated, so it can't be cancelled any more.",
    StateReason.NEVER_PAID: "The order closed without a payment, so there is nothing to cancel.",
    StateReason.REFUSED: "feee.io refused to cancel and to show this order, time and again.",
    StateReason.GAVE_UP: "The cancellation was still not final when its time was up. A new request starts afresh.",
}


class ProblemError(Exception):
    """A request that is answered with a problem."""

    def __init__(self, status: HTTPStatus, name: str, detail: str, **members: object) -> None:
        super().__init__(detail)
        self.status = status
        self.name = name
        self.detail = detail
        self.members = members


def document(event: APIGatewayProxyEvent) -> object:
    """The JSON document in the body. Raises ProblemError (400, 413, 415)."""
    media_type = (event.headers.get("Content-Type") or "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "Send application/json.")
    if len(event.body or "") > _MAX_BODY:
        detail = f"A request document has at most {_MAX_BODY} bytes."
        raise ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", detail)
    try:
        body = (event.body or "").encode()
        return json.loads(b64decode(body, validate=True) if event.is_base64_encoded else body, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise InvalidRequestError("", "must be a JSON document") from None


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)


def requested(row: Cancellation, event: APIGatewayProxyEvent, *, now: float) -> Response[str]:
    """The answer to a request: 200 settled, 202 will be settled, 409 can't be cancelled any more."""
    if row.state is State.CANCELLED:
        return _json(HTTPStatus.OK, represent(row))
    if row.state.final:
        reason = row.state_reason or StateReason.GAVE_UP
        raise ProblemError(
            HTTPStatus.CONFLICT, reason.replace("_", "-"), _REJECTED[reason], cancellation=represent(row)
        )
    wait = _RETRY_SECONDS if row.state is State.CANCELLING else max(1, row.due_at - int(now) + 1)
    location = f"{event.request_context.path.rstrip('/')}/{row.order_no}"
    return _json(HTTPStatus.ACCEPTED, represent(row), {"Retry-After": str(wait), "Location": location})


def found(row: Cancellation | None) -> Response[str]:
    """The answer to a look at a cancellation. Raises ProblemError (404)."""
    if row is None:
        raise ProblemError(HTTPStatus.NOT_FOUND, "not-found", "No cancellation of this order was requested here.")
    return _json(HTTPStatus.OK, represent(row))


def represent(row: Cancellation) -> dict[str, Any]:
    """The cancellation as openapi.yaml describes it; what isn't known isn't there."""
    shown = {name: getattr(row, name) for name in _REPRESENTED}
    if row.state.final:
        del shown["due_at"]
    if row.state is State.CANCELLING:
        del shown["state_reason"]
    answer = {name: getattr(row, name) for name in _LAST_ANSWER}
    shown["last_answer"] = _known(answer) or None
    shown["order"] = json.loads(row.order) if row.order else None
    return _known(shown)


def _known(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _json(
    status: HTTPStatus,
    body: Mapping[str, Any],
    headers: Mapping[str, str] | None = None,
    content_type: str = "application/json",
) -> Response[str]:
    return Response(
        status_code=status,
        content_type=content_type,
        body=json.dumps(body, default=json_number, ensure_ascii=False),
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


def _problem(error: ProblemError, headers: Mapping[str, str] | None = None) -> Response[str]:
    body = {
        "type": f"{_PROBLEM_TYPE}{error.name}",
        "title": error.status.phrase,
        "status": error.status,
        "detail": error.detail,
        **error.members,
    }
    return _json(error.status, body, headers, "application/problem+json")


def _invalid(error: InvalidRequestError) -> Response[str]:
    pointer = f"#/{error.member.replace('~', '~0').replace('/', '~1')}" if error.member else "#"
    where = error.member or "the request"
    return _problem(
        ProblemError(
            HTTPStatus.BAD_REQUEST,
            "invalid-request",
            f"{where} {error.detail}",
            errors=[{"pointer": pointer, "detail": error.detail}],
        )
    )


def answer_errors(app: APIGatewayRestResolver, logger: Logger) -> None:
    """Every error as a problem: one table, by type."""

    def _unavailable(error: TableUnavailableError) -> Response[str]:
        logger.error("the request could not be written", exc_info=error)
        detail = "The request could not be written, so nothing was accepted. Try again."
        problem = ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", detail)
        return _problem(problem, {"Retry-After": str(_RETRY_SECONDS)})

    def _unexpected(error: Exception) -> Response[str]:
        logger.error("an error that nobody expected", exc_info=error)
        detail = "Whether the request was accepted is unknown. Look at the cancellation, or ask again."
        return _problem(ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, "internal-error", detail))

    app.exception_handler(ProblemError)(_problem)
    app.exception_handler(InvalidRequestError)(_invalid)
    app.exception_handler(TableUnavailableError)(_unavailable)
    app.exception_handler(Exception)(_unexpected)
    app.not_found(lambda _: _problem(ProblemError(HTTPStatus.NOT_FOUND, "no-such-route", "There is no such route.")))
