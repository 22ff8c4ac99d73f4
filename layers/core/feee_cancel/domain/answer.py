"""What one call to feee.io came to: never more than what was seen."""

from dataclasses import dataclass, field

from feee_cancel.domain.open_enum import OpenEnum
from feee_cancel.domain.order import Order


class AnswerKind(OpenEnum):
    """Which of these happened."""

    ORDER = "order"
    """`code` 0 and an order."""
    ACCEPTED = "accepted"
    """`code` 0 without an order: `data` is optional on cancel."""
    REFUSED = "refused"
    """Any other `code`. What it means isn't documented, so nothing is concluded from it."""
    MISCONFIGURED = "misconfigured"
    """The key is missing or wrong, or the address or User-Agent isn't on its allow-list."""
    RATE_EXCEEDED = "rate_exceeded"
    NOT_SENT = "not_sent"
    """DNS, connect or TLS failed: feee.io can't have acted."""
    NO_USABLE_ANSWER = "no_usable_answer"
    """The request went out and feee.io may have acted: a timeout, a reset, 5xx, or a body that can't be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`code`, `msg` and `request_id` are feee.io's, word for word; `detail` is ours, for people.

    `seconds` is how long the call took; None if none was made. For `retry_after` seconds feee.io asks not to be
    called again, as far as that is believed.
    """

    kind: AnswerKind
    order: Order | None = None
    http_status: int | None = None
    code: int | None = None
    msg: str | None = None
    request_id: str | None = None
    detail: str | None = None
    retry_after: float = 0
    seconds: float | None = field(default=None, compare=False)
