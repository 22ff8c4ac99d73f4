"""A batch through the API of the deployed stack."""

import time
from collections.abc import Mapping
from typing import Any

from local.stack import LocalStack
from tests.starved import STARVED, TIMES


def assert_batch(stack: LocalStack, expected: Mapping[str, str], **asked: Any) -> None:
    """That each order's result is as expected, in their order.

    Those that a starved machine's table missed, which are unknown, are asked for again, and said so; all of them if
    there was no answer but a 5xx. Only they may be "final" instead: the row may have been written all the same, and
    was due.
    """
    missed = list(expected)
    for number in range(TIMES):
        began = time.monotonic()
        answer = stack.api.batch(missed, **asked)
        seconds = time.monotonic() - began
        if answer.status >= 500 and seconds >= STARVED:
            print(f"batch {number + 1}: {answer.status} after {seconds:.1f} s")
            continue
        assert answer.status == 202, answer
        results = [(one["order_no"], one["result"]) for one in answer.body["results"]]
        assert [order_no for order_no, _ in results] == missed
        wrong = [(order_no, result) for order_no, result in results if result not in {expected[order_no], "unknown"}]
        assert [one for one in wrong if number == 0 or one[1] != "final"] == []
        if not (missed := [order_no for order_no, result in results if result == "unknown"]):
            return
        assert seconds >= STARVED, f"{len(missed)} unknown after {seconds:.1f} s"
        print(f"batch {number + 1}: {len(missed)} unknown after {seconds:.1f} s")
    raise AssertionError(f"{missed} weren't answered, or remained unknown")
