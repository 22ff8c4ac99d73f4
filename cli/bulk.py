"""Asking for many cancellations: in batches, at the rate that the API admits, and again for what wasn't accepted."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from cli import orders, words
from cli.order_numbers import chunks
from cli.outcome import Exit, Outcome
from cli.patience import NoUseError, patiently
from cli.progress import Bar
from cli.target import Api
from cli.text import lines
from feee_cancel.domain.documents import MAX_BATCH

_APART_SECONDS = 1.0
"""Between batches: their throttle is one a second."""
_DOUBT = "asked for, but not answered: it may have been accepted"
_ROUNDS = 8
_SHOWN = 10


@dataclass
class Asked:
    """What became of each order: its state and why, in `taken` or `final`; or why it wasn't accepted.

    `stopped` is why no more were asked for: trouble, or Ctrl-C.
    """

    order_nos: Sequence[str]
    taken: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    final: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)
    stopped: Outcome | None = None

    @property
    def exit(self) -> Exit:
        """The exit status for all of them: trouble if one wasn't accepted, pending if one isn't settled."""
        if self.stopped:
            return self.stopped.exit
        if self.left:
            return Exit.TROUBLE
        if self.taken:
            return Exit.PENDING
        return Exit.DONE if {one["state"] for one in self.final.values()} <= {"cancelled"} else Exit.NO


def ask_all(
    api: Api,
    order_nos: Sequence[str],
    *,
    members: Mapping[str, object],
    bar: Bar,
    sleep: Callable[[float], None] = time.sleep,
) -> Asked:
    """Ask for all of them. Never raises for trouble: what was accepted before is accepted, and asking again is safe."""
    asked = Asked(order_nos)
    asked.left = dict.fromkeys(order_nos, "not asked for")
    try:
        for round_ in range(_ROUNDS):
            if not asked.left:
                break
            sleep(min(2.0**round_, 30.0) if round_ else 0.0)
            _round(api, asked, members, bar, sleep)
    except NoUseError as error:
        asked.stopped = error.outcome
    except KeyboardInterrupt:
        asked.stopped = Outcome(Exit.INTERRUPTED, {}, "Interrupted.")
    return asked


def summary(asked: Asked) -> Outcome:
    """How many are in which state, and what to do about the rest."""
    said = [f"{len(asked.order_nos):,} orders: {len(asked.taken):,} accepted, {len(asked.final):,} final already."]
    for (state, why), count in Counter((one["state"], one.get("why", "")) for one in asked.final.values()).items():
        said.append(f"  {count:,} {state}: {words.WHY.get(why, why)}")
    if asked.stopped:
        said += lines(asked.stopped.words)
    if asked.left:
        known = ", as far as is known" if _DOUBT in asked.left.values() else ""
        said.append(
            f"{len(asked.left):,} weren't accepted{known}. Ask again with the same command: that is always safe."
        )
        said += [f"  {order_no}: {why}" for order_no, why in list(asked.left.items())[:_SHOWN]]
        said += [f"  and {len(asked.left) - _SHOWN:,} more"] if len(asked.left) > _SHOWN else []
    counts = {"orders": len(asked.order_nos), "accepted": len(asked.taken), "final": len(asked.final)}
    results = {**asked.taken, **asked.final}
    document = {**counts, "not_accepted": asked.left, "results": list(results.values())}
    return Outcome(asked.exit, document, said)


def _round(api: Api, asked: Asked, members: Mapping[str, object], bar: Bar, sleep: Callable[[float], None]) -> None:
    for place, some in enumerate(chunks(asked.left, MAX_BATCH)):
        if place:
            sleep(_APART_SECONDS)
        before = {order_no: asked.left[order_no] for order_no in some}
        asked.left |= dict.fromkeys(some, _DOUBT)
        try:
            answer = patiently(
                partial(orders.batch, api, some, members), sleep=sleep, tell=lambda why: bar.at(_done(asked), why)
            )
        except NoUseError as error:
            asked.left |= before if error.undone else {}
            raise
        for order_no, result in zip(some, answer.body["results"], strict=True):
            _take_down(asked, order_no, result)
        bar.at(_done(asked))


def _take_down(asked: Asked, order_no: str, result: Mapping[str, Any]) -> None:
    if result["result"] in {"refused", "unknown"}:
        asked.left[order_no] = result.get("detail", "") if result["result"] == "refused" else _DOUBT
        return
    into = asked.final if result["result"] == "final" else asked.taken
    into[order_no] = result
    del asked.left[order_no]


def _done(asked: Asked) -> int:
    return len(asked.order_nos) - len(asked.left)
