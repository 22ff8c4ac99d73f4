"""What the webhook answers."""

from http import HTTPStatus

from feee_cancel.adapters.representation import known
from feee_cancel.domain.cancellation import Cancellation
from feee_cancel.domain.documents import MAX_DOCUMENT
from feee_cancel.http.gateway import Reply, Request
from feee_cancel.http.problems import too_large
from feee_cancel.usecases.errors import NotSignedError


def raw_body(request: Request) -> bytes:
    """The body as it was sent. Raises ProblemError (413), NotSignedError if the event doesn't hold it."""
    try:
        body = request.body(MAX_DOCUMENT)
    except ValueError:
        raise NotSignedError from None
    if body is None:
        raise too_large(MAX_DOCUMENT)
    return body


def received(row: Cancellation | None) -> Reply:
    """The answer to a message that was accepted, now or before."""
    shown = {"order_no": row.order_no, "state": row.state, "state_reason": row.state_reason} if row else {}
    return Reply(HTTPStatus.ACCEPTED, known(shown))
