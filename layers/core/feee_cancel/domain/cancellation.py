"""A request to cancel an order, and the cancellation that it becomes."""

import re
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any, Self

from feee_cancel.domain.answer import Answer, AnswerKind
from feee_cancel.domain.order import Order

_ORDER_NO = re.compile(r"[0-9]{1,32}")
_MAX_REASON = 200
_MAX_AHEAD = 30 * 86_400


class State(StrEnum):
    """Where a cancellation stands. The last four are final: only a new request changes them."""

    WAITING = "waiting"
    CANCELLING = "cancelling"
    REFUNDING = "refunding"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    FAILED = "failed"

    @property
    def final(self) -> bool:
        """Whether no later event changes it."""
        return self in FINAL


FINAL = frozenset({State.CANCELLED, State.REJECTED, State.WITHDRAWN, State.FAILED})
RESTARTABLE = FINAL - {State.CANCELLED}
"""A new request starts these afresh; `cancelled` is answered from the table."""


class StateReason(StrEnum):
    """Why a cancellation is in its state; each tells which state that is."""

    NOT_BEFORE = "not_before"
    """waiting: for the time that was asked for."""
    TOO_EARLY = "too_early"
    """waiting: feee.io cancels orders older than five minutes only."""
    CANCEL_REFUSED = "cancel_refused"
    """waiting: the order is open and old enough, and cancel was refused all the same."""
    ORDER_REFUSED = "order_refused"
    """waiting: both cancel and query were refused."""
    MISCONFIGURED = "misconfigured"
    """waiting: feee.io doesn't take the key, or the address or User-Agent that it is used from."""
    RATE_EXCEEDED = "rate_exceeded"
    """waiting: too many requests for this key."""
    UNREACHABLE = "unreachable"
    """waiting: nothing could be sent to feee.io."""
    OUTCOME_UNKNOWN = "outcome_unknown"
    """waiting: a request was sent and neither its answer nor a query told how it ended."""
    REFUND_PENDING = "refund_pending"
    """refunding: the order ended, or its end was accepted, and the refund doesn't show yet."""
    REFUNDED = "refunded"
    """cancelled: the refund shows."""
    NOTHING_PAID = "nothing_paid"
    """cancelled: nothing had been paid, so there is nothing to refund."""
    FILLED = "filled"
    """rejected: the energy was delegated."""
    NEVER_PAID = "never_paid"
    """rejected: the order closed without a payment."""
    REFUSED = "refused"
    """rejected: feee.io refused cancel and query alike, with the same codes, time and again."""
    GAVE_UP = "gave_up"
    """failed: still not final when its time was up."""


class InvalidRequestError(ValueError):
    """The document isn't a request. `member` is the JSON member at fault, "" for the document itself."""

    def __init__(self, member: str, detail: str) -> None:
        super().__init__(detail)
        self.member = member
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class CancellationRequest:
    """The request document, the same for every way in. `not_before` is in unix seconds."""

    order_no: str
    not_before: int | None = None
    reason: str | None = None

    @classmethod
    def parse(cls, document: object, *, now: float) -> Self:
        """Validate a JSON document. Raises InvalidRequestError with the member at fault."""
        if not isinstance(document, dict):
            raise InvalidRequestError("", "must be a JSON object")
        for unknown in document.keys() - {"order_no", "not_before", "reason"}:
            raise InvalidRequestError(unknown[:64], "is not a member of a cancellation request")
        return cls(
            order_no=parse_order_no(document.get("order_no")),
            not_before=_not_before(document["not_before"], now) if "not_before" in document else None,
            reason=_reason(document["reason"]) if "reason" in document else None,
        )


def parse_order_no(value: object) -> str:
    """An order number is feee.io's own, a string of digits. Raises InvalidRequestError."""
    if isinstance(value, str) and _ORDER_NO.fullmatch(value):
        return value
    raise InvalidRequestError("order_no", "is required: a string of 1 to 32 digits, as feee.io gave it")


def _not_before(value: object, now: float) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise InvalidRequestError("not_before", "must be a time in whole unix seconds")
    if value > now + _MAX_AHEAD:
        raise InvalidRequestError("not_before", "must be at most 30 days ahead")
    return value


def _reason(value: object) -> str:
    if not isinstance(value, str) or len(value) > _MAX_REASON:
        raise InvalidRequestError("reason", f"must be a string of at most {_MAX_REASON} characters")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise InvalidRequestError("reason", "must be valid Unicode text")
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancellation:
    """One row of the table. Times are unix seconds, amounts are exact decimals in TRX.

    `due_at` is when the next step is due; during an attempt it is the end of its lease, and on a final row the time
    it became final. `attempt` counts claims over the row's whole life and never goes back. During an attempt
    `state_reason` is still that of the wait before it; `tries` and `since` count the attempts in a row that ended
    with this reason and these refusals.
    """

    order_no: str
    state: State
    due_at: int
    requested_at: int
    gives_up_at: int
    state_reason: StateReason | None = None
    requested_by: str | None = None
    reason: str | None = None
    not_before: int | None = None
    eligible_at: int | None = None
    attempt: int = 0
    tries: int = 0
    since: int | None = None
    refusals: str | None = None
    settled_at: int | None = None
    expires_at: int | None = None
    answer: AnswerKind | None = None
    http_status: int | None = None
    code: int | None = None
    msg: str | None = None
    request_id: str | None = None
    detail: str | None = None
    status: int | None = None
    pay_amount: Decimal | None = None
    refund_amount: Decimal | None = None
    refund_time: int | None = None
    partly_filled: bool | None = None
    order: str | None = None

    def showing(self, answer: Answer, order: Order | None) -> Self:
        """The same cancellation with the last answer of feee.io, word for word, and what is known of the order."""
        seen = replace(
            self,
            answer=answer.kind,
            http_status=answer.http_status,
            code=answer.code,
            msg=answer.msg,
            request_id=answer.request_id,
            detail=answer.detail,
        )
        return seen if order is None else replace(seen, **_facts(order))


@dataclass(frozen=True, slots=True)
class Due:
    """A row as far as the index shows it."""

    order_no: str
    state: State
    due_at: int


def _facts(order: Order) -> dict[str, Any]:
    return {
        "status": order.status,
        "pay_amount": order.pay_amount,
        "refund_amount": order.refund_amount,
        "refund_time": order.refund_time,
        "partly_filled": (order.frozen_resource_value or 0) > 0,
        "order": order.text,
    }
