"""What the answers of one attempt mean: a pure function, the heart of the service.

Only an order's own state decides (never a code, never a message); if no order was seen, the attempt is repeated.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from feee_cancel.domain.answer import Answer, AnswerKind
from feee_cancel.domain.cancellation import Cancellation, State, StateReason, facts
from feee_cancel.domain.doubt import NO_DOUBT, doubt_left
from feee_cancel.domain.order import ENDED_UNFILLED, FILLED, Order, Status


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits that double from `first` to `most`, in seconds."""

    first: float
    most: float

    def wait(self, tries: int, jitter: float) -> float:
        """How long to wait after the `tries`-th try in a row; `jitter` is the share of it that is added."""
        return min(math.ldexp(self.first, min(tries - 1, 30)), self.most) * (1 + jitter)


BACKOFF: Mapping[StateReason, Backoff] = {
    StateReason.CANCEL_REFUSED: Backoff(15, 300),
    StateReason.ORDER_REFUSED: Backoff(15, 1_800),
    StateReason.MISCONFIGURED: Backoff(60, 60),
    StateReason.RATE_EXCEEDED: Backoff(3, 6),
    StateReason.UNREACHABLE: Backoff(1, 60),
    StateReason.OUTCOME_UNKNOWN: Backoff(1, 60),
    StateReason.REFUND_PENDING: Backoff(5, 60),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """When things happen, in seconds; docs/settings.md says why. The first two are feee.io's rule and our margin."""

    min_age: int = 300
    margin: int = 5
    cancels_again_after: int = 60
    """How long after an accepted cancel an order that still looks open is cancelled again."""
    gives_up_after: int = 86_400
    kept_for: int = 400 * 86_400
    """How long a final row is kept; 0 keeps it forever."""
    refusals: int = 3
    refused_for: int = 60
    """An order that isn't shown is rejected after this many refusals in a row over at least this time, ..."""
    refused_alone_for: int = 6 * 3_600
    """... while feee.io shows others to this key; or after this time, whatever it shows."""
    restarts_after: int = 60
    """A rejected order that is asked for again sooner is answered from the table."""
    refund_missing_after: int = 1_200
    """A metric reports a refund that takes longer; feee.io refunds by itself within 15 minutes (feee-api)."""
    backoff: Mapping[StateReason, Backoff] = field(default_factory=lambda: BACKOFF)
    """How long to wait, by the reason."""

    def eligible_at(self, order: Order, *, seen_at: float) -> int:
        """The time from which feee.io accepts a cancel of this order, which was first seen at `seen_at`.

        An order that was seen existed by then, whatever `create_time` says (milliseconds, another zone's time), or
        doesn't say.
        """
        seen_at = math.floor(seen_at)
        created_at = seen_at if order.create_time is None else min(order.create_time, seen_at)
        return max(0, created_at + self.min_age + self.margin)

    def believed(self, eligible_at: int | None, *, now: float) -> int:
        """A row's `eligible_at`, bounded: an earlier version may have believed any `create_time`."""
        return min(eligible_at or 0, math.floor(now) + self.min_age + self.margin)

    def ends_by(self, row: Cancellation, *, now: float) -> int:
        """The latest that `gives_up_at` can be; no request was made later than now, whatever its row says."""
        return (
            max(min(row.requested_at, math.floor(now)), row.not_before or 0)
            + self.min_age
            + self.margin
            + self.gives_up_after
        )


@dataclass(frozen=True, slots=True)
class Step:
    """Where an attempt leads."""

    state: State
    reason: StateReason
    due_at: int | None = None
    refusals: str | None = None


_LONGER_IN_DOUBT = 60
"""How many times as long an order must be refused before that is final, if an earlier cancel may have taken effect."""
_REFUNDING = Step(State.REFUNDING, StateReason.REFUND_PENDING)


def decide(
    row: Cancellation,
    cancel: Answer | None,
    query: Answer | None,
    *,
    now: float,
    policy: Policy,
    jitter: float,
    others_shown: bool = False,
) -> Cancellation:
    """What `row` becomes after an attempt that asked `cancel`, `query`, or both (None: wasn't asked).

    `others_shown`: feee.io shows other orders to this key while it refuses this one; see `hinges_on_others`.

    Guarantees: final only if an order was seen that says so, or after repeated refusals of both calls, or when its
    time is up; and a row that isn't final is due again, at the latest when its time is up.
    """
    orders = [answer.order for answer in (cancel, query) if answer and answer.order]
    order = orders[0] if orders else None
    was_paid = row.paid or any(seen.paid for seen in orders[1:])
    accepted = row.state is State.REFUNDING or (
        cancel is not None and cancel.kind in {AnswerKind.ORDER, AnswerKind.ACCEPTED}
    )
    changes = facts(_telling(cancel, query), order)
    if order:
        seen_at = math.floor(now) if row.seen_at is None else min(row.seen_at, math.floor(now))
        eligible_at = policy.eligible_at(order, seen_at=seen_at)
        changes |= {"seen_at": seen_at, "eligible_at": eligible_at}
        step = _from_order(order, row, cancel, accepted=accepted, was_paid=was_paid, eligible_at=eligible_at, now=now)
        changes["paid"] = was_paid or order.paid
    else:
        step = _REFUNDING if accepted else _from_answers(cancel, query)
    seen_open = order is not None and step.state is State.WAITING
    changes |= NO_DOUBT if step.state.final else doubt_left(row, cancel, seen_open=seen_open, now=now)
    row = replace(row, gives_up_at=min(row.gives_up_at, policy.ends_by(row, now=now)))
    changes["tries"], changes["since"] = _count(row, step, now)
    if _refused_for_good(row, step, others_shown=others_shown, now=now, policy=policy):
        step = replace(step, state=State.REJECTED, reason=StateReason.REFUSED)
        if others_shown and not _doubted_before(row, changes["tries"]):
            # It is no order of this key, so this key can't have cancelled it.
            changes |= NO_DOUBT
    asked_to_wait = max(answer.retry_after for answer in (cancel, query) if answer)
    return _settle(row, step, changes, now=now, policy=policy, jitter=jitter, at_least=asked_to_wait)


def hinges_on_others(
    row: Cancellation, cancel: Answer | None, query: Answer | None, *, now: float, policy: Policy
) -> int | None:
    """When the refusals began, if they are final only if feee.io has shown other orders since then; None otherwise."""
    step = _from_answers(cancel, query)
    with_others, without = (
        _refused_for_good(row, step, others_shown=shown, now=now, policy=policy) for shown in (True, False)
    )
    return _count(row, step, now)[1] if with_others and not without else None


def _count(row: Cancellation, step: Step, now: float) -> tuple[int, int]:
    """How many attempts in a row led here, this one included, and when the first did."""
    if step.reason is not row.state_reason or step.refusals != row.refusals:
        return 1, math.floor(now)
    return max(0, row.tries) + 1, math.floor(now if row.since is None else min(row.since, now))


def _refused_for_good(row: Cancellation, step: Step, *, others_shown: bool, now: float, policy: Policy) -> bool:
    """Whether refusals alone end it: feee.io has never shown this order, and feee.io itself isn't in trouble."""
    tries, since = _count(row, step, now)
    if step.refusals is None or row.seen_at is not None or row.status is not None or tries < policy.refusals:
        return False
    with_others = policy.refused_for * (_LONGER_IN_DOUBT if _doubted_before(row, tries) else 1)
    return now - since >= (min(with_others, policy.refused_alone_for) if others_shown else policy.refused_alone_for)


def _doubted_before(row: Cancellation, tries: int) -> bool:
    """Whether a cancel before these refusals may have taken effect: then a code may just as well mean that it has."""
    return row.in_doubt_after is not None and row.in_doubt_after < row.attempt - tries


def must_cancel_again(row: Cancellation, query: Answer, *, now: float, policy: Policy) -> bool:
    """Whether a cancel that was accepted had no effect: after some time the order is unfinished, and not refunded."""
    looks_open = query.order is not None and query.order.unfinished and not query.order.refunded
    return looks_open and row.since is not None and now - row.since >= policy.cancels_again_after


def _telling(cancel: Answer | None, query: Answer | None) -> Answer:
    """The answer to keep: a refusal says more than the "ok" of the query after it."""
    answers = [answer for answer in (cancel, query) if answer]
    return next((answer for answer in answers if answer.code), answers[-1])


def _from_order(
    order: Order,
    row: Cancellation,
    cancel: Answer | None,
    *,
    accepted: bool,
    was_paid: bool,
    eligible_at: int,
    now: float,
) -> Step:
    if ended := over(order, was_paid=was_paid):
        return ended
    if accepted or not order.unfinished:
        return _REFUNDING
    if row.not_before is not None and row.not_before > now:
        return Step(State.WAITING, StateReason.NOT_BEFORE, due_at=max(row.not_before, eligible_at))
    if now < eligible_at:
        return Step(State.WAITING, StateReason.TOO_EARLY, due_at=eligible_at)
    if cancel is not None and cancel.kind is AnswerKind.REFUSED:
        return Step(State.WAITING, StateReason.CANCEL_REFUSED)
    return Step(State.WAITING, StateReason.OUTCOME_UNKNOWN)


def over(order: Order, *, was_paid: bool = False) -> Step | None:
    """The final step, if the order's state says outright that it is over and the money is settled.

    Nothing ends as unpaid that feee.io once showed as paid: then the money is still to come back.
    """
    if order.refunded:
        return Step(State.CANCELLED, StateReason.REFUNDED)
    if order.status in ENDED_UNFILLED and order.nothing_paid and not was_paid:
        return Step(State.CANCELLED, StateReason.NOTHING_PAID)
    if order.status in FILLED and not order.covers_payment:
        return Step(State.REJECTED, StateReason.FILLED)
    if order.status == Status.CLOSED_UNPAID and not was_paid:
        return Step(State.REJECTED, StateReason.NEVER_PAID)
    return None


def _from_answers(cancel: Answer | None, query: Answer | None) -> Step:
    if cancel and query and cancel.kind is query.kind is AnswerKind.REFUSED:
        return Step(State.WAITING, StateReason.ORDER_REFUSED, refusals=f"{cancel.code}/{query.code}")
    kinds = {answer.kind for answer in (cancel, query) if answer}
    if kinds == {AnswerKind.REFUSED}:
        return Step(State.WAITING, StateReason.ORDER_REFUSED)
    if AnswerKind.MISCONFIGURED in kinds:
        return Step(State.WAITING, StateReason.MISCONFIGURED)
    if AnswerKind.RATE_EXCEEDED in kinds:
        return Step(State.WAITING, StateReason.RATE_EXCEEDED)
    if kinds == {AnswerKind.NOT_SENT}:
        return Step(State.WAITING, StateReason.UNREACHABLE)
    return Step(State.WAITING, StateReason.OUTCOME_UNKNOWN)


def _settle(
    row: Cancellation,
    step: Step,
    changes: dict[str, Any],
    *,
    now: float,
    policy: Policy,
    jitter: float,
    at_least: float,
) -> Cancellation:
    """The row after this step. It waits for at least `at_least` seconds, which feee.io asks for."""
    if not step.state.final and now >= row.gives_up_at:
        step = Step(State.FAILED, StateReason.GAVE_UP)
    changes |= {"state": step.state, "state_reason": step.reason, "refusals": step.refusals}
    if step.state.final:
        return settled(row, now=now, policy=policy, **changes)
    waits = policy.backoff[step.reason if step.due_at is None else StateReason.OUTCOME_UNKNOWN].wait(
        changes["tries"], jitter
    )
    soon = math.ceil(now + max(waits, at_least))
    due_at = soon if step.due_at is None else max(step.due_at, math.ceil(now + at_least))
    if changes["in_doubt_after"] is not None:
        due_at = min(due_at, soon)
    return replace(row, due_at=min(due_at, row.gives_up_at), **changes)


def settled(row: Cancellation, *, now: float, policy: Policy, **changes: Any) -> Cancellation:
    """The row with these changes, made final: it notes when that was, and until when the row is kept."""
    settled_at = math.ceil(now)
    return replace(
        row,
        **changes,
        due_at=settled_at,
        settled_at=settled_at,
        expires_at=settled_at + policy.kept_for if policy.kept_for else None,
    )
