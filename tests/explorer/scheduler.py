"""A deterministic scheduler: actors run real code and stop before each call of a port; a plan says who goes on and how.

Each actor is a coroutine of its own (greenlet), so every schedule is played exactly as planned, as often as one likes.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from greenlet import greenlet


class Fault(StrEnum):
    """What may befall one call of a port."""

    FAILS_BEFORE = "fails before"
    """It raises, or isn't sent, and had no effect."""
    FAILS_AFTER = "fails after"
    """It took effect, and its answer is lost."""
    DIES_BEFORE = "dies before"
    DIES_AFTER = "dies after"
    REFUSED = "refused"
    """feee.io limits the rate; the index shows what was there before."""
    LATE = "late"
    """A cancel gets no answer, and takes effect minutes later."""
    DIES_LATE = "dies, late"
    """The same, and its process has died."""


class Death(BaseException):
    """The process of an actor ends."""


@dataclass(frozen=True, slots=True)
class Plan:
    """`turns`: at which step another actor goes on than the one that would; `fault`: at which step what happens."""

    turns: Mapping[int, int] = field(default_factory=dict)
    fault: tuple[int, Fault] | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One call that was granted: whose it was, who else could have gone on, and which faults it could have had."""

    actor: int
    call: str
    others: tuple[int, ...]
    faults: tuple[Fault, ...]


class Actor:
    """Runs `work` until it ends, one call of a port at a time."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._work = work
        self._greenlet = greenlet(self._run)
        self.waits_for: tuple[str, tuple[Fault, ...]] | None = None

    @property
    def ended(self) -> bool:
        return bool(self._greenlet.dead)

    def go_on(self, fault: Fault | None = None) -> None:
        """Let it make its call, as the fault says, and run to the next."""
        self.waits_for = self._greenlet.switch(fault)

    def _run(self, _: Fault | None) -> None:
        called("begin", ())
        try:
            self._work()
        except Death:
            return


def called(call: str, faults: tuple[Fault, ...]) -> Fault | None:
    """Stop before a call; returns what is to befall it. Outside of an actor nothing does."""
    hub = greenlet.getcurrent().parent
    granted: Fault | None = hub.switch((call, faults)) if hub else None
    if granted is Fault.DIES_BEFORE:
        raise Death
    return granted


def play(works: Iterable[Callable[[], object]], plan: Plan, after_each: Callable[[Step], None]) -> list[Step]:
    """Play the plan: an actor goes on until it ends, but for the plan's turns. Returns the steps."""
    actors = [Actor(work) for work in works]
    for actor in actors:
        actor.go_on()
    steps: list[Step] = []
    current = 0
    while enabled := [number for number, actor in enumerate(actors) if not actor.ended]:
        planned = plan.turns.get(len(steps))
        current = planned if planned in enabled else current if current in enabled else enabled[0]
        step = _granted(actors, current, enabled)
        fault = plan.fault[1] if plan.fault and plan.fault[0] == len(steps) else None
        actors[current].go_on(fault if fault in step.faults else None)
        steps.append(step)
        after_each(step)
    return steps


def _granted(actors: list[Actor], current: int, enabled: list[int]) -> Step:
    call, faults = actors[current].waits_for or ("", ())
    return Step(current, call, tuple(number for number in enabled if number != current), faults)


def stepped(port: Any, faults: Callable[[str], tuple[Fault, ...]], play_fault: Callable[..., Any]) -> Any:
    """The port, with a stop before each of its calls. `play_fault` makes a call that a fault befalls."""

    class Stepped:
        def __getattr__(self, name: str) -> Any:
            method = getattr(port, name)

            def call(*arguments: Any, **named: Any) -> Any:
                fault = called(name, faults(name))
                if fault is None:
                    return method(*arguments, **named)
                return play_fault(fault, method, *arguments, **named)

            return call

    return Stepped()
