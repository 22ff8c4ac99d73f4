"""What came back, in TRX, of cancellations as the API shows them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

_DIGITS = 18
"""Digits before or after the point: with more, it is no amount of TRX, which has six places."""


@dataclass(slots=True)
class Money:
    """`unread` is how many amounts were no numbers: their value isn't known, and isn't in the sum."""

    refunded: Decimal = Decimal(0)
    unread: int = 0

    def add(self, row: Mapping[str, Any]) -> None:
        """Count what came back: a cancelled order's refund. Any other order's was at most announced."""
        if row["state"] != "cancelled":
            return
        amount = _number(row.get("refund_amount", 0))
        if amount is None:
            self.unread += 1
        else:
            self.refunded += amount

    @property
    def doubt(self) -> str:
        """What has to be said about the sum; "" if nothing has."""
        return f" (without {self.unread:,} whose refund_amount is no number)" if self.unread else ""


def came_back(rows: Iterable[Mapping[str, Any]]) -> Money:
    """The sum of all."""
    money = Money()
    for row in rows:
        money.add(row)
    return money


def _number(shown: object) -> Decimal | None:
    try:
        found = Decimal(str(shown))
    except InvalidOperation:
        return None
    return found if found.is_finite() and abs(found.adjusted()) <= _DIGITS else None
