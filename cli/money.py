"""What came back, in TRX, of cancellations as the API shows them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

_DIGITS = 18
"""Before or after the point: more of them are no amount of TRX, which has six places."""


@dataclass(slots=True)
class Money:
    """`unread` is how many amounts were no numbers: what they were isn't known, and isn't in the sum."""

    refunded: Decimal = Decimal(0)
    unread: int = 0

    def add(self, row: Mapping[str, Any]) -> None:
        """Count what came back, which is that of a cancelled order; others' was announced at most."""
        if row["state"] != "cancelled":
            return
        amount = _number(row.get("refund_amount", 0))
        if amount is None:
            self.unread += 1
        else:
            self.refunded += amount

    @property
    def doubt(self) -> str:
        """What is to be said of the sum; "" if nothing is."""
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
