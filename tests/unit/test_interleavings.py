"""Every interleaving within bounds, on the real use cases: who goes on, which call fails and how, who dies.

Up to two turns and one fault in each scenario here; `make test-long` plays a third turn, and more random plans.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from feee_cancel.domain.cancellation import Cancellation, Requested, State
from feee_cancel.domain.documents import CancellationRequest
from feee_cancel.usecases.deliver import Delivery, deliver
from feee_cancel.usecases.enqueue import deduplicate, enqueue
from feee_cancel.usecases.errors import TableUnavailableError
from feee_cancel.usecases.request import request_cancellation
from feee_cancel.usecases.withdraw import withdraw
from tests.builders import NOW, ORDER_NO
from tests.explorer.explore import explore, wander
from tests.explorer.scheduler import Plan
from tests.explorer.world import Actors, LaggingTable, SideBySideError, World, played
from tests.fakes import FakeFeee, ports
from tests.thorough import THOROUGH, cases

Work = Callable[[], object]


@pytest.fixture(autouse=True)
def _quietly() -> Iterator[None]:
    """What is logged thousands of times is nobody's reading."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


ASKED = CancellationRequest(order_no=ORDER_NO)
LATER = CancellationRequest(order_no=ORDER_NO, not_before=NOW + 600)


def asks(world: World, asked: CancellationRequest = ASKED, *, skew: float = 0, again: bool = False) -> Work:
    """A caller of the API. `again`: what is final by then may start again."""

    def work() -> None:
        world.asked_again |= again
        ports = world.ports(skew)
        with suppress(TableUnavailableError):
            accepted(
                world, request_cancellation(asked, ports, requested_by="somebody", deadline=ports.monotonic() + 20)
            )

    return work


def sends(world: World, message: str = "webhook:1", *, at: int = NOW) -> Work:
    """A sender of a webhook, or its redelivery: the same message, which changes nothing. `at`: when it was signed."""

    def work() -> None:
        own = world.ports()
        with suppress(TableUnavailableError):
            row = deduplicate(message, own, partial(enqueue, ASKED, own, requested_by=message, sent_at=at))
            if row:
                accepted(world, row)

    return work


def booked(world: World) -> World:
    """Somebody asked for a later time before."""
    enqueue(LATER, ports(FakeFeee(), world.table), requested_by="somebody")
    return world


def takes_back(world: World) -> Work:
    def work() -> None:
        with suppress(TableUnavailableError):
            withdraw(ORDER_NO, world.ports())

    return work


def drains(world: World, *, skew: float = 0) -> Work:
    def work() -> None:
        world.drain_once(world.ports(skew))

    return work


def is_filled(world: World) -> Work:
    """Somebody's energy arrives after all."""
    return world.books.fill


def is_limited_once_a_lease_ends(world: World) -> Work:
    def work() -> None:
        world.let_a_lease_end()
        world.books.limit()

    return work


def accepted(world: World, row: Cancellation) -> None:
    assert row.order_no == ORDER_NO
    world.accepted = True


FAULTS_UP_TO = 2 if THOROUGH else 1
"""With at most so many turns each fault is played too."""

SCENARIOS: dict[str, Actors] = {
    "a request and the drain": lambda world: [asks(world), drains(world), drains(world, skew=5)],
    "two requests": lambda world: [asks(world), asks(world, skew=-5, again=True)],
    "a request and a withdrawal": lambda world: [asks(world), takes_back(world), drains(world)],
    "a webhook, its redelivery, the drain": lambda world: [sends(world), sends(world, at=NOW + 5), drains(world)],
    "a webhook, a withdrawal, the drain": lambda world: [sends(world), takes_back(world), drains(world)],
    "a deferral in doubt": lambda world: [asks(world), asks(world, LATER, again=True), takes_back(world)],
    "an order that is filled": lambda world: [asks(world), is_filled(world), drains(world)],
    "a stalled attempt, a withdrawal": lambda world: [
        asks(world),
        world.let_a_lease_end,
        drains(world),
        takes_back(world),
    ],
    "a stalled drain": lambda world: [sends(world), drains(world), world.let_a_lease_end, drains(world)],
    "a rate limit, then a withdrawal": lambda world: [
        asks(world),
        is_limited_once_a_lease_ends(world),
        drains(world),
        takes_back(world),
    ],
    "a cancel that arrives late, a withdrawal": lambda world: [asks(world), world.books.arrive, takes_back(world)],
    "a webhook, a withdrawal, its redelivery": lambda world: [
        sends(world),
        takes_back(world),
        sends(world, at=NOW + 5),
    ],
    "a withdrawal, and an older message": lambda world: [
        takes_back(booked(world)),
        sends(world, "webhook:2", at=NOW - 5),
        drains(world),
    ],
    "a request, a withdrawal, the notifier": lambda world: [asks(world), takes_back(world), world.announce],
    "a request, the notifier, its deliveries": lambda world: [
        asks(world),
        world.announce,
        world.deliver,
        world.deliver,
    ],
    "two drains": lambda world: [sends(world), drains(world, skew=5), drains(world, skew=-5)],
}


@pytest.mark.thorough
@pytest.mark.parametrize("name", SCENARIOS)
def test_whatever_the_order_of_calls_and_the_fault_the_books_agree(name: str) -> None:
    explored = explore(lambda plan: played(plan, SCENARIOS[name]), turns=2, faults_up_to=FAULTS_UP_TO)
    assert explored.schedules > 100


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["a request and the drain", "a webhook, a withdrawal, the drain"])
def test_the_books_agree_if_the_refund_comes_later(name: str) -> None:
    run = partial(played, actors=SCENARIOS[name], refund_at_once=False)
    assert explore(run, turns=2, faults_up_to=FAULTS_UP_TO).schedules > 100


@pytest.mark.thorough
@pytest.mark.parametrize("name", SCENARIOS)
def test_the_books_agree_on_random_walks(name: str) -> None:
    assert wander(lambda plan: played(plan, SCENARIOS[name]), schedules=cases(100), seed=7).schedules == 2 * cases(100)


@pytest.mark.long
@pytest.mark.parametrize("name", SCENARIOS)
def test_the_books_agree_deeper(name: str) -> None:
    explored = explore(lambda plan: played(plan, SCENARIOS[name]), turns=3, faults_up_to=1)
    wandered = wander(lambda plan: played(plan, SCENARIOS[name]), schedules=2_000, seed=8)
    print(f"{name}: {explored.schedules} schedules and {wandered.schedules} random ones")


class ForgetsTheDoubt(LaggingTable):
    def claim(self, *arguments: Any, **named: Any) -> tuple[Cancellation, bool]:
        row, won = super().claim(*arguments, **named)
        return self._written(replace(row, in_doubt_after=None, in_doubt_until=None)) if won else row, won


class ForgetsWhenTheCancelWasSent(LaggingTable):
    def settle(self, row: Cancellation) -> Cancellation:
        return super().settle(replace(row, in_doubt_until=row.in_doubt_until and 0))


class ClaimsWhatIsClaimed(LaggingTable):
    def claim(self, order_no: str, state: State, *, due_by: float, lease_until: int) -> tuple[Cancellation, bool]:
        there = self.rows[order_no]
        self.rows[order_no] = replace(there, state=state, due_at=int(due_by))
        return super().claim(order_no, state, due_by=due_by, lease_until=lease_until)


class SettlesForOthers(LaggingTable):
    def settle(self, row: Cancellation) -> Cancellation:
        return self._written(row)


class ReschedulesAnything(LaggingTable):
    def reschedule(self, row: Cancellation, **was: Any) -> tuple[Cancellation, bool]:
        return self._written(row), True


class StartsOverWhatIsThere(LaggingTable):
    def start(self, row: Cancellation, **named: Any) -> tuple[Cancellation, bool]:
        return self._written(row), True


class RevivesWhatEnded(LaggingTable):
    def start(self, row: Cancellation, **named: Any) -> tuple[Cancellation, bool]:
        return super().start(row, **named | {"entry": Requested()})


@pytest.mark.parametrize(
    ("table", "name"),
    [
        (RevivesWhatEnded, "a webhook, a withdrawal, its redelivery"),
        (RevivesWhatEnded, "a withdrawal, and an older message"),
        (ForgetsTheDoubt, "a rate limit, then a withdrawal"),
        (ForgetsWhenTheCancelWasSent, "a stalled attempt, a withdrawal"),
        (ClaimsWhatIsClaimed, "a stalled drain"),
        (SettlesForOthers, "a stalled attempt, a withdrawal"),
        (ReschedulesAnything, "a webhook, a withdrawal, the drain"),
        (StartsOverWhatIsThere, "two requests"),
    ],
)
def test_a_table_without_one_of_its_conditions_is_found_out(table: type[LaggingTable], name: str) -> None:
    with pytest.raises((AssertionError, SideBySideError)):
        explore(lambda plan: played(plan, SCENARIOS[name], table=table), turns=2, faults_up_to=2)


def forgets_what_was_not_accepted(deliveries: Sequence[Delivery], *others: Any, **named: Any) -> list[str]:
    deliver(deliveries, *others, **named)
    return []


def test_a_delivery_that_forgets_what_was_not_accepted_is_found_out() -> None:
    def actors(world: World) -> list[Work]:
        return [asks(world), world.announce, partial(world.deliver, forgets_what_was_not_accepted)]

    with pytest.raises(AssertionError, match="wasn't delivered"):
        explore(lambda plan: played(plan, actors), turns=2, faults_up_to=2)


def test_a_schedule_is_played_the_same_each_time() -> None:
    plan = Plan({2: 1, 5: 0})
    assert played(plan, SCENARIOS["two requests"]) == played(plan, SCENARIOS["two requests"])
