"""Following a cancellation: what is told, how often is looked, and how it ends."""

from typing import Any

import pytest

from cli.outcome import Exit
from cli.watch import watch
from feee_cancel_client.api import ApiAnswer
from tests.cli import NOW, ORDER_NO, FakeApi, problem, row, unreachable
from tests.fakes import Clock


class FakeScreen:
    """Notes what is shown; resting moves the clock, and is interrupted after so many times."""

    def __init__(self, clock: Clock, *, interrupted_after: int | None = None) -> None:
        self.clock, self.left = clock, interrupted_after
        self.lines: list[str] = []
        self.rests: list[float] = []

    def line(self, text: str) -> None:
        self.lines.append(text)

    def rest(self, seconds: float, text: str) -> None:
        if self.left is not None and len(self.rests) >= self.left:
            raise KeyboardInterrupt
        self.rests.append(seconds)
        self.clock.sleep(seconds)


def shown(*rows: dict[str, Any]) -> list[ApiAnswer | Exception]:
    return [ApiAnswer(200, {}, dict(one)) for one in rows]


WAITING = row("waiting", "too_early", due_at=NOW + 20)
REFUNDING = row("refunding", "refund_pending", due_at=NOW + 25)
CANCELLED = row("cancelled", "refunded")


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.mark.parametrize(
    ("state", "expected"),
    [("cancelled", Exit.DONE), ("rejected", Exit.NO), ("withdrawn", Exit.NO), ("failed", Exit.NO)],
)
def test_the_exit_status_is_0_for_cancelled_alone(clock: Clock, state: str, expected: Exit) -> None:
    outcome = watch(FakeApi(shown(row(state))), ORDER_NO, screen=FakeScreen(clock), now=clock)
    assert (outcome.exit, outcome.document["state"]) == (expected, state)


def test_a_row_that_cant_be_read_in_full_is_followed(clock: Clock) -> None:
    screen = FakeScreen(clock)
    api = FakeApi(shown({"order_no": ORDER_NO, "state": "waiting"}, CANCELLED))
    assert watch(api, ORDER_NO, screen=screen, now=clock).exit is Exit.DONE
    assert (screen.lines, screen.rests) == ([f"{ORDER_NO} is waiting."], [15])


def test_each_change_is_told_once_and_looks_come_closer_when_a_step_is_due(clock: Clock) -> None:
    screen = FakeScreen(clock)
    api = FakeApi(shown(WAITING, WAITING, WAITING, REFUNDING, REFUNDING, CANCELLED))
    assert watch(api, ORDER_NO, screen=screen, now=clock).exit is Exit.DONE
    assert [line.split(":")[0] for line in screen.lines] == [f"{ORDER_NO} is waiting", f"{ORDER_NO} is refunding"]
    assert screen.rests == [15, 5, 1, 4, 1]


def test_an_attempt_that_is_under_way_is_looked_at_every_second(clock: Clock) -> None:
    screen = FakeScreen(clock)
    attempt = row("cancelling", due_at=NOW + 30)
    watch(FakeApi(shown(attempt, attempt, CANCELLED)), ORDER_NO, screen=screen, now=clock)
    assert screen.rests == [1, 1]


def test_trouble_that_passes_is_told_and_waited_for(clock: Clock) -> None:
    screen = FakeScreen(clock)
    trouble: list[ApiAnswer | Exception] = [unreachable(), unreachable(), problem(503), problem(599), problem(429)]
    api = FakeApi([*shown(WAITING), *trouble, *shown(WAITING, CANCELLED)])
    assert watch(api, ORDER_NO, screen=screen, now=clock).exit is Exit.DONE
    assert [line for line in screen.lines if line.startswith("No answer")] == [
        "No answer for now (Connection aborted.); trying again.",
        "No answer for now (HTTP status 503); trying again.",
        "No answer for now (HTTP status 599); trying again.",
        "No answer for now (HTTP status 429); trying again.",
    ]
    assert screen.lines[-1].startswith(f"{ORDER_NO} is waiting"), "told that it is back"


@pytest.mark.parametrize(("status", "expected"), [(404, Exit.NO), (400, Exit.USAGE), (403, Exit.TROUBLE)])
def test_what_doesnt_pass_ends_it(clock: Clock, status: int, expected: Exit) -> None:
    api = FakeApi([problem(status, "No.")])
    assert watch(api, ORDER_NO, screen=FakeScreen(clock), now=clock).exit is expected


def test_ctrl_c_ends_it_cleanly_and_says_that_the_cancellation_goes_on(clock: Clock) -> None:
    screen = FakeScreen(clock, interrupted_after=1)
    outcome = watch(FakeApi(shown(WAITING, WAITING)), ORDER_NO, screen=screen, now=clock)
    assert (outcome.exit, outcome.document) == (Exit.INTERRUPTED, WAITING)
    assert outcome.text == "Stopped watching. The cancellation goes on by itself."


def test_it_can_be_given_an_end(clock: Clock) -> None:
    screen = FakeScreen(clock)
    outcome = watch(FakeApi(shown(WAITING, WAITING)), ORDER_NO, screen=screen, now=clock, patience=16)
    assert (outcome.exit, outcome.document, screen.rests) == (Exit.PENDING, WAITING, [15, 1])
