"""Answers, and every error as a problem (RFC 9457)."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler.api_gateway import APIGatewayRestResolver, Response

from feee_cancel.adapters.representation import to_json
from feee_cancel.domain.documents import InvalidRequestError
from feee_cancel.usecases.ports import SecretUnavailableError, TableUnavailableError

_TYPE = "urn:feee-cancel:problem:"
RETRY_SECONDS = 2


class ProblemError(Exception):
    """A request that is answered with a problem; `members` are added to its body."""

    def __init__(
        self, status: HTTPStatus, name: str, detail: str, *, headers: Mapping[str, str] | None = None, **members: object
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.name = name
        self.detail = detail
        self.headers = headers
        self.members = members


def answer(
    status: HTTPStatus,
    body: Mapping[str, Any],
    headers: Mapping[str, str] | None = None,
    content_type: str = "application/json",
) -> Response[str]:
    """An answer that nobody keeps."""
    headers = {"Cache-Control": "no-store", **(headers or {})}
    return Response(status_code=status, content_type=content_type, body=to_json(body), headers=headers)


def answer_errors(app: APIGatewayRestResolver, logger: Logger, *, methods: Mapping[str, str]) -> None:
    """Every error as a problem: one table, by type.

    `methods` has for each path, a regular expression, the methods that it takes; another one is answered 405.
    """

    def _unavailable(error: TableUnavailableError | SecretUnavailableError) -> Response[str]:
        logger.error("the request could not be taken", exc_info=error)
        detail = "The table or a secret can't be reached just now, so nothing was accepted or changed. Try again."
        return problem(ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", detail, headers=retry_after()))

    def _unexpected(error: Exception) -> Response[str]:
        logger.error("an error that nobody expected", exc_info=error)
        detail = "Whether the request was accepted is unknown. Look at the cancellation, or ask again."
        return problem(ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, "internal-error", detail))

    def _no_route(_: Exception) -> Response[str]:
        allow = next((allow for path, allow in methods.items() if re.fullmatch(path, app.current_event.path)), None)
        if allow is None:
            return problem(ProblemError(HTTPStatus.NOT_FOUND, "no-such-route", "There is no such route."))
        return problem(method_not_allowed(allow))

    app.exception_handler(ProblemError)(problem)
    app.exception_handler(InvalidRequestError)(_invalid)
    app.exception_handler([TableUnavailableError, SecretUnavailableError])(_unavailable)
    app.exception_handler(Exception)(_unexpected)
    app.not_found(_no_route)


def method_not_allowed(allow: str) -> ProblemError:
    """There is such a path, but not with this method."""
    detail = f"Only {allow} is taken here."
    return ProblemError(HTTPStatus.METHOD_NOT_ALLOWED, "method-not-allowed", detail, headers={"Allow": allow})


def retry_after(seconds: int = RETRY_SECONDS) -> dict[str, str]:
    """The header that says when to come again."""
    return {"Retry-After": str(seconds)}


def problem(error: ProblemError) -> Response[str]:
    """The problem as an answer."""
    body = {
        "type": f"{_TYPE}{error.name}",
        "title": error.status.phrase,
        "status": error.status,
        "detail": error.detail,
        **error.members,
    }
    return answer(error.status, body, error.headers, "application/problem+json")


def _invalid(error: InvalidRequestError) -> Response[str]:
    pointer = f"#/{error.member.replace('~', '~0').replace('/', '~1')}" if error.member else "#"
    detail = f"{error.member or 'the request'} {error.detail}"
    errors = [{"pointer": pointer, "detail": error.detail}]
    return problem(ProblemError(HTTPStatus.BAD_REQUEST, "invalid-request", detail, errors=errors))
