from collections.abc import Iterator

import pytest

from local.simulator.order_book import Orders
from local.simulator.server import RunningSimulator, running
from tests.simulator.buyer import Buyer
from tests.simulator.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def orders(clock: Clock) -> Orders:
    return Orders(clock=clock)


@pytest.fixture
def simulator() -> Iterator[RunningSimulator]:
    with running(key="a-key") as simulator:
        yield simulator


@pytest.fixture
def buyer(simulator: RunningSimulator) -> Iterator[Buyer]:
    with Buyer(simulator.url, "a-key") as buyer:
        yield buyer
