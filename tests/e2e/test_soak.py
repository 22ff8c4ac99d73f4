"""A soak: everybody at once, on clocks that differ, dying anywhere; and at the end the books, compared to the sun.

The real use cases, client and table, against DynamoDB at the emulator and the simulator over HTTP. An actor's process
dies before or after any call, or the call fails, or its answer is lost. `SOAK_SEED` plays another run.
"""

import logging
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from feee_cancel.adapters.feee_client import FeeeClient
from feee_cancel.adapters.messages import HandledMessages
from feee_cancel.adapters.table import CancellationTable
from feee_cancel.domain.answer import Answer, AnswerKind
from feee_cancel.domain.cancellation import Cancellation, State
from feee_cancel.domain.documents import CancellationRequest
from feee_cancel.usecases.attempt import contained_attempt
from feee_cancel.usecases.enqueue import deduplicate, enqueue
from feee_cancel.usecases.errors import TableUnavailableError
from feee_cancel.usecases.ports import Ports
from feee_cancel.usecases.request import request_cancellation
from feee_cancel.usecases.withdraw import withdraw
from local.simulator.server import RunningSimulator
from local.stack import KEY, LocalStack
from tests.fakes import ports
from tests.integration.test_table import in_ministack, ministack_client  # noqa: F401 - fixtures

pytestmark = pytest.mark.long

SEED = int(os.environ.get("SOAK_SEED", "1"))
ORDERS = 250
ACTORS = 6
SECONDS = 60
SETTLED_WITHIN = 240
SKEWS = (-8.0, -4.0, 0.0, 0.0, 4.0, 8.0)
"""Seconds by which the actors' clocks are off: leases hold while clocks agree to 10 s."""
DEATHS = 50
"""There have to be more than this many. A busy machine goes on for them, but for four minutes at most."""
DIES, FAILS = 0.02, 0.03
"""Of each call: that the process dies before or after it, and that it fails or its answer is lost."""


class Death(BaseException):
    """The actor's process ends."""


class Perilous:
    """A port whose calls go wrong at times. `lost` is what a call comes to that failed, or whose answer is lost."""

    def __init__(self, port: Any, chosen: random.Random, lost: Callable[[bool], Any], deaths: Counter[str]) -> None:
        self._port, self._chosen, self._lost, self._deaths = port, chosen, lost, deaths

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            fate = self._chosen.random()
            if fate < DIES:
                self._die(name)
            if fate < DIES + FAILS:
                return self._lost(False)
            answer = getattr(self._port, name)(*arguments, **named)
            fate = self._chosen.random()
            if fate < DIES:
                self._die(name)
            return self._lost(True) if fate < DIES + FAILS else answer

        return call

    def _die(self, name: str) -> None:
        self._deaths[name] += 1
        raise Death


def _unavailable(_: bool) -> Any:
    raise TableUnavailableError


def _unanswered(sent: bool) -> Answer:
    return Answer(kind=AnswerKind.NO_USABLE_ANSWER if sent else AnswerKind.NOT_SENT)


def world(client: Any, name: str, simulator: RunningSimulator) -> Ports:
    """Everything real, nothing going wrong, the clock right."""
    feee = FeeeClient(simulator.url, user_agent="soak", key=lambda *, refresh=False: KEY)
    real = ports(feee, CancellationTable(client, name))
    messages = HandledMessages(client, name)
    return replace(real, messages=messages, now=time.time, monotonic=time.monotonic, sleep=time.sleep)


def drain_once(one: Ports) -> None:
    for due in one.cancellations.due(now=one.now(), until=one.now(), limit=20):
        contained_attempt(due, one)


def act(one: Ports, order_no: str, chosen: random.Random) -> None:
    """One thing that somebody does about an order, or a drain about all."""
    ahead = CancellationRequest(order_no=order_no, not_before=int(one.now()) + 5)
    asked = CancellationRequest(order_no=order_no)
    deadline = one.monotonic() + 20
    match chosen.choices(["ask", "later", "send", "withdraw", "drain"], [4, 1, 2, 2, 6])[0]:
        case "ask":
            request_cancellation(asked, one, requested_by="caller", deadline=deadline)
        case "later":
            request_cancellation(ahead, one, requested_by="caller", deadline=deadline)
        case "send":
            message = f"webhook:{order_no}"
            deduplicate(message, one, partial(enqueue, asked, one, requested_by=message))
        case "withdraw":
            withdraw(order_no, one)
        case "drain":
            drain_once(one)


def live(real: Ports, order_nos: list[str], number: int, deaths: Counter[str], end: float) -> int:
    """An actor: dies, and is followed by the next, until the end. Returns how many things it did."""
    chosen, done = random.Random(f"{SEED}-{number}"), 0
    perilous = replace(
        real,
        cancellations=Perilous(real.cancellations, chosen, _unavailable, deaths),
        messages=Perilous(real.messages, chosen, _unavailable, deaths),
        feee=Perilous(real.feee, chosen, _unanswered, deaths),
        now=lambda: time.time() + SKEWS[number],
        jitter=lambda: chosen.uniform(0, 0.2),
    )
    while time.monotonic() < end or (sum(deaths.values()) <= DEATHS and time.monotonic() < end + SETTLED_WITHIN):
        with suppress(Death, TableUnavailableError):
            act(perilous, chosen.choice(order_nos), chosen)
        done += 1
    return done


@pytest.fixture
def quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.usefixtures("quiet")
def test_the_books_agree_to_the_sun_after_a_minute_of_deaths(in_ministack: tuple[Any, str], stack: LocalStack) -> None:  # noqa: F811 - the fixture
    feee = stack.simulator.client
    filled = [(SECONDS / 2, 6)]
    made = [
        feee.create_order(age=600, steps=filled if number % 20 == 0 else [], pay_amount=f"3.{number % 97:02}0001")
        for number in range(ORDERS)
    ]
    order_nos = [order.order_no for order in made]
    real, deaths, end = world(*in_ministack, stack.simulator), Counter[str](), time.monotonic() + SECONDS
    with ThreadPoolExecutor(ACTORS) as executor:
        did = sum(executor.map(lambda number: live(real, order_nos, number, deaths, end), range(ACTORS)))
    rows = settled(real, order_nos)
    sums: dict[str, Decimal] = {"rows": Decimal(0), "feee.io": Decimal(0)}
    for order_no in order_nos:
        order, row = feee.order(order_no), rows.get(order_no)
        agree(row, order.status, order.accepted_cancels)
        sums["rows"] += (row and row.refund_amount) or 0
        sums["feee.io"] += Decimal(order.detail["refund_amount"])
    states = Counter(str(row.state) for row in rows.values())
    print(f"{did} acts, {sum(deaths.values())} deaths, {dict(states)}, {sums['rows']} TRX refunded")
    assert sum(deaths.values()) > DEATHS
    assert sums["rows"] == sums["feee.io"]


def settled(real: Ports, order_nos: list[str]) -> dict[str, Cancellation]:
    """The rows, once nothing goes wrong any more and everything is final."""
    end, rows = time.monotonic() + SETTLED_WITHIN, dict[str, Cancellation]()
    while time.monotonic() < end:
        with suppress(TableUnavailableError):  # a busy machine's
            drain_once(real)
            rows = {order_no: row for order_no in order_nos if (row := real.cancellations.find(order_no))}
            if all(row.state.final for row in rows.values()):
                return rows
        time.sleep(1)
    raise AssertionError([row for row in rows.values() if not row.state.final] or "the table couldn't be read")


def agree(row: Cancellation | None, status: int, cancels: int) -> None:
    """A final row says what feee.io's books say, and no order was cancelled twice."""
    assert cancels <= 1
    match row:
        case None:
            assert cancels == 0, "cancelled, and nothing is known of it"
        case Cancellation(state=State.CANCELLED):
            assert status == 12
        case Cancellation(state=State.REJECTED):
            assert status == 6
        case Cancellation(state=State.WITHDRAWN):
            assert cancels == 0, "withdrawn, although our cancel took effect"
        case _:
            raise AssertionError(row)
