"""Whether an order ended so long ago, and so completely, that no call can change it any more."""

from collections.abc import Iterator
from typing import Any

from feee_cancel.domain.order import ENDED_UNFILLED, BusinessStatus, MalformedOrderError, Order, Status

LONG_AGO_SECONDS = 86_400
_ENDED = frozenset({Status.CLOSED_UNPAID, Status.RECLAIMED, Status.CANCELLED, Status.REFUNDED})
_TIMES = ("pay_time", "freeze_time", "rent_expire_time", "refund_time")
_TELLING = ("create_time", *_TIMES, "business_status", "is_split")
_OVER = frozenset({None, BusinessStatus.FINISHED, BusinessStatus.CLOSED})


def open_because(data: object, order_no: str, *, now: float) -> str:
    """Why this order, as feee.io shows it, may still change; "" if neither it nor a part can. In doubt, it may."""
    try:
        orders = [*_with_parts(data)]
    except MalformedOrderError as error:
        return f"it can't be read: {error}"
    if orders[0].order_no != order_no:
        return "feee.io showed another order"
    for one in orders:
        if one.status not in _ENDED or one.business_status not in _OVER:
            return f"its status is {one.status}, its business_status {one.business_status}"
    if orders[0].status in ENDED_UNFILLED and not (orders[0].refunded or orders[0].nothing_paid):
        return "its refund doesn't show"
    if any((one.create_time or 0) <= 0 or _last(one) > now - LONG_AGO_SECONDS for one in orders):
        return "it ended less than a day ago"
    return ""


def _with_parts(data: Any) -> Iterator[Order]:
    """The order, its parts, and theirs. Raises MalformedOrderError if any of it isn't shown or can't be read."""
    order = Order.parse(data)
    for name in _TELLING:
        if getattr(order, name) is None and data.get(name) not in (None, ""):
            raise MalformedOrderError(f"{name} is not as documented")
    parts = data.get("sub_order") or []
    if not isinstance(parts, list):
        raise MalformedOrderError("sub_order is no list")
    if order.is_split and not parts:
        raise MalformedOrderError("its parts aren't shown")
    yield order
    for part in parts:
        yield from _with_parts(part)


def _last(order: Order) -> int:
    """When something last happened to it, or will."""
    return max(getattr(order, name) or 0 for name in ("create_time", *_TIMES))
