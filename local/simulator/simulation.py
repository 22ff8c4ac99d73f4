"""All that the simulator's apps share."""

from collections.abc import Callable

from local.simulator.choices import Choices
from local.simulator.journal import Journal
from local.simulator.misbehaviour import Misbehaviours
from local.simulator.order_book import Orders


class Simulation:
    """The orders, what is to go wrong, and the requests that came, here and at the other host.

    Whoever has the secret may arrange things, and read what came: requests show the key.
    """

    def __init__(
        self, key: str, rate_limit: int, clock: Callable[[], float], secret: str, choices: Choices | None = None
    ) -> None:
        self.secret = secret
        self.orders = Orders(key=key, rate_limit=rate_limit, clock=clock, choices=choices)
        self.misbehaviours = Misbehaviours()
        self.journal = Journal()
        self.foreign = Journal()
        self.elsewhere = ""

    def forget_requests(self) -> None:
        self.journal.clear()
        self.foreign.clear()

    def reset(self) -> None:
        self.orders.reset()
        self.misbehaviours.clear()
        self.forget_requests()
