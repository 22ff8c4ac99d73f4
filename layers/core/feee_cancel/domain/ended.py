"""Whether an order ended so long ago, and so completely, that no call can change it any more."""

from typing import Any

from feee_cancel.domain.order import BusinessStatus, MalformedOrderError, Order, Status

LONG_AGO_SECONDS = 86_400
_ENDED = frozenset({Status.CLOSED_UNPAID, Status.RECLAIMED, Status.CANCELLED, Status.REFUNDED})
_OVER = frozenset({None, BusinessStatus.FINISHED, BusinessStatus.CLOSED})


def open_because(data: object, order_no: str, *, now: float) -> str:
    """Why this order, as feee.io shows it, may still change; "" if it can't. In doubt it may."""
    try:
        order = Order.parse(data)
        parts = [Order.parse(part) for part in _parts(data)]
    except MalformedOrderError as error:
        return f"it can't be read: {error}"
    if order.order_no != order_no:
        return "feee.io showed another order"
    for one in (order, *parts):
        if one.status not in _ENDED or one.business_status not in _OVER:
            return f"its status is {one.status}, its business_status {one.business_status}"
    if order.status in {Status.CANCELLED, Status.REFUNDED} and not (order.refunded or order.nothing_paid):
        return "its refund doesn't show"
    times = (order.pay_time, order.freeze_time, order.rent_expire_time, order.refund_time)
    last = max(order.create_time, *(time or 0 for time in times))
    if order.create_time <= 0 or last > now - LONG_AGO_SECONDS:
        return "it ended less than a day ago"
    return ""


def _parts(data: Any) -> list[object]:
    """The parts of a split order. Raises MalformedOrderError if they aren't a list."""
    parts = data.get("sub_order") or []
    if not isinstance(parts, list):
        raise MalformedOrderError("sub_order is no list")
    return parts
