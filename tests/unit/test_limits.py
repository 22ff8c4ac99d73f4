"""What comes in and what goes out: the defaults together are less than what feee.io takes for one key."""

from typing import Any

import pytest

from feee_cancel.adapters.tuning import tuning
from tests.template import TEMPLATE, resources

FEEE_TAKES = 10
"""Calls a second for each key (feee-api)."""
CALLS = {"POST /cancellations": 2, "GET /orders/{order_no}": 1}
"""How often a request of a route may call feee.io: cancel and query; query. All others leave that to the drain."""


def default(parameter: str) -> float:
    return float(TEMPLATE["Parameters"][parameter]["Default"])


def settings() -> dict[str, float]:
    """Each throttle's rate, by route: its own, or the one for all, whose parameter stands at its default."""
    (stage,) = resources("AWS::ApiGateway::Stage").values()
    return {
        f"{one['HttpMethod']} {one['ResourcePath'].removeprefix('/').replace('~1', '/')}": _rate(
            one["ThrottlingRateLimit"]
        )
        for one in stage["MethodSettings"]
    }


def _rate(given: Any) -> float:
    return default(given["Ref"]) if isinstance(given, dict) else float(given)


def test_all_that_may_call_feee_io_together_stays_below_what_it_takes() -> None:
    rates = {route: settings().get(route, settings()["* *"]) for route in CALLS}
    assert sum(calls * rates[route] for route, calls in CALLS.items()) + tuning("").drain_pace < FEEE_TAKES


@pytest.mark.parametrize("route", ["GET /orders/{order_no}", "POST /cancellations/batch", "POST /webhooks/cancel"])
def test_what_is_dearer_than_a_look_at_the_table_has_a_throttle_of_its_own(route: str) -> None:
    assert route in settings()
