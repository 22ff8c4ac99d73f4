"""Every error as a problem (RFC 9457), by its type."""

import logging
from collections.abc import Mapping
from http import HTTPStatus

from feee_cancel.domain.faults import InvalidRequestError
from feee_cancel.http.gateway import Reply
from feee_cancel.usecases.errors import (
    NotSignedError,
    RowBusyError,
    SecretUnavailableError,
    TableUnavailableError,
    UnknownWriteError,
)

_TYPE = "urn:feee-cancel:problem:"
RETRY_SECONDS = 2
NOT_KNOWN = (
    "The table gave no answer, so it is unknown whether the request was recorded. Ask again: asking again is safe."
)

logger = logging.getLogger(__name__)


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


def reply_to_error(error: Exception) -> Reply:
    """The answer to an error, by one table. Errors that aren't the caller's are logged."""
    match error:
        case ProblemError():
            return _problem(error)
        case InvalidRequestError():
            return _problem(_invalid(error))
        case NotSignedError():
            detail = "The request has no valid signature (Standard Webhooks) made in the last five minutes."
            return _problem(ProblemError(HTTPStatus.UNAUTHORIZED, "not-signed", detail))
        case TableUnavailableError() | SecretUnavailableError():
            return _problem(_unavailable(error))
        case _:
            logger.error("an error that nobody expected", exc_info=error)
            detail = "Whether the request was accepted is unknown. Look at the cancellation, or ask again."
            return _problem(ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, "internal-error", detail))


def too_large(most: int) -> ProblemError:
    """The document has more bytes than this."""
    detail = f"A request document has at most {most} bytes."
    return ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", detail)


def retry_after(seconds: int = RETRY_SECONDS) -> dict[str, str]:
    """The header that says when to ask again."""
    return {"Retry-After": str(seconds)}


def _unavailable(error: Exception) -> ProblemError:
    match error:
        case UnknownWriteError():
            logger.error("whether the request was recorded is unknown", exc_info=error)
            detail = NOT_KNOWN
        case RowBusyError():
            logger.warning("the request couldn't be accepted: %s", error)
            detail = f"Nothing was changed, because {error}. Try again."
        case _:
            logger.error("the request couldn't be accepted", exc_info=error)
            detail = "A table or a secret can't be reached just now; nothing was changed. Try again."
    return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", detail, headers=retry_after())


def _problem(error: ProblemError) -> Reply:
    body = {
        "type": f"{_TYPE}{error.name}",
        "title": error.status.phrase,
        "status": error.status,
        "detail": error.detail,
        **error.members,
    }
    return Reply(error.status, body, error.headers or {}, "application/problem+json")


def _invalid(error: InvalidRequestError) -> ProblemError:
    pointer = "#" if error.member is None else f"#/{error.member.replace('~', '~0').replace('/', '~1')}"
    errors = [{"pointer": pointer, "detail": error.detail}]
    return ProblemError(HTTPStatus.BAD_REQUEST, "invalid-request", str(error), errors=errors)
