"""Who is served next: no sender's orders wait behind another's, and no known orders behind made-up ones."""

from collections import Counter
from collections.abc import Sequence

from feee_cancel.domain.cancellation import State
from feee_cancel.domain.due import Due
from feee_cancel.domain.rank import Lane

REFUSED_SHARE = 8
"""While anything else is due, one attempt in this many is for an order that feee.io refused."""
_LONG = 10
"""All askers who have this many due share every other attempt."""


class Rota:
    """Chooses what is attempted next.

    Askers take turns, and so do refund checks and leases that ran out. Within an asker the lanes take turns, and within
    a lane that is too long to be read, its two ends. There the earliest due comes first, at the far end the latest.
    While some askers have few orders due and some many, each of the two groups gets every other attempt. So an order of
    somebody who hasn't sent many waits for two attempts and those under way, however many askers are noisy; and a new
    order of an asker with a long line waits for one turn of all such askers.
    """

    def __init__(self) -> None:
        self._turn = 0
        self._served_at: Counter[tuple[str, ...]] = Counter()
        self._since_refused = 0
        self._few_had_it = False

    def choose(self, ready: Sequence[Due], *, suspicious: bool) -> Due:
        """The next of what is due. If feee.io may be down (`suspicious`), preferably one that it served last time."""
        refused = [row for row in ready if row.lane is Lane.REFUSED]
        others = [row for row in ready if row.lane is not Lane.REFUSED]
        first = refused if refused and self._since_refused >= REFUSED_SHARE - 1 else others or refused
        witnesses = [row for row in first if not row.troubled] if suspicious else []
        return min(self._of_few_or_many(witnesses or first), key=self._place)

    def begun(self, row: Due) -> None:
        """Move its asker and its lane to the end of the line."""
        self._turn += 1
        self._served_at[_asker(row)] = self._served_at[queue(row)] = self._turn
        self._since_refused = 0 if row.lane is Lane.REFUSED else self._since_refused + 1

    def _of_few_or_many(self, rows: Sequence[Due]) -> Sequence[Due]:
        """By turns, the rows of askers with few orders and those of askers with many."""
        due = Counter(map(_asker, rows))
        few = [row for row in rows if due[_asker(row)] < _LONG]
        many = [row for row in rows if due[_asker(row)] >= _LONG]
        self._few_had_it = bool(few) and not (many and self._few_had_it)
        return few if self._few_had_it else many

    def _place(self, row: Due) -> tuple[int, int, int]:
        due_at = -row.due_at if row.latest else row.due_at
        return self._served_at[_asker(row)], self._served_at[queue(row)], due_at


def _asker(row: Due) -> tuple[str, ...]:
    return (row.asker,) if row.state is State.WAITING else ("", row.state)


def queue(row: Due) -> tuple[str, ...]:
    """Whose line it is in, and which one."""
    return (row.asker, row.state, row.lane, "latest" if row.latest else "earliest")
