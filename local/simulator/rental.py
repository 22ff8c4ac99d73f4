"""What a buyer may ask for, and its price."""

from collections.abc import Mapping
from decimal import Decimal

from local.simulator.choices import Refusal, Refused
from local.simulator.detail import Document

BALANCE = Decimal(1_000_000)
ACCOUNT = "TXYZopYRdj2D9XRtbG411XZZ3kM5VkAeBf"
PRICE_IN_SUN = 105
SUN = Decimal(1_000_000)
SERVICE_FEE = Decimal("0.56")
SECONDS = {"d": 86_400, "h": 3600, "m": 60}
SHORTEST = 600
BLOCK = 3
ADDRESS_LENGTH = 34
ENERGY = 1
FIVE_MINUTES: Document = {"rent_duration": 5, "rent_time_unit": "m", "rent_time_second": 300}


def rental(parameters: Mapping[str, object]) -> Document:
    """For whom and how much. The price is the official example's: 32000 at 105 sun + 0.56 = 3.92 TRX."""
    address, value = parameters.get("receive_address"), parameters.get("resource_value")
    if parameters.get("resource_type", ENERGY) != ENERGY or not isinstance(value, int) or value <= 0:
        raise Refused(Refusal.MISSING_PARAMETER)
    if not isinstance(address, str) or len(address) != ADDRESS_LENGTH:
        raise Refused(Refusal.MISSING_PARAMETER)
    return {
        "receive_address": address,
        "resource_value": value,
        "price_in_sun": PRICE_IN_SUN,
        "pay_amount": value * PRICE_IN_SUN / SUN + SERVICE_FEE,
    }


def length(parameters: Mapping[str, object]) -> Document:
    """For how long: `rent_time_second` if it is given, else `rent_duration` units; at least ten minutes."""
    duration, unit = parameters.get("rent_duration"), parameters.get("rent_time_unit")
    if not isinstance(duration, int) or unit not in SECONDS:
        raise Refused(Refusal.MISSING_PARAMETER)
    seconds = parameters.get("rent_time_second", duration * SECONDS[str(unit)])
    if not isinstance(seconds, int) or seconds < SHORTEST or seconds % BLOCK:
        raise Refused(Refusal.MISSING_PARAMETER)
    return {"rent_duration": duration, "rent_time_unit": unit, "rent_time_second": seconds}
