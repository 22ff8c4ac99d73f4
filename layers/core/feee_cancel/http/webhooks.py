"""What the webhook takes and answers."""

from base64 import b64decode
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from aws_lambda_powertools.event_handler.api_gateway import APIGatewayRestResolver, Response
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

from feee_cancel.adapters.representation import known
from feee_cancel.domain.cancellation import Cancellation
from feee_cancel.http.problems import ProblemError, answer, problem
from feee_cancel.usecases.ports import NotSignedError


def raw_body(event: APIGatewayProxyEvent) -> bytes:
    """The body as it was sent. Raises NotSignedError where the event doesn't hold it."""
    body = event.body or ""
    try:
        return b64decode(body, validate=True) if event.is_base64_encoded else body.encode()
    except ValueError:
        raise NotSignedError from None


def headers(event: APIGatewayProxyEvent) -> Mapping[str, Sequence[str]]:
    """Every value of every header."""
    return event.multi_value_headers


def received(row: Cancellation | None) -> Response[str]:
    """The answer to a message that was taken, now or before."""
    shown = {"order_no": row.order_no, "state": row.state, "state_reason": row.state_reason} if row else {}
    return answer(HTTPStatus.ACCEPTED, known(shown))


def refuse_unsigned(app: APIGatewayRestResolver) -> None:
    """Whatever is wrong with a signature, the answer is the same."""

    def _not_signed(_: NotSignedError) -> Response[str]:
        detail = "The request carries no valid signature (Standard Webhooks) of the last five minutes."
        return problem(ProblemError(HTTPStatus.UNAUTHORIZED, "not-signed", detail))

    app.exception_handler(NotSignedError)(_not_signed)
