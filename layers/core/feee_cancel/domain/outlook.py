"""What a cancel of an order would do now, by the order alone."""

from dataclasses import dataclass

from feee_cancel.domain.cancellation import StateReason
from feee_cancel.domain.decision import Policy, over
from feee_cancel.domain.order import Order


@dataclass(frozen=True, slots=True)
class Outlook:
    """`why_not` is None if feee.io accepts a cancel; `eligible_at` is from when it accepts one, in unix seconds.

    `eligible_at` is None if it never will: the order ended, is ending, or was filled.
    """

    why_not: StateReason | None
    eligible_at: int | None


def outlook(order: Order, *, now: float, policy: Policy) -> Outlook:
    """Whether the order can be cancelled, from when, and why not."""
    if ended := over(order):
        return Outlook(ended.reason, None)
    if not order.unfinished:
        return Outlook(StateReason.REFUND_PENDING, None)
    eligible_at = policy.eligible_at(order, seen_at=now)
    return Outlook(StateReason.TOO_EARLY if now < eligible_at else None, eligible_at)
