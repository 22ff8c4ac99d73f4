"""Who may call, and how often."""

from collections import defaultdict, deque
from dataclasses import dataclass

from local.simulator.choices import Refusal, Refused

WINDOW = 1.0


@dataclass(frozen=True, slots=True)
class Caller:
    """What a call tells about who makes it."""

    key: str
    user_agent: str = "Feee.io Client/1.0.0 (https://feee.io)"
    address: str = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Access:
    """The keys, and what goes with each of them. An allow-list that is None allows all."""

    keys: frozenset[str]
    rate_limit: int = 10
    addresses: frozenset[str] | None = None
    user_agents: frozenset[str] | None = None

    def check(self, caller: Caller) -> None:
        """Refuse a caller that doesn't send a key and a User-Agent, as documented, or isn't on an allow-list."""
        if caller.key not in self.keys:
            raise Refused(Refusal.INVALID_KEY)
        if self.addresses is not None and caller.address not in self.addresses:
            raise Refused(Refusal.ADDRESS_NOT_ALLOWED)
        if not caller.user_agent or (self.user_agents is not None and caller.user_agent not in self.user_agents):
            raise Refused(Refusal.USER_AGENT_NOT_ALLOWED)


class Pace:
    """A sliding window of a second for each key. A refused call doesn't count."""

    def __init__(self) -> None:
        self._calls: dict[str, deque[float]] = defaultdict(deque)

    def count(self, key: str, limit: int, now: float) -> None:
        calls = self._calls[key]
        while calls and calls[0] <= now - WINDOW:
            calls.popleft()
        if len(calls) >= limit:
            raise Refused(Refusal.RATE_EXCEEDED)
        calls.append(now)
