"""An order with its future: the statuses that it will enter by itself, and what a cancel sets in motion."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from local.simulator.detail import BuyOrderDetail, Status, moved


class Refund(StrEnum):
    """How the money comes back after a cancel."""

    AT_ONCE = "at_once"  # status 12 with the refund, in the cancel's own answer
    LATER = "later"  # 11, and `refund_after` seconds later 12 with the refund
    NEVER = "never"  # stays 11
    HIDDEN = "hidden"  # 12 at once, but the refund shows only `refund_after` seconds later


@dataclass(frozen=True, slots=True)
class Step:
    """At the time `at` (unix seconds) the order enters `status`."""

    at: float
    status: int
    refund_shown: bool = True


STEPS_OF_REFUND: Mapping[Refund, Callable[[float, float], tuple[Step, ...]]] = {
    Refund.AT_ONCE: lambda now, _: (Step(now, Status.CANCELLED),),
    Refund.LATER: lambda now, after: (Step(now, Status.CANCELLING), Step(now + after, Status.CANCELLED)),
    Refund.NEVER: lambda now, _: (Step(now, Status.CANCELLING),),
    Refund.HIDDEN: lambda now, after: (Step(now, Status.CANCELLED, False), Step(now + after, Status.CANCELLED)),
}


@dataclass(frozen=True, slots=True)
class Order:
    """`detail` is the order as it was when last looked at; `steps` are ahead of it, in the order of time."""

    detail: BuyOrderDetail
    steps: tuple[Step, ...] = ()
    refund: Refund = Refund.AT_ONCE
    refund_after: float = 0.0
    accepted_cancels: int = 0

    def at(self, now: float) -> "Order":
        detail = self.detail
        for step in self.steps:
            if step.at <= now:
                detail = moved(detail, step.status, step.at, refund_shown=step.refund_shown)
        return replace(self, detail=detail, steps=tuple(step for step in self.steps if step.at > now))

    def cancelled(self, now: float) -> "Order":
        """The order after a cancel took effect: it no longer does what it would have done by itself."""
        steps = STEPS_OF_REFUND[self.refund](now, self.refund_after)
        return replace(self, steps=steps, accepted_cancels=self.accepted_cancels + 1).at(now)


def steps_from(now: float, moves: Iterable[tuple[float, int]]) -> tuple[Step, ...]:
    """Steps from (seconds from now, status) pairs."""
    return tuple(sorted((Step(now + after, status) for after, status in moves), key=lambda step: step.at))
