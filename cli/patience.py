"""Calls that are made again while the API has too many requests, is in trouble, or can't be reached."""

from collections.abc import Callable
from http import HTTPStatus

from cli.outcome import Outcome
from cli.text import lines
from feee_cancel_client import ApiAnswer, NoAnswerError

_PASSES = {HTTPStatus.TOO_MANY_REQUESTS, *range(500, 600)}
_TRIES = 12
_FIRST_SECONDS, _MOST_SECONDS = 1.0, 30.0
"""Some four minutes in all."""

Call = Callable[[], ApiAnswer]


class NoUseError(Exception):
    """The API refuses, or gives no answer for minutes; `outcome` says so."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__("\n".join(lines(outcome.words)))
        self.outcome = outcome


def patiently(
    call: Call, *, sleep: Callable[[float], None], refused: Callable[[ApiAnswer], Outcome], tell: Callable[[str], None]
) -> ApiAnswer:
    """The answer, once trouble has passed. Raises NoUseError, and NoAnswerError if none comes at all."""
    for tries in range(_TRIES):
        try:
            answer = call()
        except NoAnswerError as error:
            if tries == _TRIES - 1:
                raise
            why, wait = str(error), 0.0
        else:
            if answer.status < HTTPStatus.MULTIPLE_CHOICES:
                return answer
            if answer.status not in _PASSES or tries == _TRIES - 1:
                raise NoUseError(refused(answer))
            why, wait = f"HTTP status {answer.status}", _retry_after(answer)
        tell(f"no answer for now ({why}); trying again")
        sleep(max(wait, min(_FIRST_SECONDS * 2**tries, _MOST_SECONDS)))
    raise AssertionError  # pragma: no cover - the last try returns or raises


def _retry_after(answer: ApiAnswer) -> float:
    given = {name.lower(): value for name, value in answer.headers.items()}.get("retry-after", "")
    return min(float(given), _MOST_SECONDS) if given.isascii() and given.isdigit() else 0.0
