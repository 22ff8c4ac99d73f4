"""What the use cases need from the world. The adapters provide it, and in tests the fakes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from feee_cancel.domain.answer import Answer
from feee_cancel.domain.cancellation import Cancellation, Requested, State
from feee_cancel.domain.decision import Policy
from feee_cancel.domain.due import Due, Period

Handler = Callable[[Any, Any], Any]
"""A function's entry point: what it answers to an event and its context."""


class KeySource(Protocol):
    """Gives feee.io's key."""

    def __call__(self, *, refresh: bool = False) -> str:
        """The key, kept for a while; `refresh` reads it again. Raises SecretUnavailableError."""
        ...


class Feee(Protocol):
    """feee.io. Neither call raises, and both end by `deadline`, a reading of `time.monotonic()`."""

    def cancel(self, order_no: str, *, deadline: float) -> Answer:
        """Ask for the order to be cancelled."""
        ...

    def query(self, order_no: str, *, deadline: float) -> Answer:
        """Ask how the order stands."""
        ...


class Cancellations(Protocol):
    """The table. Every write is conditional; each method raises TableUnavailableError."""

    def start(
        self, row: Cancellation, *, rejected_by: float, entry: Requested | None = None
    ) -> tuple[Cancellation, bool]:
        """Write a new cancellation if there is none, or if one ended that may start again.

        A rejected one starts again only if it was rejected by `rejected_by`; none does for an `entry` older than its
        end (`may_restart`; None stands for the row's own request). Returns the row as it now stands, and whether it
        was written. Its count of attempts is that of the row that was there plus `row.attempt`, which is 1 if this
        write claims it. Starting again takes a second write, on the condition that the row is as it was found.
        """
        ...

    def claim(self, order_no: str, state: State, *, due_by: float, lease_until: int) -> tuple[Cancellation, bool]:
        """Acquire the lease on a row that is still in that state and due by `due_by`.

        Returns the row as it now stands, and whether the lease was acquired.
        """
        ...

    def reschedule(
        self, row: Cancellation, *, due_at: int, requests: Sequence[Requested] = ()
    ) -> tuple[Cancellation, bool]:
        """Write a waiting row, unless its `due_at` or `requests` are no longer these.

        Returns the row as it now stands, and whether it was written.
        """
        ...

    def due(self, *, now: float, until: float, limit: int) -> list[Due]:
        """The rows that become due by `until`, the earliest first, perhaps a moment behind the writes.

        At most `limit` of each state. If more are waiting: also up to `limit` of each asker and lane, and, of each
        asker's first attempts that are due `now`, up to `limit` of the latest, so that no line hides another, nor its
        own end.
        """
        ...

    def unsettled(self) -> list[int]:
        """When each row that isn't final is due, perhaps a moment behind the writes; at most some thousands of them."""
        ...

    def settle(self, row: Cancellation) -> Cancellation:
        """End the attempt with this row, unless a later attempt took over. Returns the row as it now stands."""
        ...

    def postpone(self, due: Due, *, lease_until: int, until: int) -> None:
        """Let a row wait until `until`, and count that, whatever else is in the row.

        Only if it is still as the index showed it, or as it was claimed with this end of the lease.
        """
        ...

    def give_up(self, due: Due, *, lease_until: int, now: float, kept_for: int) -> bool:
        """Fail a row if its time is up, on the same condition and whatever else is in it. Returns whether it did."""
        ...

    def find(self, order_no: str) -> Cancellation | None:
        """The order's cancellation, read consistently."""
        ...

    def page(self, state: State, *, limit: int, after: Due | None, period: Period | None = None) -> list[Cancellation]:
        """At most `limit` rows of a state that come after `after`, the latest due first.

        With a final state and a period: those that became final in it, the earliest first; `after` must be one of them.
        As the index shows them: perhaps a moment behind the writes, without feee.io's answer and the order.
        """
        ...


class Messages(Protocol):
    """The messages that were handled, so that a redelivery changes nothing. Each raises TableUnavailableError."""

    def seen(self, message: str) -> bool:
        """Whether this message was handled before."""
        ...

    def remember(self, message: str, *, now: float) -> None:
        """Remember that this message was handled, for longer than senders redeliver."""
        ...


class Control(Protocol):
    """The control of a refusal. Both methods may be called from any thread."""

    def saw(self, now: float) -> None:
        """Note that feee.io showed an order."""
        ...

    def shown_since(
        self, since: float, feee: Feee, cancellations: Cancellations, *, now: float, deadline: float
    ) -> bool:
        """Whether feee.io showed an order since then; it may take a call of `feee` to find out."""
        ...


class Telemetry(Protocol):
    """Counts what happens. No method raises, and each may be called from any thread."""

    def started(self) -> None:
        """A new cancellation was written."""
        ...

    def attempted(self, row: Cancellation) -> None:
        """An attempt ended with this row."""
        ...

    def crashed(self) -> None:
        """An attempt ended in an error that nobody expected."""
        ...

    def backlog(self, unsettled: int, *, overdue: float) -> None:
        """`unsettled` rows aren't final, and the oldest of them has been due for `overdue` seconds."""
        ...


class Diagnosis(Protocol):
    """Tells an operator how feee.io answers."""

    def __call__(self, wanted: object, *, deadline: float) -> dict[str, Any]:
        """A JSON object. `deadline` is a reading of the monotonic clock. Raises InvalidRequestError."""
        ...


class DrainLease(Protocol):
    """The drain's lease: one drain at a time. Each method raises TableUnavailableError."""

    def acquire(self, *, now: float, lease_until: int, until: int) -> int | None:
        """Acquire the lease. Returns the time until which others requested the drain to stay.

        None if another drain has it; that one is then requested to stay until `until`.
        """
        ...

    def extend(self, *, now: float, lease_until: int, until: int) -> int | None:
        """Extend the lease, with the same results: None if another drain has it by now."""
        ...

    def release(self) -> bool:
        """Release the lease, if it is still ours. False if a later end was requested since it was last extended."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """The collaborators that accepting a request needs. `now` gives unix seconds.

    `wake` starts a drain that stays until a time, if it can: it never raises.
    """

    cancellations: Cancellations
    messages: Messages
    policy: Policy
    now: Callable[[], float]
    wake: Callable[[int], None]
    telemetry: Telemetry


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports(Intake):
    """What attempts need in addition. `monotonic` is the clock of deadlines.

    `jitter` gives the share of a wait that is added to it.
    """

    feee: Feee
    monotonic: Callable[[], float]
    sleep: Callable[[float], None]
    jitter: Callable[[], float]
    control: Control
