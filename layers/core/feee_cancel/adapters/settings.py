"""The settings, from the environment variables that the template sets."""

import re
from collections.abc import Mapping

from feee_cancel.domain.cancellation import StateReason
from feee_cancel.domain.decision import Backoff, Policy

_DAY = 86_400
_BACKOFF = re.compile(r"([1-9][0-9]{0,4})-([1-9][0-9]{0,4})")


class SettingError(ValueError):
    """A setting is missing or wrong; the message names it and says what it should be."""


class Settings:
    """What a user can set; the template's parameters document each. Every method raises SettingError."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def text(self, name: str) -> str:
        """A text that isn't empty."""
        value = self._environ.get(name, "").strip()
        if not value:
            raise SettingError(f"environment variable {name} is missing or empty; template.yaml sets it")
        return value

    def integer(self, name: str) -> int:
        """A whole number."""
        value = self.text(name)
        if not (value.isascii() and value.isdigit()):
            raise SettingError(f"environment variable {name} must be a whole number, not {value!r}")
        return int(value)

    def drain_function(self) -> str:
        """The drain's function. It wakes itself under the name that Lambda sets; the others are told its name."""
        return self.text("DRAIN_FUNCTION" if "DRAIN_FUNCTION" in self._environ else "AWS_LAMBDA_FUNCTION_NAME")

    def in_sam_local(self) -> bool:
        """Whether SAM CLI runs the function on a developer's machine. Its API has no IAM, so nobody can be known."""
        return self._environ.get("AWS_SAM_LOCAL") == "true"

    def policy(self) -> Policy:
        """When things happen."""
        refused, unreachable = self._backoff("REFUSED_BACKOFF"), self._backoff("UNREACHABLE_BACKOFF")
        return Policy(
            min_age=self.integer("MIN_AGE_SECONDS"),
            margin=self.integer("MARGIN_SECONDS"),
            cancels_again_after=self.integer("CANCEL_AGAIN_AFTER_SECONDS"),
            gives_up_after=self.integer("GIVE_UP_AFTER_SECONDS"),
            kept_for=self.integer("RETENTION_DAYS") * _DAY,
            refusals=self.integer("REJECT_AFTER_REFUSALS"),
            refused_for=self.integer("REJECT_AFTER_SECONDS"),
            refused_alone_for=self.integer("REJECT_ANYWAY_AFTER_SECONDS"),
            restarts_after=self.integer("RESTART_AFTER_SECONDS"),
            refund_missing_after=self.integer("REFUND_MISSING_AFTER_SECONDS"),
            backoff={
                StateReason.CANCEL_REFUSED: refused,
                StateReason.ORDER_REFUSED: self._backoff("ORDER_REFUSED_BACKOFF"),
                StateReason.MISCONFIGURED: self._backoff("MISCONFIGURED_BACKOFF"),
                StateReason.RATE_EXCEEDED: self._backoff("RATE_EXCEEDED_BACKOFF"),
                StateReason.UNREACHABLE: unreachable,
                StateReason.OUTCOME_UNKNOWN: unreachable,
                StateReason.REFUND_PENDING: self._backoff("REFUND_CHECK_BACKOFF"),
            },
        )

    def _backoff(self, name: str) -> Backoff:
        value = self.text(name)
        found = _BACKOFF.fullmatch(value)
        first, most = map(int, found.groups()) if found else (1, 0)
        if first > most:
            raise SettingError(f"environment variable {name} must be seconds such as 5-60, not {value!r}")
        return Backoff(first, most)
