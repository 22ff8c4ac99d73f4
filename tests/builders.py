"""What the tests are made of: builders that fill in what a case isn't about."""

import json
from decimal import Decimal
from typing import Any

from feee_cancel.domain.answer import Answer, AnswerKind
from feee_cancel.domain.cancellation import Cancellation, State, StateReason
from feee_cancel.domain.order import Order

NOW = 1_724_319_451
ORDER_NO = "2408228772142551040100"

DOCUMENTED: dict[str, Any] = json.loads(
    """{
    "order_no": "2408228772142551040100", "order_type": 0, "resource_type": 1,
    "receive_address": "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "price_in_sun": 105, "freeze_time": 0,
    "create_time": 1724318708, "resource_value": 32000, "frozen_resource_value": 0, "rent_duration": 10,
    "rent_time_unit": "m", "rent_time_second": 600, "rent_expire_time": 0, "frozen_tx_id": "",
    "pay_time": 1724318708, "pay_amount": 3.92, "refund_amount": 3.92, "refund_time": 1724319451,
    "is_split": 0, "is_lock": 1, "lock_period": 200, "status": 12, "business_status": 4}""",
    parse_float=Decimal,
)
"""BuyOrderDetail of the documented answer (shared/seed/order-cancel.zh-CN.txt), word for word."""


def order_data(**fields: Any) -> dict[str, Any]:
    """An open, paid order, 743 s old, unless the case says otherwise."""
    return DOCUMENTED | {"status": 4, "business_status": 1, "refund_amount": 0, "refund_time": 0} | fields


def order(**fields: Any) -> Order:
    return Order.parse(order_data(**fields))


def shown(**fields: Any) -> Answer:
    """An answer with an order."""
    return Answer(kind=AnswerKind.ORDER, http_status=200, code=0, msg="ok", request_id="r-1", order=order(**fields))


def answer(kind: AnswerKind, *, code: int | None = None, msg: str | None = None) -> Answer:
    return Answer(kind=kind, code=code, msg=msg)


def refused(code: int = 20003) -> Answer:
    return answer(AnswerKind.REFUSED, code=code, msg="no")


def row(**fields: Any) -> Cancellation:
    """A cancellation in its first attempt, unless the case says otherwise."""
    values: dict[str, Any] = {
        "order_no": ORDER_NO,
        "state": State.CANCELLING,
        "due_at": NOW + 30,
        "requested_at": NOW,
        "gives_up_at": NOW + 86_400,
        "attempt": 1,
    }
    return Cancellation(**(values | fields))


def waiting(eligible_in: int, **fields: Any) -> Cancellation:
    """A cancellation that "me" asked for and that waits until the order is eligible, unless the case says otherwise."""
    due = {"due_at": NOW + eligible_in, "eligible_at": NOW + eligible_in}
    return row(state=State.WAITING, state_reason=StateReason.TOO_EARLY, requested_by="me", **due, **fields)
