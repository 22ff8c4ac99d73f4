"""JSON with exact amounts: 3.92 is read as Decimal and written as 3.92."""

import json
from decimal import Decimal
from typing import Any


def to_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=_number)


def from_json(text: bytes) -> Any:
    return json.loads(text, parse_float=Decimal)


def _number(value: object) -> int | float:
    """A float's text is exact up to 15 digits, which amounts of at most 6 places stay within."""
    if not isinstance(value, Decimal):
        raise TypeError(f"{type(value).__name__} has no JSON")
    return int(value) if value == value.to_integral_value() else float(value)
