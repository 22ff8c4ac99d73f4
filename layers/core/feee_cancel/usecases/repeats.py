"""A request whose time is past is a mistake, unless it repeats one that was accepted."""

import math
from collections.abc import Callable, Iterable
from typing import TypeVar

from feee_cancel.domain.cancellation import RESTARTABLE
from feee_cancel.domain.documents import Asked, CancellationRequest
from feee_cancel.domain.faults import PastTimeError
from feee_cancel.usecases.ports import Intake

T = TypeVar("T")


def unless_past(parse: Callable[[float | None], T], repeats: Callable[[T], bool], earliest: float | None = None) -> T:
    """Read a document, whose time may be no earlier than `earliest` (None: as `parse` has it).

    Raises PastTimeError for an earlier time, but not if what is asked for repeats what was accepted.
    """
    try:
        return parse(earliest)
    except PastTimeError:
        asked = parse(-math.inf)
        if not repeats(asked):
            raise
        return asked


def are_asked(asked: Iterable[Asked], intake: Intake) -> bool:
    """Whether each of these orders has been asked for with this very time. Raises TableUnavailableError."""
    return all(_is_asked(one, intake) for one in asked if isinstance(one, CancellationRequest))


def _is_asked(asked: CancellationRequest, intake: Intake) -> bool:
    """A row that ended, and that a request would start again, is none."""
    there = intake.cancellations.find(asked.order_no)
    return there is not None and there.not_before == asked.not_before and there.state not in RESTARTABLE
