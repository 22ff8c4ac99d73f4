"""Where a waiting cancellation stands in line: whose it is, what is known of its order, and when it is due."""

import hashlib
import re
from enum import StrEnum

from feee_cancel.domain.cancellation import Cancellation, State

_MOST = 80
_KEPT = 60
_UNSAFE = re.compile(r"[^A-Za-z0-9:/+=,.@_-]")
_SESSION = re.compile(r"(:assumed-role/.+)/[^/]+")
_DIGITS = 12
MESSAGES = {"webhook:": "webhook", "event:": "schedule"}
"""The asker of a message, by how `requested_by` begins: its id is new for each message, so it identifies nobody."""


class Lane(StrEnum):
    """What is known of the order of a waiting row."""

    FIRST = "first"
    """Nothing: it was never attempted, or feee.io never said anything about it."""
    KNOWN = "known"
    """feee.io showed it, or a cancel may have taken effect."""
    REFUSED = "refused"
    """feee.io has never shown it and refused it last: a number that is mistyped, somebody else's, or made up."""


def rank(row: Cancellation) -> str | None:
    """The range key of a waiting row: an asker's rows of one lane stand together, the earliest due first."""
    return f"{line(asker(row), lane(row))}{due(row.due_at)}" if row.state is State.WAITING else None


def line(whose: str, which: str) -> str:
    """What the ranks of an asker's lane begin with. An asker has no '#'."""
    return f"{whose}#{which}#"


def is_of(which: str, lane: Lane) -> bool:
    """Whether a line is of this lane."""
    return which.endswith(line("", lane))


def due(at: float) -> str:
    """A time as text in a rank, padded so that texts sort as times do."""
    return f"{max(0, int(at)):0{_DIGITS}}"


def read(ranked: str) -> tuple[str, Lane]:
    """The asker and the lane of a rank; a lane that this version doesn't know counts as KNOWN."""
    whose, _, rest = ranked.partition("#")
    which = rest.partition("#")[0]
    return whose, Lane(which) if which in set(Lane) else Lane.KNOWN


def lane(row: Cancellation) -> Lane:
    """What is known of the order of a waiting row."""
    if row.status is not None:
        return Lane.KNOWN
    if row.refusals is not None:
        return Lane.REFUSED
    return Lane.KNOWN if row.in_doubt else Lane.FIRST


def asker(row: Cancellation) -> str:
    """Who has a share of the drain: a role whatever its session, a webhook's sender, the schedules.

    At most 80 characters, none of them '#' or a control character. A longer one ends in a digest of it.
    """
    return _safe(row.asker or sender(row.requested_by or "unknown"))


def sender(requested_by: str) -> str:
    """A role whatever its session, the webhook, the schedules."""
    for prefix, kind in MESSAGES.items():
        if requested_by.startswith(prefix):
            return kind
    return _SESSION.sub(r"\1", requested_by)


def _safe(whole: str) -> str:
    safe = _UNSAFE.sub("_", whole)
    if len(safe) <= _MOST:
        return safe
    return f"{safe[:_KEPT]}~{hashlib.sha256(whole.encode()).hexdigest()[: _MOST - _KEPT - 1]}"
