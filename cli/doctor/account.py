"""Who asks, and at what time: without these two, AWS answers nothing."""

from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from cli.doctor.deployment import Deployment
from cli.doctor.finding import Finding, ok, warning, wrong

_CLOCK = "this machine's clock is right"
_SET_IT = "Set the clock (timedatectl set-ntp true, or the system's settings for date and time)."
_MOST_OFF, _TOO_FAR_OFF = 30, 300
"""Seconds. AWS refuses what was signed more than five minutes away from its own time."""


def the_credentials_are_accepted(there: Deployment) -> Iterator[Finding]:
    """AWS knows who asks."""
    client = there.client("sts")
    found = client.get_caller_identity()
    yield ok("the credentials are accepted", f"{found['Arn']}, region {client.meta.region_name}")


def the_clock_is_right(there: Deployment) -> Iterator[Finding]:
    """AWS has the same time as this machine."""
    answered = there.client("sts").get_caller_identity()["ResponseMetadata"]
    yield clock(answered, now=there.now()) or warning(_CLOCK, "AWS's answer had no time", "Run the doctor again.")


def clock(answered: Mapping[str, Any], *, now: float) -> Finding | None:
    """What the Date of an answer (its ResponseMetadata) says about a clock; None if it has no Date."""
    try:
        date = parsedate_to_datetime(answered["HTTPHeaders"]["date"]).timestamp()
    except (KeyError, ValueError):
        return None
    off = now - date
    words = f"{abs(off):.0f} s {'ahead of' if off > 0 else 'behind'} AWS's"
    if abs(off) > _TOO_FAR_OFF:
        return wrong(_CLOCK, f"{words}: AWS refuses what is signed at another time", _SET_IT)
    if abs(off) > _MOST_OFF:
        return warning(_CLOCK, words, _SET_IT)
    return ok(_CLOCK, words)
