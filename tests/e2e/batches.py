"""A batch through the API of the deployed stack."""

from typing import Any

from local.stack import LocalStack
from tests.e2e.waiting import wait_for


def batch_results(stack: LocalStack, order_nos: list[str], **asked: Any) -> list[str]:
    """What became of each order. Those that a busy machine's table missed, which are unknown, are asked for again.

    One of them may be taken all the same, and be final then: it is "taken" here.
    """
    answer = stack.api.batch(order_nos, **asked)
    assert answer.status == 202, answer
    results = {one["order_no"]: one["result"] for one in answer.body["results"]}
    missed = [order_no for order_no, result in results.items() if result == "unknown"]

    def asked_again() -> set[str]:
        print(f"asked again for {len(missed)}, which the table missed")
        return {one["result"] for one in stack.api.batch(missed, **asked).body.get("results", [])}

    if missed:
        wait_for(asked_again, lambda found: set() < found <= {"taken", "final"})
        results |= dict.fromkeys(missed, "taken")
    return [results[order_no] for order_no in order_nos]
