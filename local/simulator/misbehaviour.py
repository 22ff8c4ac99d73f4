"""When something goes wrong: for an order, for an endpoint or for all, how often, and before or after it acted."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Lock
from types import MappingProxyType

from werkzeug.wrappers import Response

from local.simulator.fault_kinds import ACTS_NOT, KINDS, Scene


class Target(StrEnum):
    """The endpoints, by short names."""

    ANY = "any"
    CANCEL = "cancel"
    QUERY = "query"
    SUBMIT = "submit"
    CREATE = "create"
    API = "api"


@dataclass(slots=True)
class Misbehaviour:
    """The next `times` calls (None: all) go wrong. `acts`: whether the call takes effect before that."""

    kind: str
    order_no: str | None = None
    endpoint: str = Target.ANY
    times: int | None = 1
    acts: bool | None = None
    options: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        """KeyError, ValueError or TypeError if the kind, the endpoint or an option doesn't exist."""
        self.endpoint = Target(self.endpoint)
        inspect.signature(KINDS[self.kind]).bind(None, **self.options)
        if self.acts is None:
            self.acts = self.kind not in ACTS_NOT

    def concerns(self, endpoint: str, order_no: str | None) -> bool:
        return self.order_no in {None, order_no} and self.endpoint in {Target.ANY, endpoint}

    def play(self, scene: Scene) -> Response:
        return KINDS[self.kind](scene, **self.options)


class Misbehaviours:
    """What is to go wrong. One for an order comes before one for an endpoint, before one for all; then the oldest."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._ahead: list[Misbehaviour] = []

    def add(self, misbehaviour: Misbehaviour) -> None:
        with self._lock:
            self._ahead.append(misbehaviour)

    def clear(self) -> None:
        with self._lock:
            self._ahead.clear()

    def take(self, endpoint: str, order_no: str | None) -> Misbehaviour | None:
        """The one that this call is to suffer, counted off."""
        with self._lock:
            due = [each for each in self._ahead if each.concerns(endpoint, order_no)]
            if not due:
                return None
            chosen = min(due, key=lambda each: (each.order_no is None, each.endpoint == Target.ANY))
            self._count_off(chosen)
            return chosen

    def _count_off(self, chosen: Misbehaviour) -> None:
        if chosen.times is None:
            return
        chosen.times -= 1
        if not chosen.times:
            self._ahead.remove(chosen)
