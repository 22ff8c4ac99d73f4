"""The simulator as a server: feee.io and its control API on one port, another host on a second."""

import secrets
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from flask import Flask

from local.simulator.choices import Choices
from local.simulator.client import SimulatorClient
from local.simulator.control_api import control_api
from local.simulator.endpoints import feee_api, foreign_app, journaled
from local.simulator.listener import Listener, listening
from local.simulator.order_book import DEFAULT_KEY, Orders
from local.simulator.simulation import Simulation


@dataclass(frozen=True, slots=True)
class RunningSimulator:
    """`url` is what stands for https://feee.io/open; `secret` is what the control API asks for."""

    url: str
    secret: str
    orders: Orders
    client: SimulatorClient


def feee_app(simulation: Simulation) -> Flask:
    app = Flask(__name__, static_folder=None)
    app.config["PROPAGATE_EXCEPTIONS"] = True  # a connection that is dropped on purpose isn't answered with a 500
    journaled(app, simulation)
    app.register_blueprint(feee_api(simulation))
    app.register_blueprint(control_api(simulation))
    return app


@contextmanager
def running(
    *,
    key: str = DEFAULT_KEY,
    port: int = 0,
    rate_limit: int = 10,
    clock: Callable[[], float] = time.time,
    tls: ssl.SSLContext | None = None,
    ca_certs: str | None = None,
    choices: Choices | None = None,
) -> Iterator[RunningSimulator]:
    """Serve on the loopback interface until the block ends, which cuts off whoever still waits.

    Port 0 takes a free one. With `tls` (a server's context) the URL is https, and the client trusts `ca_certs`.
    """
    secret = secrets.token_urlsafe(30)
    simulation = Simulation(key, rate_limit, clock, secret, choices)
    here, elsewhere = Listener(feee_app(simulation), port, tls), Listener(foreign_app(simulation), 0, tls)
    simulation.elsewhere = f"{elsewhere.url}/open/v2/order/cancel"
    client = SimulatorClient(here.url, secret, ca_certs=ca_certs)
    with listening(elsewhere), listening(here), client:
        yield RunningSimulator(f"{here.url}/open", secret, simulation.orders, client)
