"""The two curls that `make sam-api` prints: one makes an order at the simulator, the other has it cancelled."""

import json
from collections.abc import Callable
from itertools import count
from typing import Any

from tests.e2e.user import ORDER
from tests.starved import again_if_starved, status_in


def row_cancelled(make_order: str, cancel: str, typed: Callable[[str], str]) -> Any:
    """What the second one prints. If it has to be typed again, it is for another order: this one's row has a lease."""
    refused = typed(cancel.replace("order_no", "unknown"))
    assert status_in(refused) == 400, "it starts the container, and how long that takes isn't counted below"
    order_nos = map(str, count(int(ORDER)))

    def both() -> str:
        order_no = next(order_nos)
        typed(make_order.replace(ORDER, order_no))
        return typed(cancel.replace(ORDER, order_no))

    return json.loads(again_if_starved(both, status_in)())
