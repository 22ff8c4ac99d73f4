"""Processing again what failed. What that means differs for each queue (kinds.py)."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from cli.kinds import KINDS, Kind, LeftError
from cli.outcome import Exit, Outcome
from cli.queues import Message, Queue
from cli.target import Stack
from cli.text import Words


@dataclass
class _Work:
    """`held` was taken out of the queue and isn't done with; `why` it stays, by receipt."""

    kind: Kind
    stack: Stack
    queue: Queue
    held: list[Message]
    now: float
    why: dict[str, str] = field(default_factory=dict)

    def sort(self) -> tuple[dict[str, list[Message]], list[Message]]:
        """What can be done again, by its description, and what can't."""
        good: dict[str, list[Message]] = {}
        hopeless: list[Message] = []
        for message in self.held:
            try:
                good.setdefault(self.kind.fits(self.stack, message, self.now), []).append(message)
            except LeftError as error:
                self.why[message.receipt] = str(error)
                hopeless += [message] if error.hopeless else []
        return good, hopeless

    def do(self, messages: Iterable[Message], *, discard: bool) -> None:
        """Do their work again, one after the other; what was accepted is deleted."""
        for message in messages:
            try:
                self.kind.act(self.stack, message, self.now)
            except LeftError as error:
                if not (discard and error.hopeless):
                    self.why[message.receipt] = str(error)
                    continue
            self.delete([message])

    def delete(self, messages: Iterable[Message]) -> None:
        """Delete what is done with."""
        done = list(messages)
        self.queue.delete(done)
        self.held = [message for message in self.held if message not in done]


def redrive(stack: Stack, name: str, *, agree: Callable[[Words], bool], discard: bool, now: float) -> Outcome:
    """Do again what the queue holds that was sent until now, if `agree` says so to the question.

    A message is deleted when its work was accepted, or, with `discard`, when nothing can be done about it. Every other
    one is put back, also when this is interrupted.
    """
    kind = KINDS[name]
    queue = Queue(stack.client("sqs"), stack.output(kind.url))
    work = _Work(kind, stack, queue, queue.take_out(until=now), now)
    found = len(work.held)
    try:
        good, hopeless = work.sort()
        beyond = [work.why[message.receipt] for message in hopeless] if discard else []
        asked = bool(good or beyond)
        agreed = asked and agree(_question(kind, good, beyond))
        if agreed:
            work.do([message for messages in good.values() for message in messages], discard=discard)
            work.delete(hopeless if discard else [])
    finally:
        queue.put_back(work.held)
    return _outcome(name, work, found, refused=asked and not agreed)


def _question(kind: Kind, good: dict[str, list[Message]], beyond: list[str]) -> list[str]:
    lines = [what if len(messages) == 1 else f"{len(messages)} x {what}" for what, messages in good.items()]
    doomed = [f"{times} x {why}" for why, times in Counter(beyond).items()]
    if doomed:
        doomed = ["To be deleted, as nothing can be done about it:", *doomed]
    return [*lines, *doomed, kind.question if good else "Delete?"]


def _outcome(name: str, work: _Work, found: int, *, refused: bool) -> Outcome:
    why = [work.why.get(message.receipt, "not done") for message in work.held]
    document: dict[str, Any] = {"queue": name, "found": found, "done": found - len(why), "left": why}
    if refused:
        return Outcome(Exit.NO, document, "Nothing was changed.")
    lines = [f"{times} left in the queue: {one}" for one, times in Counter(why).items()]
    done = f"{found - len(why)} {work.kind.done}." if found > len(why) else ""
    words = [line for line in (done, *lines) if line] or [f"{name} is empty."]
    return Outcome(Exit.NO if why else Exit.DONE, document, words)
