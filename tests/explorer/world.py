"""The world that schedules are played in: feee.io with its books, the table, clocks, and what holds after each step."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from botocore.exceptions import EndpointConnectionError

from feee_cancel.adapters.announcer import Announcer
from feee_cancel.adapters.items import to_item
from feee_cancel.domain.answer import Answer, AnswerKind
from feee_cancel.domain.cancellation import Cancellation, State
from feee_cancel.usecases.attempt import LEASE_SECONDS, contained_attempt
from feee_cancel.usecases.deliver import Delivery, PostResult, QueueUnavailableError, deliver
from feee_cancel.usecases.errors import TableUnavailableError
from feee_cancel.usecases.ports import Ports
from tests.builders import NOW, ORDER_NO, answer, refused, shown
from tests.explorer.scheduler import Death, Fault, Plan, Step, called, play, stepped
from tests.fakes import Clock, FakeMessages, FakeTable, ports

if TYPE_CHECKING:
    from feee_cancel.domain.due import Due

_TABLE = (Fault.FAILS_BEFORE, Fault.FAILS_AFTER, Fault.DIES_BEFORE, Fault.DIES_AFTER)
_QUERY = (Fault.FAILS_BEFORE, Fault.FAILS_AFTER, Fault.DIES_AFTER, Fault.REFUSED)
_CANCEL = (*_QUERY, Fault.LATE, Fault.DIES_LATE)
_BUS = (Fault.FAILS_BEFORE, Fault.FAILS_AFTER, Fault.DIES_BEFORE, Fault.DIES_AFTER)
_READS = frozenset({"find", "page", "seen", "unsettled"})
MAX_ROUNDS = 60
"""Ticks until everything is settled once no fault happens any more."""
_LATE_SECONDS = 290
"""How long a cancel may be on its way; docs/reliability.md says so of five minutes."""


class Books:
    """feee.io's side of one order: paid, open, old enough; cancelled at most once, filled if somebody fills it.

    While a cancel is on its way, the order looks open, and feee.io refuses another.
    """

    def __init__(self, clock: Clock, *, refund_at_once: bool = True) -> None:
        self.clock = clock
        self.status = 4
        self.refunded = Decimal(0)
        self.cancels = 0
        self.refund_at_once = refund_at_once
        self.under_way = 0
        self.limited = False
        self.arrives_at: float | None = None

    @property
    def on_its_way(self) -> bool:
        """Whether a cancel will take effect, if the order is still open by then."""
        return self.arrives_at is not None and self.status == 4

    def send_late(self) -> Answer:
        """Accept a cancel that takes effect later."""
        self.arrives_at = self.arrives_at or self.clock() + _LATE_SECONDS
        return answer(AnswerKind.NO_USABLE_ANSWER)

    def arrive(self) -> None:
        """Let the cancel that is on its way take effect."""
        on_its_way, self.arrives_at = self.on_its_way, None
        if on_its_way:
            self._cancelled()

    def fill(self) -> None:
        """The energy is delegated, if the order is still open."""
        if self.status == 4:
            self.status = 6

    def limit(self) -> None:
        """The next call is one too many."""
        self.limited = True

    def refund(self) -> None:
        if self.status == 12:
            self.refunded = Decimal("3.92")

    def cancel(self, order_no: str) -> Answer:
        self._arrive_in_time()
        if order_no != ORDER_NO or self.status != 4 or self.on_its_way:
            return refused()
        self._cancelled()
        return self.look(order_no)

    def _cancelled(self) -> None:
        self.cancels += 1
        self.status = 12
        if self.refund_at_once:
            self.refund()

    def _arrive_in_time(self) -> None:
        if self.arrives_at is not None and self.clock() >= self.arrives_at:
            self.arrive()

    def look(self, order_no: str) -> Answer:
        self._arrive_in_time()
        if order_no != ORDER_NO:
            return refused(20004)
        refunded = {"refund_amount": self.refunded, "refund_time": NOW if self.refunded else 0}
        return shown(status=self.status, **refunded)


class SideBySideError(BaseException):
    """Two attempts for one order at the same time. No code of the service may catch it."""


class SteppedFeee:
    """feee.io's client: sending and hearing are two steps, with others between them."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def cancel(self, order_no: str, *, deadline: float) -> Answer:
        return self._call("cancel", self._books.cancel, order_no, deadline)

    def query(self, order_no: str, *, deadline: float) -> Answer:
        return self._call("query", self._books.look, order_no, deadline)

    def _call(self, name: str, act: Callable[[str], Answer], order_no: str, deadline: float) -> Answer:
        fault = called(f"send {name}", _CANCEL if name == "cancel" else _QUERY)
        if fault is Fault.FAILS_BEFORE or self._books.clock() > deadline:
            return answer(AnswerKind.NOT_SENT)
        if fault is Fault.REFUSED or self._books.limited:
            self._books.limited = False
            return answer(AnswerKind.RATE_EXCEEDED, code=11001)
        if self._books.under_way:
            raise SideBySideError
        self._books.under_way += 1
        try:
            said = self._books.send_late() if fault in {Fault.LATE, Fault.DIES_LATE} else act(order_no)
            if fault in {Fault.DIES_AFTER, Fault.DIES_LATE}:
                raise Death
            called(f"hear {name}", ())
        finally:
            self._books.under_way -= 1
        return answer(AnswerKind.NO_USABLE_ANSWER) if fault is Fault.FAILS_AFTER else said


class LaggingTable(FakeTable):
    """The table, whose index may show what was there before the last write."""

    before: tuple[Cancellation, ...] = ()

    def __init__(self) -> None:
        super().__init__()
        self.stream: list[tuple[Cancellation | None, Cancellation]] = []

    def _written(self, row: Cancellation) -> Cancellation:
        self.before = tuple(self.rows.values())
        self.stream.append((self.rows.get(row.order_no), row))
        return super()._written(row)

    def lagging(self) -> FakeTable:
        return FakeTable(*self.before)


class SteppedBus:
    """EventBridge's client: notes what was settled in which events, and puts each into the queue for the receiver."""

    def __init__(self) -> None:
        self.events: list[tuple[str, int]] = []
        self.bodies: list[str] = []

    def put_events(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - boto3's name
        fault = called("put events", _BUS)
        if fault is not Fault.FAILS_BEFORE:
            details = [json.loads(entry["Detail"]) for entry in Entries]
            self.events += [(detail["state"], detail["settled_at"]) for detail in details]
            self.bodies += [entry["Detail"] for entry in Entries]
        if fault is Fault.DIES_AFTER:
            raise Death
        if fault:
            raise EndpointConnectionError(endpoint_url="https://events")
        return {"Entries": [{} for _ in Entries]}


class SteppedReceiver:
    """The user's own URL, and the queue before it: a message stays there until its delivery says that it may go."""

    def __init__(self, bus: SteppedBus) -> None:
        self._bus = bus
        self._done: set[int] = set()
        self.accepted: set[str] = set()
        self.given_up: list[Delivery] = []

    def waiting(self, now: float) -> list[Delivery]:
        """What a function is invoked with: what isn't done, whether or not it was postponed."""
        left = [number for number in range(len(self._bus.bodies)) if number not in self._done]
        bodies = self._bus.bodies
        return [Delivery(message=str(n), receipt="", body=bodies[n], receives=1, sent_at=now) for n in left]

    def done(self, deliveries: Sequence[Delivery]) -> None:
        self._done |= {int(one.message) for one in deliveries}

    def post(self, event: str, body: bytes) -> PostResult:
        fault = called("post", _BUS)
        if fault is not Fault.FAILS_BEFORE:
            self.accepted.add(event)
        if fault is Fault.DIES_AFTER:
            raise Death
        return PostResult.TRY_AGAIN if fault else PostResult.ACCEPTED

    def postpone(self, delivery: Delivery, *, seconds: int) -> None:
        fault = called("postpone a delivery", _BUS)
        if fault is Fault.DIES_AFTER:
            raise Death
        if fault:
            raise QueueUnavailableError

    def give_up(self, delivery: Delivery, why: str) -> None:
        self.given_up.append(delivery)


class World:
    """One order, and everybody around it. Actors get ports that stop before each call; clocks may differ."""

    def __init__(self, *, refund_at_once: bool = True, table: type[LaggingTable] = LaggingTable) -> None:
        self.clock = Clock()
        self.books = Books(self.clock, refund_at_once=refund_at_once)
        self.table = table()
        self.messages = FakeMessages()
        self.accepted = False
        self.final: Cancellation | None = None
        self.asked_again = False
        self.bus = SteppedBus()
        self.announced = 0
        self.notified = False
        self.receiver = SteppedReceiver(self.bus)
        self.delivers: Callable[..., list[str]] | None = None

    def ports(self, skew: float = 0) -> Ports:
        """An actor's, whose clock is off by so many seconds."""
        plain = ports(SteppedFeee(self.books), stepped(self.table, self._faults, self._befalls), clock=self.clock)
        messages = stepped(self.messages, self._faults, self._befalls)
        return replace(plain, messages=messages, now=lambda: self.clock() + skew)

    def _faults(self, name: str) -> tuple[Fault, ...]:
        if name == "due":
            return (Fault.FAILS_BEFORE, Fault.DIES_BEFORE, Fault.REFUSED)
        return (Fault.FAILS_BEFORE, Fault.DIES_BEFORE) if name in _READS else _TABLE

    def _befalls(self, fault: Fault, method: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        match fault:
            case Fault.REFUSED:
                return self.table.lagging().due(*arguments, **named)
            case Fault.FAILS_AFTER | Fault.DIES_AFTER:
                method(*arguments, **named)
        raise Death if fault is Fault.DIES_AFTER else TableUnavailableError

    def drain_once(self, ports: Ports) -> None:
        """What a drain does with what is due now, without its lease, its pace and its sleep."""
        try:
            due: list[Due] = ports.cancellations.due(now=ports.now(), until=ports.now(), limit=50)
        except TableUnavailableError:
            return
        for row in due:
            contained_attempt(row, ports)

    def announce(self) -> None:
        """What the notifier does with the records of the stream that it isn't done with."""
        self.notified = True
        records = [_record(number, *change) for number, change in enumerate(self.table.stream)][self.announced :]
        announcer: Any = Announcer(self.bus, "bus", "arn:table")  # type: ignore[arg-type] # a fake of the client
        failed = announcer.announce(records)
        self.announced += len(records) if failed is None else int(failed) - self.announced

    def deliver(self, how: Callable[..., list[str]] = deliver) -> None:
        """What the delivering function does with its messages. Lambda deletes those that it doesn't name."""
        self.delivers = how
        messages = self.receiver.waiting(self.clock())
        kept = how(messages, self.receiver.post, self.receiver, now=self.clock())
        self.receiver.done([one for one in messages if one.message not in kept])

    def let_a_lease_end(self) -> None:
        """Time passes, but never within a call: an attempt ends long before its lease, a stalled process may not."""
        if not self.books.under_way:
            self.clock.sleep(LEASE_SECONDS + 1)

    def check(self, _: Step | None = None) -> None:
        """What holds after each step."""
        row = self.table.rows.get(ORDER_NO)
        assert row or not self.accepted, "what was accepted is lost"
        if row is None:
            return
        assert self.books.cancels <= 1
        if self.final and not self.asked_again:
            assert row == self.final, "a final row changed"
        self.final = row if row.state.final else None
        if row.state is State.WITHDRAWN:
            assert not self._may_be_cancelled(), "withdrawn, although our cancel took effect, or still may"
        if row.state is State.CANCELLED:
            assert self.books.status == 12, "cancelled, and feee.io doesn't say so"
            assert row.refund_amount == self.books.refunded
        if row.state is State.REJECTED:
            assert self.books.status == 6, "rejected, and the order isn't filled"
        if row.state in {State.WAITING, State.FAILED} and self._may_be_cancelled():
            assert row.in_doubt, "our cancel took effect, or still may, and the row doesn't say so"

    def _may_be_cancelled(self) -> bool:
        return self.books.cancels > 0 or self.books.on_its_way

    def settle(self) -> None:
        """From here on nothing goes wrong: whatever is not final is due, and becomes final."""
        plain = ports(SteppedFeee(self.books), self.table, clock=self.clock)
        for _ in range(MAX_ROUNDS):
            row = self.table.rows.get(ORDER_NO)
            if row is None or row.state.final:
                return self._announce_the_rest() if self.notified else None
            self.books.refund()
            self.clock.time = max(self.clock.time, row.due_at)
            self.drain_once(plain)
            self.check()
        raise AssertionError(f"never final: {self.table.rows[ORDER_NO]}")

    def _announce_the_rest(self) -> None:
        """Every end is announced, once at least and in order."""
        self.announce()
        ends = [(now.state, now.settled_at) for was, now in self.table.stream if now.state.final and not _ended(was)]
        told = [event for event, before in pairwise([*self.bus.events, None]) if event != before]
        assert told == ends, "an end wasn't announced, or in another order"
        if self.delivers:
            self.deliver(self.delivers)
            delivered = {f"settled_{ORDER_NO}_{settled_at}" for _, settled_at in ends}
            assert self.receiver.accepted == delivered, "an end wasn't delivered"
            assert not self.receiver.waiting(self.clock())
            assert not self.receiver.given_up


def _record(number: int, was: Cancellation | None, now: Cancellation) -> dict[str, Any]:
    """A record of the table's stream."""
    old = {"OldImage": to_item(was)} if was else {}
    return {"dynamodb": {"SequenceNumber": str(number), "NewImage": to_item(now), **old}}


def _ended(row: Cancellation | None) -> bool:
    return row is not None and row.state.final


Actors = Callable[[World], list[Callable[[], object]]]


def played(
    plan: Plan, actors: Actors, *, refund_at_once: bool = True, table: type[LaggingTable] = LaggingTable
) -> list[Step]:
    """Play a plan in a fresh world, check after each step, and see everything settled."""
    world = World(refund_at_once=refund_at_once, table=table)
    steps: list[Step] = []
    try:
        steps = play(actors(world), plan, world.check)
        world.settle()
    except (AssertionError, SideBySideError) as error:
        error.add_note(f"plan: {plan}\nsteps: {[(step.actor, step.call) for step in steps]}")
        raise
    return steps
