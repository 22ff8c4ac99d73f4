"""Rows as the indexes show them, for the drain and for the list."""

from dataclasses import dataclass, field

from feee_cancel.domain.cancellation import State
from feee_cancel.domain.rank import Lane


@dataclass(frozen=True, slots=True)
class Due:
    """A row as far as the index shows it.

    `postponed` counts its attempts in a row that crashed or weren't written. While it waits, `asker` and `lane` say
    where it stands in line; `latest` says that it comes from the end of a line that is too long to be read, and
    `troubled` that feee.io didn't serve its last attempt.
    """

    order_no: str
    state: State
    due_at: int
    postponed: int = field(default=0, compare=False)
    asker: str = field(default="", compare=False)
    lane: Lane = field(default=Lane.KNOWN, compare=False)
    latest: bool = field(default=False, compare=False)
    troubled: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Period:
    """When cancellations became final, in unix seconds: from `since` on, and before `until`."""

    since: int
    until: int

    def has(self, at: int) -> bool:
        """Whether a time is in it."""
        return self.since <= at < self.until
