"""A batch through the API of the deployed stack."""

import time
from typing import Any

from local.stack import LocalStack
from tests.e2e.waiting import wait_for
from tests.starved import STARVED


def batch_results(stack: LocalStack, order_nos: list[str], **asked: Any) -> list[str]:
    """What became of each order. Those that a starved machine's table missed, which are unknown, are asked for again.

    One of them may have been taken all the same: it is "final" then if it was due.
    """
    results = dict.fromkeys(order_nos, "unknown")

    def asked_again() -> list[str]:
        missed, began = [order_no for order_no, result in results.items() if result == "unknown"], time.monotonic()
        answer = stack.api.batch(missed, **asked)
        results.update({one["order_no"]: one["result"] for one in answer.body.get("results", [])})
        seconds, unknown = time.monotonic() - began, list(results.values()).count("unknown")
        assert answer.status == 202 or seconds >= STARVED, answer
        assert not unknown or seconds >= STARVED, f"{unknown} unknown after {seconds:.1f} s"
        return list(results.values())

    return wait_for(asked_again, lambda found: "unknown" not in found)
