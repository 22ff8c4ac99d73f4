"""The control API's client, for the demo and the tests."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlencode

import urllib3

from local.simulator.journal import Entry
from local.simulator.json_text import from_json, to_json


class ControlError(Exception):
    """The control API refused: an unknown order, kind, option or choice."""


@dataclass(frozen=True, slots=True)
class SimulatedOrder:
    """`detail` is the BuyOrderDetail as JSON, amounts as Decimal or int."""

    detail: dict[str, Any]
    accepted_cancels: int

    @property
    def order_no(self) -> str:
        return str(self.detail["order_no"])

    @property
    def status(self) -> int:
        return int(self.detail["status"])


class SimulatorClient:
    """`url` is the simulator's, with or without `/open`; `secret` is what its control API asks for."""

    def __init__(self, url: str, secret: str, *, ca_certs: str | None = None) -> None:
        self._control = f"{url.removesuffix('/open')}/control"
        headers = {"Authorization": f"Bearer {secret}"}
        self._http = urllib3.PoolManager(retries=False, timeout=60.0, maxsize=4, ca_certs=ca_certs, headers=headers)

    def create_order(
        self,
        *,
        age: float = 0,
        status: int = 4,
        steps: Iterable[tuple[float, int]] = (),
        refund: str = "at_once",
        refund_after: float = 0,
        **fields: object,
    ) -> SimulatedOrder:
        """See Orders.create."""
        options = {"age": age, "status": status, "refund": refund, "refund_after": refund_after}
        return self._order("POST", "/orders", {**fields, **options, "steps": list(steps)})

    def change_order(self, order_no: str, **changes: object) -> SimulatedOrder:
        """See Orders.change."""
        return self._order("PATCH", f"/orders/{order_no}", changes)

    def order(self, order_no: str) -> SimulatedOrder:
        return self._order("GET", f"/orders/{order_no}")

    def misbehave(
        self,
        kind: str,
        *,
        order_no: str | None = None,
        endpoint: str = "any",
        times: int | None = 1,
        acts: bool | None = None,
        **options: object,
    ) -> None:
        """See Misbehaviour, and the functions beside it for the kinds and their options."""
        rule = {"kind": kind, "order_no": order_no, "endpoint": endpoint, "times": times, "acts": acts}
        self._call("POST", "/misbehaviours", {**rule, "options": options})

    def behave(self) -> None:
        """Drop all that is still to go wrong."""
        self._call("DELETE", "/misbehaviours")

    def choose(self, **choices: object) -> None:
        """See Choices."""
        self._call("PATCH", "/choices", choices)

    def set_key(self, *keys: str) -> None:
        """From now on these keys are valid, and no others."""
        self._call("PATCH", "/access", {"keys": keys})

    def set_access(self, **settings: object) -> None:
        """See Access: rate_limit, addresses, user_agents."""
        self._call("PATCH", "/access", settings)

    def requests(self, order_no: str | None = None) -> list[Entry]:
        """What feee.io was asked, oldest first."""
        return self._entries("/requests" if order_no is None else f"/requests?{urlencode({'order_no': order_no})}")

    def foreign_requests(self) -> list[Entry]:
        """What reached the other host."""
        return self._entries("/foreign-requests")

    def forget_requests(self) -> None:
        self._call("DELETE", "/requests")

    def reset(self) -> None:
        """Back to a fresh start: no orders, no requests, the first key, every choice at its default."""
        self._call("POST", "/reset")

    def healthy(self) -> bool:
        """Whether it answers, and to this secret."""
        try:
            self._call("GET", "/health")
        except (urllib3.exceptions.HTTPError, ControlError):
            return False
        return True

    def close(self) -> None:
        self._http.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _order(self, method: str, path: str, body: object = None) -> SimulatedOrder:
        return SimulatedOrder(**self._call(method, path, body))

    def _entries(self, path: str) -> list[Entry]:
        found = [Entry(**entry) for entry in self._call("GET", path)]
        for entry in found:
            entry.headers = [(name, value) for name, value in entry.headers]
        return found

    def _call(self, method: str, path: str, body: object = None) -> Any:
        payload = None if body is None else to_json(body).encode()
        response = self._http.request(method, self._control + path, body=payload)
        answer = from_json(response.data)
        if response.status >= 400:  # noqa: PLR2004 - RFC 9110
            raise ControlError(answer)
        return answer
