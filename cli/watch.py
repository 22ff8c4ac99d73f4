"""Following one cancellation until it is final."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any, Protocol

from cli import orders, words
from cli.outcome import Exit, Outcome
from cli.patience import NoUseError, asked, passes, why
from cli.target import Api
from feee_cancel_client import ApiAnswer

_SOON, _LATE = 1.0, 15.0
"""Seconds between looks: the drain is within a second or two of what is due, and others may move a distant due time."""


class Screen(Protocol):
    """Where progress is shown."""

    def line(self, text: str) -> None:
        """Something happened."""
        ...

    def rest(self, seconds: float, text: str) -> None:
        """Wait, and show what for."""
        ...


@dataclass
class _Seen:
    """The row as it was last seen, and the words that were last shown: `told` is its step, None after trouble."""

    row: Mapping[str, Any]
    words: str = ""
    told: tuple[object, ...] | None = None


def watch(
    api: Api, order_no: str, *, screen: Screen, now: Callable[[], float], patience: float | None = None
) -> Outcome:
    """Follow the cancellation for at most `patience` seconds. Ctrl-C ends it; the cancellation goes on by itself.

    It waits for trouble that passes by itself (too many requests, the service, the network).
    """
    seen, ends = _Seen({"order_no": order_no}), now() + patience if patience is not None else None
    try:
        while ends is None or now() < ends:
            answer = asked(partial(orders.look, api, order_no))
            if isinstance(answer, ApiAnswer) and answer.status == HTTPStatus.OK:
                if (final := _told(answer.body, seen, screen, now())) is not None:
                    return Outcome(final, answer.body, words.cancellation(answer.body, now=now()))
                wait = _until_next(answer.body, now())
            elif not passes(answer):
                return NoUseError(answer).outcome
            else:
                seen.told = None
                _say(seen, screen, f"No answer for now ({why(answer)}); trying again.")
                wait = _LATE / 3
            screen.rest(wait if ends is None else max(0.0, min(wait, ends - now())), seen.words)
    except KeyboardInterrupt:
        return Outcome(Exit.INTERRUPTED, seen.row, "Stopped watching. The cancellation goes on by itself.")
    except BrokenPipeError:
        return Outcome(Exit.PENDING, seen.row, "The output was closed. The cancellation goes on by itself.")
    return Outcome(Exit.PENDING, seen.row, f"{order_no} isn't final yet. The cancellation goes on by itself.")


def _told(row: Mapping[str, Any], seen: _Seen, screen: Screen, now: float) -> Exit | None:
    """Show what changed. The exit status if it is final."""
    final = orders.EXIT_OF_STATE.get(row["state"])
    if final is None and _step(row) != seen.told:
        seen.told = _step(row)
        _say(seen, screen, words.headline(row, now=now))
    seen.row = row
    return final


def _until_next(row: Mapping[str, Any], now: float) -> float:
    """Seconds until there may be something new; during an attempt `due_at` is only the end of its lease.

    A row that can't be read in full may have none.
    """
    return _SOON if row["state"] == "cancelling" else min(max(row.get("due_at", now + _LATE) - now, _SOON), _LATE)


def _step(row: Mapping[str, Any]) -> tuple[object, ...]:
    return tuple(row.get(name) for name in ("state", "state_reason", "due_at"))


def _say(seen: _Seen, screen: Screen, text: str) -> None:
    if seen.words != text:
        screen.line(text)
    seen.words = text
