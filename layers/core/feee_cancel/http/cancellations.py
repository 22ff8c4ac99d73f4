"""What the API accepts and answers."""

import json
from http import HTTPStatus
from typing import Any

from feee_cancel.adapters.representation import known, represent
from feee_cancel.domain.answer import Answer, AnswerKind
from feee_cancel.domain.cancellation import ON_ITS_WAY_SECONDS, Cancellation, State, StateReason, facts
from feee_cancel.domain.documents import MAX_DOCUMENT, parse_json
from feee_cancel.domain.faults import InvalidRequestError
from feee_cancel.domain.outlook import Outlook
from feee_cancel.http.gateway import Reply, Request
from feee_cancel.http.problems import NOT_KNOWN, RETRY_SECONDS, ProblemError, retry_after, too_large
from feee_cancel.usecases.enqueue import Enqueued
from feee_cancel.usecases.errors import UnknownWriteError

MAX_BATCH_DOCUMENT = 16_384
_MAX_WAIT = 31 * 86_400
"""No `not_before` is further ahead than this."""

_REJECTED = {
    StateReason.FILLED: "The order was filled: the energy was delegated, so it can't be cancelled any more.",
    StateReason.NEVER_PAID: "The order closed without a payment, so there is nothing to cancel.",
    StateReason.REFUSED: "feee.io refused again and again to cancel or to show this order.",
    StateReason.TAKEN_BACK: "The request was withdrawn at the same moment. A new request starts it again.",
    StateReason.GAVE_UP: "The cancellation was still not final when its time was up. A new request starts it again.",
}
_UNDER_WAY = "The cancellation is under way: feee.io was asked, and the order may be cancelled already."
_IN_DOUBT = (
    "feee.io was asked, and the order may be cancelled already. The request can be withdrawn once feee.io shows the "
    f"order open, at least {ON_ITS_WAY_SECONDS // 60} minutes after the last cancel that it didn't answer."
)
_UNKNOWN_STATE = "A newer version of this service wrote the cancellation; this one doesn't know its state, {}."
_NOT_SHOWN = "feee.io shows no such order for this key; `last_answer` is what it said."
_RATE_LIMITED = "feee.io limited the rate of our calls. Try again."
_KEY_REJECTED = "feee.io rejects the key, or the address or User-Agent it is used from."
_NO_ORDER = {
    AnswerKind.ACCEPTED: (HTTPStatus.NOT_FOUND, "order-not-shown", _NOT_SHOWN),
    AnswerKind.REFUSED: (HTTPStatus.NOT_FOUND, "order-not-shown", _NOT_SHOWN),
    AnswerKind.RATE_EXCEEDED: (
        HTTPStatus.SERVICE_UNAVAILABLE,
        "rate-exceeded",
        _RATE_LIMITED,
    ),
    AnswerKind.MISCONFIGURED: (
        HTTPStatus.BAD_GATEWAY,
        "misconfigured",
        _KEY_REJECTED,
    ),
    AnswerKind.NOT_SENT: (HTTPStatus.BAD_GATEWAY, "unreachable", "feee.io couldn't be reached."),
    AnswerKind.NO_USABLE_ANSWER: (HTTPStatus.BAD_GATEWAY, "no-usable-answer", "feee.io gave no usable answer."),
}


def document(request: Request, *, most: int = MAX_DOCUMENT) -> object:
    """The JSON document in the body, of at most `most` bytes. Raises ProblemError (413, 415), InvalidRequestError."""
    content_type = [*request.headers.get("content-type", ()), ""][0]
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "Send application/json.")
    try:
        body = request.body(most)
    except ValueError:
        raise InvalidRequestError(None, "must be a JSON document") from None
    if body is None:
        raise too_large(most)
    return parse_json(body)


def requested(row: Cancellation, request: Request, *, now: float) -> Reply:
    """The answer to a request: 200 settled, 202 will be settled. Raises ProblemError (409 can't be cancelled)."""
    if row.state is State.CANCELLED:
        return Reply(HTTPStatus.OK, represent(row))
    _check_state(row)
    if row.state.final:
        reason = row.state_reason or StateReason.GAVE_UP
        detail = _REJECTED.get(reason, f"The cancellation is {row.state}: {reason}, and won't be tried again.")
        raise _conflict(reason.replace("_", "-"), detail, row)
    wait = RETRY_SECONDS if row.state is State.CANCELLING else min(max(1, row.due_at - int(now) + 1), _MAX_WAIT)
    location = f"{request.url_path}/{row.order_no}"
    return Reply(HTTPStatus.ACCEPTED, represent(row), {**retry_after(wait), "Location": location})


def batch(batch_document: object, enqueued: list[Enqueued]) -> Reply:
    """The answer to a batch: what became of each, in order."""
    given = batch_document["order_nos"] if isinstance(batch_document, dict) else []
    results = [_result(order_no, one) for order_no, one in zip(given, enqueued, strict=True)]
    return Reply(HTTPStatus.ACCEPTED, {"results": results})


def _result(order_no: object, enqueued: Enqueued) -> dict[str, Any]:
    shown = {"order_no": order_no} if isinstance(order_no, str) else {}
    match enqueued:
        case Cancellation(state=state) if not state.is_known:
            return {**shown, "result": "refused", "state": state, "detail": _UNKNOWN_STATE.format(state)}
        case Cancellation(state=state, state_reason=reason):
            return {**shown, "result": "final" if state.final else "taken", **known({"state": state, "why": reason})}
        case InvalidRequestError(detail=detail):
            return {**shown, "result": "refused", "detail": f"order_no {detail}"}
        case UnknownWriteError():
            return {**shown, "result": "unknown", "detail": NOT_KNOWN}
        case _:
            return {**shown, "result": "refused", "detail": "couldn't be written, so it wasn't accepted; try again"}


def found(row: Cancellation | None) -> Reply:
    """The answer to a look at a cancellation. Raises ProblemError (404)."""
    return Reply(HTTPStatus.OK, represent(_there(row)))


def withdrawn(row: Cancellation | None) -> Reply:
    """The answer to withdrawing. Raises ProblemError (404; 409 under way or final)."""
    row = _there(row)
    if row.state is State.WITHDRAWN:
        return Reply(HTTPStatus.OK, represent(row))
    _check_state(row)
    if row.state.final:
        raise _conflict("final", f"The cancellation is {row.state}, so it can't be withdrawn any more.", row)
    raise _conflict("under-way", _IN_DOUBT if row.state is State.WAITING else _UNDER_WAY, row)


def looked_up(order_no: str, said: Answer, outlook: Outlook | None) -> Reply:
    """The answer to a look at an order. Raises ProblemError (404, 502, 503) if feee.io showed none."""
    if said.order is None or outlook is None:
        status, name, detail = _NO_ORDER[said.kind]
        headers = retry_after() if status is HTTPStatus.SERVICE_UNAVAILABLE else None
        raise ProblemError(status, name, detail, headers=headers, last_answer=known(facts(said, None)))
    cancellable = outlook.why_not is None
    shown = {
        "order_no": order_no,
        "cancellable": cancellable,
        "since": outlook.eligible_at if cancellable else None,
        "from": None if cancellable else outlook.eligible_at,
        "why_not": outlook.why_not,
        "order": json.loads(said.order.text),
    }
    return Reply(HTTPStatus.OK, known(shown))


def _there(row: Cancellation | None) -> Cancellation:
    if row is None:
        raise ProblemError(HTTPStatus.NOT_FOUND, "not-found", "No cancellation of this order was requested here.")
    return row


def _check_state(row: Cancellation) -> None:
    """Raises ProblemError (409) for a state that this version doesn't know; nothing was changed then."""
    if not row.state.is_known:
        raise _conflict("unknown-state", f"{_UNKNOWN_STATE.format(row.state)} Nothing was changed.", row)


def _conflict(name: str, detail: str, row: Cancellation) -> ProblemError:
    return ProblemError(HTTPStatus.CONFLICT, name, detail, cancellation=represent(row))
