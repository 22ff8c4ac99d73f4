"""Who asked for a cancellation, for what, and when: nobody weakens what another asked for (docs/decisions/0027)."""

import re
from collections.abc import Sequence
from dataclasses import replace

from feee_cancel.domain import rank
from feee_cancel.domain.cancellation import RESTARTABLE, Cancellation, Requested, State

MOST = 8
"""At most this many requests are kept of a cancellation."""
_RUN = re.compile(r" \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")


def requests_of(row: Cancellation) -> tuple[Requested, ...]:
    """The requests on record, the first one first. If there was only one, the row's own fields hold it."""
    first = Requested(
        requested_by=row.requested_by,
        asker=row.asker,
        requested_at=row.requested_at,
        not_before=row.not_before,
        reason=row.reason,
    )
    return row.requests or (first,)


def who(entry: Requested) -> str:
    """Whose request it is: a principal's whatever its session, a sender's, a schedule's whatever its run."""
    if entry.asker is not None:
        return entry.asker
    by = entry.requested_by or ""
    return _RUN.sub("", by) if by.startswith("event:") else rank.sender(by)


def may_restart(there: Cancellation, entry: Requested, *, rejected_by: float) -> bool:
    """Whether a request restarts a cancellation that ended. A request that is older than this end doesn't."""
    if there.state not in RESTARTABLE or changes_nothing(there, entry):
        return False
    return there.state is not State.REJECTED or there.due_at <= int(rejected_by)


def changes_nothing(row: Cancellation, entry: Requested) -> bool:
    """Whether it is a message already on record, or one older than the end of this cancellation, or of the one before.

    Callers of the API have no messages: each of their requests is made now.
    """
    if not _is_message(entry):
        return False
    if any((one.requested_by, one.asker) == (entry.requested_by, entry.asker) for one in requests_of(row)):
        return True
    ended = row.settled_at if row.state.final else row.ended_before
    return ended is not None and entry.requested_at < ended


def noted(row: Cancellation, entry: Requested) -> Cancellation:
    """The row with the request on record, and with the time and the reason that its requests come to.

    Each asker's last request counts, and of these the earliest time; the reason is the first asker's.
    """
    known = requests_of(row)
    own = [one for one in known if who(one) == who(entry)]
    if own and _says_no_more(entry, own[-1]):
        return row
    requests = _bounded((*known, entry))
    firsts = who(entry) == who(known[0])
    reason = (entry.reason or row.reason) if firsts else (row.reason or entry.reason)
    return replace(row, requests=requests, not_before=_earliest(requests), reason=reason)


def _is_message(entry: Requested) -> bool:
    return (entry.requested_by or "").startswith(tuple(rank.MESSAGES))


def _says_no_more(entry: Requested, before: Requested) -> bool:
    """Whether it adds nothing. A message always goes on record, so that it is recognised when it comes again."""
    same = (entry.not_before, entry.reason or before.reason) == (before.not_before, before.reason)
    return same and not _is_message(entry)


def _earliest(requests: Sequence[Requested]) -> int | None:
    """The earliest time that anybody asks for; None: somebody asks for now."""
    times = [one.not_before for one in _last_of_each(requests)]
    return None if None in times else min(time for time in times if time is not None)


def _last_of_each(requests: Sequence[Requested]) -> list[Requested]:
    return list({who(one): one for one in requests}.values())


def _bounded(requests: tuple[Requested, ...]) -> tuple[Requested, ...]:
    """Without the oldest one that its asker has changed since; if there is none, without the one with the latest time.

    The first and the last always stay, and so does what the first one's asker has changed it to.
    """
    if len(requests) <= MOST:
        return requests
    counts = _last_of_each(requests)
    between = requests[1:-1]
    changed = [one for one in between if one not in counts]
    others = [one for one in between if who(one) != who(requests[0])]
    leave_out = changed[0] if changed else max(others, key=lambda one: one.not_before or 0)
    at = requests.index(leave_out, 1)
    return requests[:at] + requests[at + 1 :]
