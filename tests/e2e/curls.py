"""The curls that the documents and the tasks print, typed as a user does; again if the machine was starved."""

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
    made = list[str]()

    def make() -> None:
        made.append(next(order_nos))
        typed(make_order.replace(ORDER, made[-1]))

    return json.loads(again_if_starved(lambda: typed(cancel.replace(ORDER, made[-1])), status_in, before=make)())


def row_of_the_users(user: User, cancel: Callable[[], str]) -> Any:
    """What the curl prints that has the user's order cancelled, which is made before, each time."""
    return json.loads(again_if_starved(cancel, status_in, before=user.has_an_order)())
