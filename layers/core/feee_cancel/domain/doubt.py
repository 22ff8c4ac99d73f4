"""Whether a cancel may have taken effect without anybody having seen it (docs/decisions/0016)."""

from feee_cancel.domain.answer import Answer, AnswerKind
from feee_cancel.domain.cancellation import Cancellation


def doubt_after(row: Cancellation, cancel: Answer | None, *, seen_open: bool) -> int | None:
    """What `in_doubt_after` becomes after an attempt that left the order open, or without having seen it.

    `seen_open`: an order was seen, and it is neither over nor ending.
    """
    claimed_after = row.attempt - 1
    since = claimed_after if row.in_doubt_after is None else row.in_doubt_after
    if seen_open and (cancel is None or cancel.kind is not AnswerKind.NO_USABLE_ANSWER):
        return None
    if cancel is not None and _was_not_carried_out(cancel) and since == claimed_after:
        return None
    return since


def _was_not_carried_out(cancel: Answer) -> bool:
    """Nothing was sent, or feee.io itself (there is a code) says that it didn't look at the order.

    Another refusal doesn't count: its code may as well say that something broke after the order was cancelled.
    """
    if cancel.kind is AnswerKind.NOT_SENT:
        return True
    by_feee_or_by_us = bool(cancel.code) or cancel.http_status is None
    return cancel.kind in {AnswerKind.MISCONFIGURED, AnswerKind.RATE_EXCEEDED} and by_feee_or_by_us
