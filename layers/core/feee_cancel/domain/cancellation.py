"""The cancellation of an order: its state, why it is in it, and what is known of the order."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from feee_cancel.domain.answer import Answer, AnswerKind
from feee_cancel.domain.open_enum import OpenEnum
from feee_cancel.domain.order import Order
from feee_cancel.domain.times import Time


class State(OpenEnum):
    """Where a cancellation stands. The last four are final: only a new request changes them.

    Nothing is concluded from a state that this version doesn't know, and nothing changes its row.
    """

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
UNDER_WAY = frozenset({State.CANCELLING, State.REFUNDING})
"""A cancel may have been sent, and feee.io may carry it out at any moment."""
RESTARTABLE = FINAL - {State.CANCELLED}
"""A new request starts these again, `rejected` after a while; `cancelled` is answered from the table."""


class StateReason(OpenEnum):
    """Why a cancellation is in its state; each reason belongs to one state."""

    QUEUED = "queued"
    """waiting: enqueued for the drain, which was woken."""
    NOT_BEFORE = "not_before"
    """waiting: for the time that was asked for."""
    TOO_EARLY = "too_early"
    """waiting: feee.io cancels orders older than five minutes only."""
    CANCEL_REFUSED = "cancel_refused"
    """waiting: the order is open and old enough, and cancel was refused all the same."""
    ORDER_REFUSED = "order_refused"
    """waiting: both cancel and query were refused."""
    MISCONFIGURED = "misconfigured"
    """waiting: feee.io rejects the key, or the address or User-Agent it is used from."""
    RATE_EXCEEDED = "rate_exceeded"
    """waiting: feee.io limited the rate of calls with this key."""
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
    """rejected: feee.io refused cancel and query with the same codes again and again, and showed other orders."""
    TAKEN_BACK = "taken_back"
    """withdrawn: on request, before it was cancelled."""
    GAVE_UP = "gave_up"
    """failed: still not final when its time was up."""


TROUBLED = frozenset(
    {StateReason.MISCONFIGURED, StateReason.RATE_EXCEEDED, StateReason.UNREACHABLE, StateReason.OUTCOME_UNKNOWN}
)
"""The reasons to wait after an attempt that feee.io didn't serve."""

ON_ITS_WAY_SECONDS = 300 + 10
"""For how long a cancel that feee.io didn't answer may still be carried out: well over the minute or two that servers
and proxies give a request. Ten seconds of it allow for clocks that differ."""

UNREADABLE_TIME = 253_402_300_799
"""Stands for a time that can't be read: the last second that has a date."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requested:
    """One request on a row's record. `requested_at` is a message's own time if it has one; `unread` is as in a row."""

    requested_by: str | None = None
    asker: str | None = None
    requested_at: Time = UNREADABLE_TIME
    not_before: Time | None = None
    reason: str | None = None
    unread: Mapping[str, object] = field(default_factory=dict, hash=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancellation:
    """One row of the table. Times are unix seconds, amounts are exact decimals in TRX.

    `due_at` is when the next step is due; during an attempt it is the end of its lease, and on a final row the time
    it became final. `attempt` counts claims over the row's whole life and never goes back. During an attempt
    `state_reason` is still that of the wait before it; `tries` counts the attempts in a row that ended with
    this reason and these refusals, since `since`. `asker` is whose share of the drain it uses, if `requested_by` alone
    doesn't say.

    `requests` is the record of who asked. It is empty if there was one request, which the row's own fields hold;
    `not_before` is what all requests come to. `ended_before` is when the earlier cancellation ended, if this is a
    restart of one.

    `seen_at` is when feee.io first showed the order; `paid` says that it once showed it as paid.

    `in_doubt_after` is the number of attempts after which the doubt began: a later one may have sent a cancel that took
    effect, and no order was seen since that says whether it did. Every claim begins a doubt; None: there is none.
    Until `in_doubt_until` a cancel may still be on its way, although the order looks open; None: nobody knows.

    `unread` has what this version doesn't know or can't read of the row, as it is in the table; it is written back.
    """

    order_no: str
    state: State
    due_at: int
    requested_at: Time
    gives_up_at: Time
    state_reason: StateReason | None = None
    requested_by: str | None = None
    asker: str | None = None
    reason: str | None = None
    not_before: Time | None = None
    requests: tuple[Requested, ...] = ()
    ended_before: Time | None = None
    eligible_at: int | None = None
    seen_at: Time | None = None
    paid: bool | None = None
    attempt: int = 0
    in_doubt_after: int | None = None
    in_doubt_until: Time | None = None
    tries: int = 0
    since: Time | None = None
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
    unread: Mapping[str, object] = field(default_factory=dict, hash=False, repr=False)

    @property
    def in_doubt(self) -> bool:
        """Whether a cancel may have taken effect unseen. Nothing withdraws such a row, or delays a look at it.

        A row of a version that recorded no doubt shows it by its reason.
        """
        return self.in_doubt_after is not None or self.state_reason is StateReason.OUTCOME_UNKNOWN


def restarted(row: Cancellation, there: Cancellation) -> Cancellation:
    """The new row of an order whose cancellation ended. It keeps the count of attempts, what was seen, and any doubt.

    An order in doubt is due at once, whatever time was asked for.
    """
    after = there.attempt if there.in_doubt_after is None and row.attempt else there.in_doubt_after
    until = None if there.in_doubt_after is None else row.due_at + ON_ITS_WAY_SECONDS
    row = replace(row, attempt=there.attempt + row.attempt, in_doubt_after=after, in_doubt_until=until)
    unread = {name: raw for name, raw in there.unread.items() if name != "attempt"}
    row = replace(row, seen_at=there.seen_at, paid=there.paid, ended_before=there.settled_at, unread=unread)
    return replace(row, due_at=row.requested_at) if row.state is State.WAITING and row.in_doubt else row


def facts(answer: Answer, order: Order | None) -> dict[str, Any]:
    """Fields that show the last answer of feee.io, word for word, and what is known of the order if it was seen."""
    said = {
        "answer": answer.kind,
        "http_status": answer.http_status,
        "code": answer.code,
        "msg": answer.msg,
        "request_id": answer.request_id,
        "detail": answer.detail,
    }
    if order is None:
        return said
    return said | {
        "status": order.status,
        "pay_amount": order.pay_amount,
        "refund_amount": order.refund_amount,
        "refund_time": order.refund_time,
        "partly_filled": (order.frozen_resource_value or 0) > 0,
        "order": order.text,
    }
