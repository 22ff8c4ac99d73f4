"""Times that people and programs ask for, in unix seconds."""

import re
from datetime import UTC, datetime
from typing import Annotated

from feee_cancel.domain.faults import InvalidRequestError, PastTimeError

CLOCKS_DIFFER = 60
"""How many seconds a time may be past, for clocks that differ and requests under way."""
SENT_AGAIN = 600
"""The same for messages, which are sent again when they couldn't be accepted: by Lambda after one minute and after two
more (its guide, asynchronous invocation), by senders of webhooks after five seconds and five minutes (the example in
Standard Webhooks)."""

_MAX_AHEAD = 30 * 86_400
EARLIEST, LATEST = 10**9, 10**11
"""A time before 2001 is a date without its dashes, one after 5138 isn't in seconds."""
Time = Annotated[int, "unix seconds"]
"""A time for which the table may hold anything: one before `EARLIEST` or from `LATEST` on can't be read."""
_SCHEDULED_AT = re.compile(r".* (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)Z")


def parse_not_before(value: object, *, now: float, earliest: float | None = None) -> int:
    """A time at most 30 days ahead. Raises InvalidRequestError, and PastTimeError for one before `earliest`.

    `earliest` is a minute ago unless it is given.
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidRequestError("not_before", "must be a time in whole unix seconds")
    if not EARLIEST <= value < LATEST:
        hint = _readable(value) if 0 <= value < EARLIEST else "not in milliseconds, not negative"
        raise InvalidRequestError("not_before", f"must be a time in unix seconds, such as {int(now)}; {hint}")
    if value > now + _MAX_AHEAD:
        raise InvalidRequestError("not_before", f"must be at most 30 days ahead; {_readable(value)}")
    if value < (now - CLOCKS_DIFFER if earliest is None else earliest):
        raise PastTimeError("not_before", f"must not be in the past; {_readable(value)}")
    return value


def scheduled_at(execution_id: str) -> float | None:
    """The time that an id ends in, if it ends in `<aws.scheduler.scheduled-time>`; in unix seconds."""
    found = _SCHEDULED_AT.fullmatch(execution_id)
    try:
        return datetime.fromisoformat(f"{found[1]}+00:00").timestamp() if found else None
    except ValueError:
        return None


def _readable(seconds: int) -> str:
    return f"{seconds} is {datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
