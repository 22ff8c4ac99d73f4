"""The list of cancellations, page by page."""

from collections.abc import Sequence

from feee_cancel.domain.cancellation import Cancellation, State
from feee_cancel.domain.due import Due, Period
from feee_cancel.usecases.ports import Cancellations

MAX_PAGE = 100


def list_page(
    cancellations: Cancellations,
    states: Sequence[State],
    *,
    limit: int,
    after: Due | None,
    period: Period | None = None,
) -> tuple[list[Cancellation], Due | None]:
    """The next rows of these states, one state after the other; and where to go on.

    Within a state, the latest due come first; for a period, the rows that became final in it, the earliest first.
    Raises TableUnavailableError.
    """
    rows: list[Cancellation] = []
    for state in states[states.index(after.state) if after else 0 :]:
        start = after if after and after.state is state else None
        rows += cancellations.page(state, limit=limit + 1 - len(rows), after=start, period=period)
        if len(rows) > limit:
            last = rows[limit - 1]
            return rows[:limit], Due(last.order_no, last.state, last.due_at)
    return rows, None
