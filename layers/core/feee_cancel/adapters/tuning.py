"""What hardly anybody has a reason to change, as one setting: `DrainPace=8,RefusedBackoff=20-600`.

What isn't named has its default, which is the policy's (docs/decisions/0028). The template's parameter refuses
other names; the limits of the numbers are checked here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from feee_cancel.adapters.settings import SettingError, Settings
from feee_cancel.domain.cancellation import StateReason
from feee_cancel.domain.decision import BACKOFF, Backoff, Policy

_BACKOFF = re.compile(r"([1-9][0-9]{0,4})-([1-9][0-9]{0,4})")
_DAY = 86_400
_MONTH = 30 * _DAY


class TuningError(ValueError):
    """A part of it is wrong; the message names it and says what it should be."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """The waits, to each of which up to `jitter_percent` of it is added; `drain_pace` is in calls a second."""

    policy: Policy
    jitter_percent: int = 20
    drain_pace: int = 4
    drain_seconds: int = 150


POLICY: Mapping[str, tuple[str, int, int]] = {
    "MinAgeSeconds": ("min_age", 0, _DAY),
    "MarginSeconds": ("margin", 0, 300),
    "GiveUpAfterSeconds": ("gives_up_after", 600, _MONTH),
    "RefundMissingAfterSeconds": ("refund_missing_after", 60, _MONTH),
    "CancelAgainAfterSeconds": ("cancels_again_after", 10, _DAY),
    "RejectAfterRefusals": ("refusals", 1, 100),
    "RejectAfterSeconds": ("refused_for", 0, _DAY),
    "RejectAnywayAfterSeconds": ("refused_alone_for", 0, _DAY),
    "RestartAfterSeconds": ("restarts_after", 0, _DAY),
}
"""The policy's fields, with the least and the greatest value of each."""
OTHERS: Mapping[str, tuple[str, int, int]] = {
    "JitterPercent": ("jitter_percent", 0, 100),
    "DrainPace": ("drain_pace", 1, 10),
    "DrainSeconds": ("drain_seconds", 5, 150),
}
BACKOFFS: Mapping[str, tuple[StateReason, ...]] = {
    "RefundCheckBackoff": (StateReason.REFUND_PENDING,),
    "RefusedBackoff": (StateReason.CANCEL_REFUSED,),
    "OrderRefusedBackoff": (StateReason.ORDER_REFUSED,),
    "UnreachableBackoff": (StateReason.UNREACHABLE, StateReason.OUTCOME_UNKNOWN),
    "MisconfiguredBackoff": (StateReason.MISCONFIGURED,),
    "RateExceededBackoff": (StateReason.RATE_EXCEEDED,),
}
"""The reasons to wait that each name is for. Its value is in seconds: the first wait, doubling up to the second."""


def tuned(settings: Settings) -> Tuning:
    """The waits of a function, from its settings. Raises SettingError."""
    try:
        found = tuning(settings.any_text("TUNING"))
    except TuningError as error:
        raise SettingError(f"environment variable TUNING: {error}") from None
    return replace(found, policy=replace(found.policy, kept_for=settings.integer("RETENTION_DAYS") * _DAY))


def tuning(text: str) -> Tuning:
    """The waits of this text. Raises TuningError."""
    policy: dict[str, Any] = {}
    others: dict[str, int] = {}
    backoff = dict(BACKOFF)
    for part in filter(None, text.split(",")):
        name, _, value = part.partition("=")
        if name in BACKOFFS:
            backoff |= dict.fromkeys(BACKOFFS[name], _backoff(name, value))
        elif name in POLICY:
            field, least, most = POLICY[name]
            policy[field] = _number(name, value, least, most)
        elif name in OTHERS:
            field, least, most = OTHERS[name]
            others[field] = _number(name, value, least, most)
        else:
            raise TuningError(f"{name!r} isn't one of {', '.join([*POLICY, *BACKOFFS, *OTHERS])}")
    return Tuning(replace(Policy(), **policy, backoff=backoff), **others)


def _number(name: str, value: str, least: int, most: int) -> int:
    if not (value.isascii() and value.isdigit() and least <= int(value) <= most):
        raise TuningError(f"{name} must be a whole number from {least} to {most}, not {value!r}")
    return int(value)


def _backoff(name: str, value: str) -> Backoff:
    found = _BACKOFF.fullmatch(value)
    first, most = map(int, found.groups()) if found else (1, 0)
    if first > most:
        raise TuningError(f"{name} must be seconds such as 5-60, not {value!r}")
    return Backoff(first, most)
