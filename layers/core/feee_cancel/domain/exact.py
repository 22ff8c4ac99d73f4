"""Values as feee.io may write them, read exactly: a number is judged by its digits and exponent, not by its text.

Every reader raises TypeError for what isn't unambiguously such a value.
"""

import re
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal

_NUMBER = re.compile(r"[+-]?[0-9]{1,80}(\.[0-9]{1,80})?([eE][+-]?[0-9]{1,3})?")
_EXACT = Context(prec=200, Emax=MAX_EMAX, Emin=MIN_EMIN)
_MAX_WHOLE = 10**15
_MAX_DIGITS = 38
"""What DynamoDB keeps of a number."""
_MAX_WRITTEN = 80
_MAX_BITS = 256


def digits(value: object) -> str:
    """A string, or a JSON integer as one: so an order number looks if somebody sends it as a number."""
    if isinstance(value, str):
        return value
    if isinstance(value, int):
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
