"""Only a function that waited in vain is called again."""

import time

import pytest

from tests.patience import STARVED, patient


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize(
    ("answers", "last", "calls"),
    [
        ([(STARVED, 503), (STARVED + 1, 503), (0, 200)], 200, 3),
        ([(STARVED - 0.1, 503), (0, 200)], 503, 1),
        ([(STARVED, 500), (0, 200)], 500, 1),
        ([(STARVED, 503)] * 9, 503, 5),
    ],
)
def test_a_call_is_made_again_only_if_its_function_waited_in_vain(
    clock: list[float], answers: list[tuple[float, int]], last: int, calls: int
) -> None:
    left = list(answers)

    def call() -> int:
        seconds, status = left.pop(0)
        clock[0] += seconds
        return status

    assert patient(call, int)() == last
    assert len(answers) - len(left) == calls


def test_so_long_a_function_waits() -> None:
    assert STARVED == 3.0
