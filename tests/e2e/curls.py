"""The curls that the documents and the tasks print, typed as a user does; again if the machine was too busy."""

import json
from collections.abc import Callable
from typing import Any

from tests.e2e.user import ORDER, User
from tests.starved import TIMES, again_if_starved, status_in


def row_cancelled(make_order: str, cancel: str, typed: Callable[[str], str]) -> Any:
    """One makes an order at the simulator, the other has it cancelled: what that one prints.

    If it has to be typed again, it is for another order: this one's row has a lease.
    """
    refused = typed(cancel.replace("order_no", "unknown"))
    assert status_in(refused) == 400, "it starts the container, and how long that takes isn't counted below"
    order_nos = [str(int(ORDER) + number) for number in range(TIMES)]
    for order_no in order_nos:
        typed(make_order.replace(ORDER, order_no))
    another = iter(order_nos)
    return json.loads(again_if_starved(lambda: typed(cancel.replace(ORDER, next(another))), _status)())


def row_of_the_users(user: User, cancel: Callable[[], str]) -> Any:
    """What the curl prints that has the user's order cancelled, which is made before, each time."""

    def both() -> str:
        user.has_an_order()
        return cancel()

    return json.loads(again_if_starved(both, _status)())


def _status(printed: str) -> int | None:
    """503, too, if the function's own time ran out, which SAM CLI tells so, or an outcome couldn't be written."""
    body = json.loads(printed)
    ran_out, not_written = body == {"message": "Internal server error"}, body.get("state") == "cancelling"
    return 503 if ran_out or not_written else status_in(printed)
