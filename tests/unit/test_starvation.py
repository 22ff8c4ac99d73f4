"""Nobody's garbage holds up anybody's order: the benchmark, with a tenth of the garbage."""

import pytest

from benchmarks.starvation import BOUND_SECONDS, Scenario, scenarios, starvation, waits


@pytest.mark.parametrize("scenario", scenarios(few=True), ids=lambda scenario: scenario.name)
def test_a_good_order_is_attempted_within_seconds(scenario: Scenario) -> None:
    waited = waits(scenario)
    assert len(waited) == len(scenario.good)
    assert max(waited) <= BOUND_SECONDS


def test_the_benchmark_tells_the_longest_wait_of_each() -> None:
    rows = list(starvation(scenarios(few=True)[-2:]))
    assert [row.met for row in rows] == [True, True]
    assert all(row.measured.endswith(" s") for row in rows)
