"""One order as feee.io shows it (BuyOrderDetail), and what entering a status does to it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from decimal import ROUND_DOWN, Decimal
from enum import IntEnum
from types import MappingProxyType
from typing import Any, TypeAlias

Document: TypeAlias = dict[str, object]

SMALLEST_AMOUNT = Decimal("0.000001")
PARTS = 2


class Status(IntEnum):
    """The statuses that feee.io documents. An order may be in any other, too."""

    UNPAID = 1
    CLOSED = 2
    PAYMENT_IN_CHECK = 3
    PAID = 4
    DELEGATION_IN_CHECK = 5
    DELEGATED = 6
    DELEGATION_FAILED = 7
    RECLAIM_IN_CHECK = 8
    RECLAIMED = 9
    RECLAIM_FAILED = 10
    CANCELLING = 11
    CANCELLED = 12
    REFUNDING = 13
    REFUNDED = 14
    PARTLY_DELEGATED = 15
    RECLAIM_DELAYED = 17


UNPAID = frozenset({Status.UNPAID, Status.CLOSED, Status.PAYMENT_IN_CHECK})
RECLAIM = frozenset({Status.RECLAIM_IN_CHECK, Status.RECLAIMED, Status.RECLAIM_FAILED, Status.RECLAIM_DELAYED})
FILLED = RECLAIM | {Status.DELEGATION_IN_CHECK, Status.DELEGATED}
GIVEN_BACK = frozenset({Status.CANCELLED, Status.REFUNDED})
ENDED = GIVEN_BACK | {Status.CLOSED, Status.CANCELLING, Status.REFUNDING}

PENDING, IN_USE, FINISHED, OVER = 1, 2, 3, 4
BUSINESS_STATUS: Mapping[int, int] = {
    **dict.fromkeys(FILLED - RECLAIM, IN_USE),
    **dict.fromkeys(RECLAIM, FINISHED),
    **dict.fromkeys(GIVEN_BACK | {Status.CLOSED}, OVER),
}


@dataclass(frozen=True, slots=True)
class BuyOrderDetail:
    """Times are unix seconds (0: has not happened), amounts exact TRX. The defaults are the official example's."""

    order_no: str
    order_type: int = 0
    resource_type: int = 1
    receive_address: str = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"
    price_in_sun: int = 105
    freeze_time: int = 0
    create_time: int = 0
    resource_value: int = 32000
    frozen_resource_value: int = 0
    rent_duration: int = 10
    rent_time_unit: str = "m"
    rent_time_second: int = 600
    rent_expire_time: int = 0
    frozen_tx_id: str = ""
    pay_time: int = 0
    pay_amount: Decimal = Decimal("3.92")
    refund_amount: Decimal = Decimal(0)
    refund_time: int = 0
    is_split: int = 0
    is_lock: int = 1
    lock_period: int = 200
    status: int = Status.PAID
    business_status: int = PENDING
    unknown: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))

    def document(self) -> Document:
        known = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "unknown"}
        return known | dict(self.unknown)


KNOWN = frozenset(each.name for each in fields(BuyOrderDetail)) - {"unknown"}
AMOUNTS = ("pay_amount", "refund_amount")


def with_fields(detail: BuyOrderDetail, values: Mapping[str, object]) -> BuyOrderDetail:
    """Set fields by their names in JSON. A field that BuyOrderDetail doesn't document is kept and shown as it is."""
    known: dict[str, Any] = {name: value for name, value in values.items() if name in KNOWN}
    for amount in known.keys() & set(AMOUNTS):
        known[amount] = Decimal(str(known[amount]))
    unknown = {name: value for name, value in values.items() if name not in KNOWN}
    return replace(detail, **known, unknown={**detail.unknown, **unknown})


def moved(detail: BuyOrderDetail, status: int, at: float, *, refund_shown: bool = True) -> BuyOrderDetail:
    """The order once it has entered `status` at the time `at`, with all that changes together with it."""
    detail = replace(detail, status=status, business_status=BUSINESS_STATUS.get(status, PENDING))
    if status not in UNPAID | GIVEN_BACK | {Status.CANCELLING}:
        detail = replace(detail, pay_time=detail.pay_time or int(at))
    if status in FILLED:
        detail = _delegated(detail, detail.resource_value, int(at))
    if status == Status.PARTLY_DELEGATED:
        detail = _delegated(detail, detail.frozen_resource_value or detail.resource_value // PARTS, int(at))
    if status in GIVEN_BACK and refund_shown and detail.pay_time:
        detail = replace(detail, refund_amount=refund_due(detail), refund_time=int(at))
    return detail


def refund_due(detail: BuyOrderDetail) -> Decimal:
    """What wasn't delegated comes back, its share of the service fee included, in whole sun."""
    if not detail.frozen_resource_value:
        return detail.pay_amount
    rest = detail.resource_value - detail.frozen_resource_value
    return (detail.pay_amount * rest / detail.resource_value).quantize(SMALLEST_AMOUNT, ROUND_DOWN)


def _delegated(detail: BuyOrderDetail, amount: int, at: int) -> BuyOrderDetail:
    since = detail.freeze_time or at
    return replace(
        detail,
        frozen_resource_value=amount,
        freeze_time=since,
        rent_expire_time=since + detail.rent_time_second,
        frozen_tx_id="" if detail.is_split else _hash(detail.order_no),
    )


def sub_orders(detail: BuyOrderDetail) -> list[BuyOrderDetail]:
    """The parts of a split order, delegated one after the other. Only they have transaction hashes."""
    return [_part(detail, number) for number in range(PARTS)] if detail.is_split else []


def _part(detail: BuyOrderDetail, number: int) -> BuyOrderDetail:
    value = detail.resource_value // PARTS
    filled = detail.frozen_resource_value >= value * (number + 1)
    part = replace(
        detail,
        order_no=f"{int(_hash(f'{detail.order_no}/{number}'), 16) % 10**22:022d}",
        is_split=0,
        resource_value=value,
        frozen_resource_value=0,
        pay_amount=detail.pay_amount / PARTS,
        refund_amount=Decimal(0),
        refund_time=0,
    )
    if filled:
        return moved(part, detail.status if detail.status in FILLED else Status.DELEGATED, detail.freeze_time)
    part = replace(part, freeze_time=0, rent_expire_time=0)
    status = Status.PAID if detail.status == Status.PARTLY_DELEGATED else detail.status
    return moved(part, status, detail.refund_time, refund_shown=bool(detail.refund_time))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
