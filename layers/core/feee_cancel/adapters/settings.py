"""The settings, from the environment variables that the template sets."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from feee_cancel.domain.cancellation import StateReason
from feee_cancel.domain.decision import Backoff, Policy

_DAY = 86_400
_BACKOFF = re.compile(r"([1-9][0-9]{0,4})-([1-9][0-9]{0,4})")
_OWN_NAME = "AWS_LAMBDA_FUNCTION_NAME"
"""Set by Lambda. The drain's own function wakes itself; the others are told its name."""


class SettingError(ValueError):
    """A setting is missing or wrong; the message names it and says what it should be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a user can set; the template's parameters document each."""

    table_name: str
    key_secret: str
    base_url: str
    user_agent: str
    policy: Policy
    jitter: float
    drain_function: str
    drain_pace: int
    drain_seconds: int

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Self:
        """Read the settings. Raises SettingError."""
        return cls(
            table_name=_text(environ, "TABLE_NAME"),
            key_secret=_text(environ, "FEEE_KEY_SECRET_ARN"),
            base_url=_text(environ, "FEEE_BASE_URL"),
            user_agent=_text(environ, "FEEE_USER_AGENT"),
            policy=_policy(environ),
            jitter=_integer(environ, "JITTER_PERCENT") / 100,
            drain_function=_text(environ, "DRAIN_FUNCTION" if "DRAIN_FUNCTION" in environ else _OWN_NAME),
            drain_pace=_integer(environ, "DRAIN_PACE"),
            drain_seconds=_integer(environ, "DRAIN_SECONDS"),
        )


def _policy(environ: Mapping[str, str]) -> Policy:
    refused, unreachable = _backoff(environ, "REFUSED_BACKOFF"), _backoff(environ, "UNREACHABLE_BACKOFF")
    return Policy(
        min_age=_integer(environ, "MIN_AGE_SECONDS"),
        margin=_integer(environ, "MARGIN_SECONDS"),
        cancels_again_after=_integer(environ, "CANCEL_AGAIN_AFTER_SECONDS"),
        gives_up_after=_integer(environ, "GIVE_UP_AFTER_SECONDS"),
        kept_for=_integer(environ, "RETENTION_DAYS") * _DAY,
        refusals=_integer(environ, "REJECT_AFTER_REFUSALS"),
        refused_for=_integer(environ, "REJECT_AFTER_SECONDS"),
        refund_missing_after=_integer(environ, "REFUND_MISSING_AFTER_SECONDS"),
        backoff={
            StateReason.CANCEL_REFUSED: refused,
            StateReason.ORDER_REFUSED: refused,
            StateReason.MISCONFIGURED: _backoff(environ, "MISCONFIGURED_BACKOFF"),
            StateReason.RATE_EXCEEDED: _backoff(environ, "RATE_EXCEEDED_BACKOFF"),
            StateReason.UNREACHABLE: unreachable,
            StateReason.OUTCOME_UNKNOWN: unreachable,
            StateReason.REFUND_PENDING: _backoff(environ, "REFUND_CHECK_BACKOFF"),
        },
    )


def _text(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "").strip()
    if not value:
        raise SettingError(f"environment variable {name} is missing or empty; template.yaml sets it")
    return value


def _integer(environ: Mapping[str, str], name: str) -> int:
    value = _text(environ, name)
    if not (value.isascii() and value.isdigit()):
        raise SettingError(f"environment variable {name} must be a whole number, not {value!r}")
    return int(value)


def _backoff(environ: Mapping[str, str], name: str) -> Backoff:
    value = _text(environ, name)
    found = _BACKOFF.fullmatch(value)
    first, most = map(int, found.groups()) if found else (1, 0)
    if first > most:
        raise SettingError(f"environment variable {name} must be two numbers of seconds such as 5-60, not {value!r}")
    return Backoff(first, most)
