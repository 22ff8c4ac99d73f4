"""A feee.io order: what is read of BuyOrderDetail, and all that feee.io sent, as text."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from enum import IntEnum
from typing import Any, Self

_MAX_KEPT_CHARACTERS = 200_000
"""An item in DynamoDB holds 400 KB; what is kept of an order leaves room for the rest."""

_NUMBER = re.compile(r"[+-]?[0-9]{1,80}(\.[0-9]{1,80})?([eE][+-]?[0-9]{1,3})?")
_EXACT = Context(prec=200, Emax=MAX_EMAX, Emin=MIN_EMIN)
_MAX_WHOLE = 10**15
_MAX_DIGITS = 38
"""How many digits of a number DynamoDB keeps."""
_MAX_WRITTEN = 80
_MAX_BITS = 256


class MalformedOrderError(ValueError):
    """The answer's `data` isn't an order that can be decided on; the message names the field."""


class Status(IntEnum):
    """`status`, as documented (feee-api). 16 isn't documented: one client calls it temporarily locked."""

    NOT_PAID = 1
    CLOSED_UNPAID = 2
    PAYMENT_BEING_VERIFIED = 3
    AWAITING_DELEGATION = 4
    DELEGATION_BEING_VERIFIED = 5
    DELEGATED = 6
    DELEGATION_FAILED = 7
    RECLAIM_BEING_VERIFIED = 8
    RECLAIMED = 9
    RECLAIM_FAILED = 10
    CANCELLATION_PENDING = 11
    CANCELLED = 12
    REFUND_PENDING = 13
    REFUNDED = 14
    PARTLY_DELEGATED = 15
    TEMPORARILY_LOCKED = 16
    RECLAIM_DELAYED = 17


class BusinessStatus(IntEnum):
    """`business_status`, as documented. 3 and 4 don't mean success: 4 is closed, and that includes cancelled."""

    PENDING = 1
    FILLED = 2
    FINISHED = 3
    CLOSED = 4


FILLED = frozenset(
    {
        Status.DELEGATION_BEING_VERIFIED,
        Status.DELEGATED,
        Status.RECLAIM_BEING_VERIFIED,
        Status.RECLAIMED,
        Status.RECLAIM_FAILED,
        Status.RECLAIM_DELAYED,
    }
)
"""The energy was delegated: too late to cancel."""

ENDED_UNFILLED = frozenset({Status.CANCELLED, Status.REFUNDED})
ENDING = frozenset({Status.CANCELLATION_PENDING, Status.REFUND_PENDING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the service reads of BuyOrderDetail.

    Times are unix seconds (0: has not happened), amounts are exact decimals in TRX.

    A field that feee.io left out, or sent in a form that can't be read without doubt, is None; so is a number that is
    an empty string. The fields that a cancellation is decided on are stricter: `order_no` and `status` must be there,
    and `pay_amount` and `refund_amount` must be readable if they are there. `text` is all that feee.io sent, as JSON
    that fits in a row: an order that is too large goes without its parts, or, if need be, with only the fields that are
    decided on, as they were read.
    """

    order_no: str
    status: int
    create_time: int | None = None
    pay_time: int | None = None
    pay_amount: Decimal | None = None
    refund_amount: Decimal | None = None
    refund_time: int | None = None
    frozen_resource_value: int | None = None
    freeze_time: int | None = None
    rent_expire_time: int | None = None
    is_split: int | None = None
    business_status: int | None = None
    text: str = field(default="{}", repr=False)

    @classmethod
    def parse(cls, data: object) -> Self:
        """Read `data` of an answer, its numbers as `int` and `Decimal`. Raises MalformedOrderError."""
        if not isinstance(data, dict):
            raise MalformedOrderError("data is not an object")
        values = {name: _read(name, data.get(name)) for name in _READERS}
        return cls(**values, text=_kept_text(data, values))

    @property
    def covers_payment(self) -> bool:
        """Whether the refund that shows, made or announced, is all of the payment, or more."""
        return self.refund_amount is not None and self.refund_amount >= (self.pay_amount or 0) > 0

    @property
    def refunded(self) -> bool:
        """Whether the money is back: the order has ended and a refund shows, or all of the payment was refunded.

        On an order that hasn't ended, `refund_time` 0 means that the refund hasn't happened (feee-api).
        """
        if self.status in ENDED_UNFILLED or self.status == Status.CLOSED_UNPAID:
            return (self.refund_amount or 0) > 0
        return self.covers_payment and (self.refund_time is None or self.refund_time > 0)

    @property
    def unfinished(self) -> bool:
        """Neither ended, nor ending, nor filled; an unknown status counts as unfinished."""
        return self.status not in FILLED | ENDED_UNFILLED | ENDING | {Status.CLOSED_UNPAID}

    @property
    def paid(self) -> bool:
        """Whether feee.io says outright that the order was paid for."""
        settled = self.status not in {Status.NOT_PAID, Status.CLOSED_UNPAID, Status.PAYMENT_BEING_VERIFIED}
        return settled and (self.pay_time or 0) > 0 and (self.pay_amount or 0) > 0

    @property
    def nothing_paid(self) -> bool:
        """Whether feee.io says outright that nothing was charged."""
        return self.pay_amount == 0 or self.pay_time == 0


def digits(value: object) -> str:
    """A string without the blanks around it, or a JSON integer as a string: an order number may be sent as either.

    This reader and the next two raise TypeError for a value that isn't unambiguous: a number is judged by its
    digits and exponent, not by its text.
    """
    if isinstance(value, str | int):
        return _written(value)
    raise TypeError


def whole(value: object) -> int:
    """A whole number below 10^15, written as 12, 12.0, 1.2e1 or "12"."""
    if type(value) is int and abs(value) < _MAX_WHOLE:
        return value
    number = exact(value)
    if number != number.to_integral_value() or abs(number) >= _MAX_WHOLE:
        raise TypeError
    return int(number)


def exact(value: object) -> Decimal:
    """A decimal of at most 38 digits; without exponent or trailing zeros, however it was written."""
    written = _written(value)
    if not _NUMBER.fullmatch(written):
        raise TypeError
    number = Decimal(written).normalize(_EXACT)
    plain = f"{number:f}" if number else "0"
    if len(plain) > _MAX_WRITTEN or len(plain.replace(".", "").strip("-0")) > _MAX_DIGITS:
        raise TypeError
    return Decimal(plain)


def _written(value: object) -> str:
    """A number as it is written; JSON's true and false are none."""
    match value:
        case bool():
            raise TypeError
        case int() if value.bit_length() <= _MAX_BITS:
            return str(value)
        case Decimal():
            return str(value)
        case str():
            return value.strip(" ")
        case _:
            raise TypeError


def json_number(value: object) -> float | str:
    """A decimal as the JSON number that reads back the same, or else word for word as a string."""
    text = str(value)
    return float(text) if Decimal(repr(float(text))) == value else text


_REQUIRED = ("order_no", "status")
_DECISIVE = (*_REQUIRED, "pay_amount", "refund_amount")
_KEPT = (*_DECISIVE, "create_time", "pay_time")
_READERS: dict[str, Callable[[object], Any]] = {
    **{one.name: whole for one in fields(Order) if one.name != "text"},
    "pay_amount": exact,
    "refund_amount": exact,
    "order_no": digits,
}


def _read(name: str, value: object) -> Any:
    if name not in _REQUIRED and value in (None, ""):
        return None
    try:
        return _READERS[name](value)
    except TypeError:
        if name in _DECISIVE:
            raise MalformedOrderError(f"{name} is missing or not as documented") from None
        return None


def _kept_text(data: dict[str, Any], values: dict[str, Any]) -> str:
    kept = json.dumps(data, default=json_number)
    if len(kept) > _MAX_KEPT_CHARACTERS:
        kept = json.dumps({name: value for name, value in data.items() if name != "sub_order"}, default=json_number)
    if len(kept) > _MAX_KEPT_CHARACTERS:
        kept = json.dumps({name: values[name] for name in _KEPT}, default=json_number)
    return kept
