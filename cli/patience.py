"""Calls that are made again while the API has too many requests, is in trouble, or can't be reached."""

from collections.abc import Callable
from http import HTTPStatus

from cli import orders
from cli.outcome import Exit, Outcome
from cli.text import lines
from cli.trouble import said
from feee_cancel_client import ApiAnswer, ApiError, ForeignAnswerError

_PASSES = {HTTPStatus.TOO_MANY_REQUESTS, *range(500, 600)}
_TRIES = 12
_FIRST_SECONDS, _MOST_SECONDS = 1.0, 30.0
"""Some four minutes in all."""

Ask = Callable[[], ApiAnswer]
Found = ApiAnswer | ApiError
"""What came of a call."""


class NoUseError(Exception):
    """The API refuses, or gives no answer for minutes; `outcome` says so.

    `undone`: it is certain that nothing was done.
    """

    def __init__(self, found: Found) -> None:
        self.outcome = orders.refused(found) if isinstance(found, ApiAnswer) else Outcome(Exit.TROUBLE, {}, said(found))
        self.undone = isinstance(found, ApiAnswer) and not passes(found)
        super().__init__("\n".join(lines(self.outcome.words)))


def asked(call: Ask) -> Found:
    """The answer, or why there is none."""
    try:
        return call()
    except ApiError as error:
        return error


def passes(found: Found) -> bool:
    """Whether it is trouble that passes by itself."""
    return found.status in _PASSES if isinstance(found, (ApiAnswer, ForeignAnswerError)) else True


def why(found: Found) -> str:
    """What the trouble is."""
    return f"HTTP status {found.status}" if isinstance(found, ApiAnswer) else str(found)


def patiently(call: Ask, *, sleep: Callable[[float], None], tell: Callable[[str], None]) -> ApiAnswer:
    """The good answer, once trouble has passed. Raises NoUseError if none comes."""
    tries = 0
    while True:
        tries += 1
        found = asked(call)
        if isinstance(found, ApiAnswer) and found.status < HTTPStatus.MULTIPLE_CHOICES:
            return found
        if tries == _TRIES or not passes(found):
            raise NoUseError(found)
        tell(f"no answer for now ({why(found)}); trying again")
        sleep(max(_retry_after(found), min(_FIRST_SECONDS * 2.0 ** (tries - 1), _MOST_SECONDS)))


def _retry_after(found: Found) -> float:
    headers = found.headers if isinstance(found, ApiAnswer) else {}
    given = {name.lower(): value for name, value in headers.items()}.get("retry-after", "")
    return min(float(given), _MOST_SECONDS) if given.isascii() and given.isdigit() else 0.0
