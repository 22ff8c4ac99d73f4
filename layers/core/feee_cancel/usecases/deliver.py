"""Delivers settled events to the user's own URL: at least once, for three days, at growing intervals."""

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

MAX_AGE_SECONDS = 3 * 86_400
"""An event that nobody has accepted by then is given up: kept in a queue, with an alarm."""
_FIRST_WAIT_SECONDS = 10
_MAX_WAIT_SECONDS = 3_600

logger = logging.getLogger(__name__)


class PostResult(StrEnum):
    """What the receiver's answer means."""

    ACCEPTED = "accepted"
    """Any 2xx."""
    GONE = "gone"
    """410: the receiver wants no more (Standard Webhooks)."""
    TRY_AGAIN = "try_again"
    """Any other status, a redirect included, or no answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """An event in the queue: `body` is its detail as JSON, `receives` counts this attempt; times are unix seconds."""

    message: str
    receipt: str
    body: str
    receives: int
    sent_at: float


class EventQueue(Protocol):
    """The queue of events to be delivered. Each method may raise QueueUnavailableError; then the event comes again."""

    def postpone(self, delivery: Delivery, *, seconds: int) -> None:
        """Show the event again after this many seconds."""
        ...

    def give_up(self, delivery: Delivery, why: str) -> None:
        """Keep the event where an operator finds it, with the reason."""
        ...


class QueueUnavailableError(Exception):
    """SQS couldn't be reached or refused."""


Post = Callable[[str, bytes], PostResult]
"""Posts an event's id and body to the receiver. Never raises for what the receiver or the network does."""


def deliver(deliveries: Sequence[Delivery], post: Post, queue: EventQueue, *, now: float) -> list[str]:
    """Attempt each delivery once. Returns the messages that stay in the queue."""
    return [one.message for one in deliveries if not _done_with(one, post, queue, now=now)]


def wait_before(receives: int) -> int:
    """Seconds until the next attempt: doubling from 10 s to an hour."""
    return min(_FIRST_WAIT_SECONDS << min(receives - 1, 16), _MAX_WAIT_SECONDS)


def _done_with(delivery: Delivery, post: Post, queue: EventQueue, *, now: float) -> bool:
    """Whether the queue may forget the event. A failure at SQS leaves it there."""
    event = _event_id(delivery.body)
    reply = post(event, delivery.body.encode()) if event else PostResult.GONE
    logger.info("delivered", extra={"event_id": event, "reply": reply, "attempt": delivery.receives})
    try:
        match reply:
            case PostResult.ACCEPTED:
                return True
            case PostResult.TRY_AGAIN if now - delivery.sent_at < MAX_AGE_SECONDS:
                queue.postpone(delivery, seconds=wait_before(delivery.receives))
                return False
            case _:
                queue.give_up(delivery, _why(event, reply))
                return True
    except QueueUnavailableError:
        logger.exception("the queue couldn't be reached; the event is delivered again", extra={"event_id": event})
        return False


def _why(event: str | None, reply: PostResult) -> str:
    if event is None:
        return "not a settled event"
    return "the receiver answered 410 Gone" if reply is PostResult.GONE else "not accepted for three days"


def _event_id(body: str) -> str | None:
    """The id of what was settled: the same however often the event is delivered."""
    try:
        detail: Any = json.loads(body)
        return f"settled_{detail['order_no']}_{detail['settled_at']}"
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
