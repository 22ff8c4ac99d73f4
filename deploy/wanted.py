"""What is to be deployed, and where: what was given after `make deploy`."""

import difflib
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from cli.outcome import TroubleError
from cli.where import DEFAULT_NAME, Where
from feee_cancel.adapters.tuning import TuningError, tuning
from local.build import ROOT

_STACK = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,127}")
_PARAMETER = re.compile(r"^  ([A-Za-z0-9]+):$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Wanted:
    """`region` and `profile` are None if AWS's own settings decide; `parameters` are those that were given."""

    stack: str
    region: str | None
    profile: str | None
    parameters: Mapping[str, str]

    @property
    def where(self) -> Where:
        """For the commands that are told about it."""
        return Where(self.stack, self.region, self.profile)

    @property
    def options(self) -> list[str]:
        """As options of `./feee-cancel`."""
        given = {"--stack": self.stack, "--region": self.region, "--profile": self.profile}
        return [word for option, value in given.items() if value for word in (option, value)]


def wanted(environ: Mapping[str, str]) -> Wanted:
    """Read it from the variables that make hands on. Raises TroubleError."""
    stack = environ.get("STACK") or DEFAULT_NAME
    if not _STACK.fullmatch(stack):
        raise TroubleError(
            f"STACK={stack!r}: a stack's name begins with a letter, and has letters, digits and - alone."
        )
    return Wanted(stack, environ.get("REGION"), environ.get("PROFILE"), _parameters(environ.get("PARAMETERS", "")))


def known_parameters() -> list[str]:
    """The template's."""
    text = (ROOT / "template.yaml").read_text()
    section = text.partition("\nParameters:\n")[2].partition("\nRules:\n")[0]
    return _PARAMETER.findall(section)


def _parameters(text: str) -> dict[str, str]:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise TroubleError(f"PARAMETERS can't be read: {error}. It is Name=value, with quotes around blanks.") from None
    return dict(map(_parameter, words))


def _parameter(word: str) -> tuple[str, str]:
    """One of them. What can't be read isn't shown: it may be a key."""
    name, equals, value = word.partition("=")
    known = known_parameters()
    if not equals:
        raise TroubleError(
            "PARAMETERS is a list of Name=value; a word in it has no =. A value with blanks needs quotes."
        )
    if name not in known:
        close = difflib.get_close_matches(name, known, 1)
        meant = f" Is {close[0]} meant?" if close else ""
        raise TroubleError(f"PARAMETERS names a parameter that doesn't exist.{meant} docs/settings.md has them all.")
    if name == "Tuning":
        _can_be_tuned(value)
    return name, value


def _can_be_tuned(value: str) -> None:
    """Check the values as the functions would; CloudFormation only refuses unknown names."""
    try:
        tuning(value)
    except TuningError as error:
        raise TroubleError(f"Tuning: {error}.") from None
