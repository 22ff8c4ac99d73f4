"""Whether a cancel may have taken effect without anybody having seen it (docs/decisions/0016)."""

import math

from feee_cancel.domain.answer import Answer, AnswerKind
from feee_cancel.domain.cancellation import Cancellation

ON_ITS_WAY_SECONDS = 300
"""So long after a cancel that feee.io didn't answer it may still be carried out: well over what servers and proxies
give a request, a minute or two."""

_HEARD = frozenset({AnswerKind.ORDER, AnswerKind.ACCEPTED, AnswerKind.REFUSED})


def doubt_after(
    row: Cancellation, cancel: Answer | None, *, seen_open: bool, now: float
) -> tuple[int | None, int | None]:
    """What `in_doubt_after` and `in_doubt_until` become after an attempt that left the order open, or didn't see it.

    `seen_open`: an order was seen, and it is neither over nor ending.
    """
    claimed_after = row.attempt - 1
    since = claimed_after if row.in_doubt_after is None else row.in_doubt_after
    sent = cancel if cancel and not _was_not_carried_out(cancel) else None
    if sent and sent.kind not in _HEARD:
        return since, math.ceil(now) + ON_ITS_WAY_SECONDS
    if since == claimed_after:
        return (since, math.ceil(now)) if sent and not seen_open else (None, None)
    # Of an attempt that wasn't settled nobody knows when it called, but that it was before now.
    until = math.ceil(now) + ON_ITS_WAY_SECONDS if row.in_doubt_until is None else row.in_doubt_until
    return (None, None) if seen_open and now >= until else (since, until)


def _was_not_carried_out(cancel: Answer) -> bool:
    """Nothing was sent, or feee.io itself (there is a code) says that it didn't look at the order.

    Another refusal doesn't count: its code may as well say that something broke after the order was cancelled.
    """
    if cancel.kind is AnswerKind.NOT_SENT:
        return True
    by_feee_or_by_us = bool(cancel.code) or cancel.http_status is None
    return cancel.kind in {AnswerKind.MISCONFIGURED, AnswerKind.RATE_EXCEEDED} and by_feee_or_by_us
