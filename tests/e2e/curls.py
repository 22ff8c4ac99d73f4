"""The curls that the documents and the tasks print, typed as a user does; again if the machine was too busy."""

import json
from collections.abc import Callable
from itertools import count
from typing import Any

from tests.e2e.user import ORDER, User
from tests.starved import again_if_starved, status_in


def row_cancelled(make_order: str, cancel: str, typed: Callable[[str], str]) -> Any:
    """One makes an order at the simulator, the other has it cancelled: what that one prints.

    If it has to be typed again, it is for another order: this one's row has a lease.
    """
    refused = typed(cancel.replace("order_no", "unknown"))
    assert status_in(refused) == 400, "it starts the container, and how long that takes isn't counted below"
    order_nos = map(str, count(int(ORDER)))

    def both() -> str:
        order_no = next(order_nos)
        typed(make_order.replace(ORDER, order_no))
        return typed(cancel.replace(ORDER, order_no))

    return json.loads(again_if_starved(both, _status)())


def row_of_the_users(user: User, cancel: Callable[[], str]) -> Any:
    """What the curl prints that has the user's order cancelled, which is made before, each time."""

    def both() -> str:
        user.has_an_order()
        return cancel()

    return json.loads(again_if_starved(both, status_in)())


def _status(printed: str) -> int | None:
    """SAM CLI gives the body of a 502 if the function's own time ran out."""
    return 503 if json.loads(printed) == {"message": "Internal server error"} else status_in(printed)
