"""The pace: places, and the calls that have them."""

import threading
from collections.abc import Callable
from itertools import pairwise

import pytest

from feee_cancel.domain.answer import Answer, AnswerKind
from feee_cancel.usecases.pace import Pace, PacedFeee
from tests.builders import NOW
from tests.fakes import Clock, FakeFeee


class TimedFeee:
    """Notes when it is called."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.calls: list[float] = []

    def cancel(self, order_no: str, *, deadline: float) -> Answer:
        self.calls.append(self._clock() - NOW)
        return Answer(kind=AnswerKind.ACCEPTED)

    query = cancel


def test_an_attempts_first_call_has_the_place_that_was_reserved_when_it_began() -> None:
    clock = Clock()
    pace, feee = Pace(0.25, monotonic=clock, sleep=clock.sleep), TimedFeee(clock)
    assert pace.opens_in() == 0.25
    first, second = PacedFeee(feee, pace), PacedFeee(feee, pace)
    assert pace.opens_in() == 0.75
    first.cancel("1", deadline=9)
    second.cancel("2", deadline=9)
    first.query("1", deadline=9)
    assert feee.calls == [0.25, 0.5, 0.75]
    assert pace.opens_in() == 0.25, "the second call has a place of its own"


def test_a_call_waits_for_its_place_even_if_those_before_it_are_late() -> None:
    clock = Clock()
    pace, feee = Pace(0.25, monotonic=clock, sleep=clock.sleep), TimedFeee(clock)
    first, second = PacedFeee(feee, pace), PacedFeee(feee, pace)
    second.cancel("2", deadline=9)
    first.cancel("1", deadline=9)
    assert feee.calls == [0.5, 0.75]


def test_a_pause_is_not_made_up_for() -> None:
    """Or the attempts of a whole pause would begin at once, and wait for each other with their leases running."""
    clock = Clock()
    pace = Pace(0.25, monotonic=clock, sleep=clock.sleep)
    clock.sleep(5)
    for ahead in (0, 0.25, 0.5):
        assert pace.opens_in() == ahead
        pace.reserve()


def test_the_longest_rest_that_was_asked_for_counts_until_it_is_over() -> None:
    clock = Clock()
    pace = Pace(0.25, monotonic=clock, sleep=clock.sleep)
    for seconds in (90, 5, 0):
        pace.heard(Answer(kind=AnswerKind.RATE_EXCEEDED, retry_after=seconds))
        assert pace.rests_for() == pace.opens_in() == 90
    clock.sleep(91)
    assert pace.rests_for() == pace.opens_in() == 0


@pytest.mark.parametrize("call", [PacedFeee.cancel, PacedFeee.query])
def test_either_call_may_ask_for_a_rest(call: Callable[..., Answer]) -> None:
    clock = Clock()
    pace = Pace(0.25, monotonic=clock, sleep=clock.sleep)
    limited = Answer(kind=AnswerKind.RATE_EXCEEDED, retry_after=90)
    call(PacedFeee(FakeFeee([limited], [limited]), pace), "1", deadline=9)
    assert pace.rests_for() == 90


def test_calls_that_miss_their_places_are_no_closer_to_each_other() -> None:
    clock = Clock()
    pace, feee = Pace(0.25, monotonic=clock, sleep=clock.sleep), TimedFeee(clock)
    attempts = [PacedFeee(feee, pace) for _ in range(4)]
    clock.sleep(5)
    for attempt in attempts:
        attempt.cancel("1", deadline=9)
    assert feee.calls == [5, 5.25, 5.5, 5.75]
    PacedFeee(feee, pace).cancel("1", deadline=9)
    assert all(later - earlier >= 0.25 for earlier, later in pairwise(feee.calls))


def test_a_call_that_overslept_keeps_its_distance_from_the_next() -> None:
    """A function with a part of a processor wakes late: feee.io counts the calls that come, not those that were due."""
    clock = Clock()
    late = iter([0.35])
    pace = Pace(0.25, monotonic=clock, sleep=lambda seconds: clock.sleep(seconds + next(late, 0)))
    feee = TimedFeee(clock)
    for attempt in [PacedFeee(feee, pace) for _ in range(4)]:
        attempt.cancel("1", deadline=9)
    assert feee.calls == pytest.approx([0.6, 0.85, 1.1, 1.35], abs=1e-6)


def test_of_two_that_wake_at_once_one_waits_on() -> None:
    clock = Clock()
    late = iter([1])

    def sleep(seconds: float) -> None:
        if too_long := next(late, 0):
            clock.sleep(too_long)
            second.cancel("2", deadline=9)
        else:
            clock.sleep(seconds)

    pace, feee = Pace(0.25, monotonic=clock, sleep=sleep), TimedFeee(clock)
    first, second = PacedFeee(feee, pace), PacedFeee(feee, pace)
    first.cancel("1", deadline=9)
    assert feee.calls == [1, 1.25]


def test_lateness_does_not_add_up() -> None:
    """Or attempts would begin long before their calls could be made, and their deadlines would pass meanwhile."""
    clock = Clock()
    pace = Pace(0.25, monotonic=clock, sleep=lambda seconds: clock.sleep(seconds + 0.01))
    places: list[float] = []
    for _ in range(500):
        while pace.opens_in() <= 0.25:  # as the drain does
            places.append(pace.reserve())
        pace.wait(places.pop(0))
    assert pace.opens_in() <= 0.5
    assert len(places) <= 2


def test_of_two_that_wake_at_once_the_one_with_the_earlier_place_goes_first() -> None:
    """Whoever could lose to each later call might wait until the attempt's time is up."""
    clock, made = Clock(), list[str]()
    second_waits, first_called = threading.Event(), threading.Event()

    def call(name: str, at: float) -> None:
        pace.wait(at)
        made.append(name)
        if name == "later":
            second_waits.set()  # no longer

    def sleep(seconds: float) -> None:
        if threading.current_thread() is threading.main_thread():
            clock.sleep(seconds)
            later.start()
            second_waits.wait(60)
        else:
            second_waits.set()
            first_called.wait(60)
            clock.sleep(seconds)

    pace = Pace(0.25, monotonic=clock, sleep=sleep)
    before, first, second = (pace.reserve() for _ in range(3))
    clock.sleep(5)
    later = threading.Thread(target=call, args=("later", second))
    call("before", before)
    call("earlier", first)
    assert pace.opens_in() == 0.5, "one waits for the place before"
    first_called.set()
    later.join()
    assert made == ["before", "earlier", "later"]
