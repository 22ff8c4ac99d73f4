"""Whether a cancel may have taken effect without anybody having seen it (docs/decisions/0016)."""

import math
from collections.abc import Mapping

from feee_cancel.domain.answer import Answer, AnswerKind
from feee_cancel.domain.cancellation import ON_ITS_WAY_SECONDS, Cancellation

NO_DOUBT: Mapping[str, int | None] = {"in_doubt_after": None, "in_doubt_until": None}


def doubt_left(row: Cancellation, cancel: Answer | None, *, seen_open: bool, now: float) -> Mapping[str, int | None]:
    """The fields that hold the doubt after an attempt that left the order open, or didn't see it.

    `seen_open`: an order was seen, and it is neither over nor ending.
    """
    claimed_after = row.attempt - 1
    since = claimed_after if row.in_doubt_after is None else row.in_doubt_after
    # An earlier doubt has `in_doubt_until`, even if the count of attempts was lost; taking over a row sets it.
    is_own = since == claimed_after and row.in_doubt_until is None
    sent = None if cancel is None or _was_not_carried_out(cancel) else cancel
    if is_own and not sent:
        return NO_DOUBT
    until, latest = now if is_own else row.in_doubt_until, now + ON_ITS_WAY_SECONDS
    # Nobody knows when an attempt that wasn't settled called feee.io, only that it was before now.
    until = latest if until is None or (sent and sent.kind is not AnswerKind.REFUSED) else min(until, latest)
    return NO_DOUBT if seen_open and now >= until else {"in_doubt_after": since, "in_doubt_until": math.ceil(until)}


def _was_not_carried_out(cancel: Answer) -> bool:
    """Whether nothing was sent, or feee.io itself (there is a code) says that it didn't look at the order.

    Nothing was sent either if we had no usable key (there is no HTTP status). Another refusal doesn't count: its code
    may just as well mean that something broke after the order was cancelled.
    """
    if cancel.kind is AnswerKind.NOT_SENT:
        return True
    by_feee_or_by_us = bool(cancel.code) or cancel.http_status is None
    return cancel.kind in {AnswerKind.MISCONFIGURED, AnswerKind.RATE_EXCEEDED} and by_feee_or_by_us
