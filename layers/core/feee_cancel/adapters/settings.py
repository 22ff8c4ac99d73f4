"""The settings, from the environment variables that the template sets."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

_DAY = 86_400
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
    margin_seconds: int
    gives_up_after_seconds: int
    kept_for_seconds: int
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
            margin_seconds=_integer(environ, "MARGIN_SECONDS"),
            gives_up_after_seconds=_integer(environ, "GIVE_UP_AFTER_SECONDS"),
            kept_for_seconds=_integer(environ, "RETENTION_DAYS") * _DAY,
            drain_function=_text(environ, "DRAIN_FUNCTION" if "DRAIN_FUNCTION" in environ else _OWN_NAME),
            drain_pace=_integer(environ, "DRAIN_PACE"),
            drain_seconds=_integer(environ, "DRAIN_SECONDS"),
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
