"""What a check found."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How it is."""

    OK = "ok"
    WARNING = "warning"
    """It works, or couldn't be looked at; somebody should know."""
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """`fix` says what to do; empty if nothing has to be done. `command` does it, if one alone does."""

    check: str
    verdict: Verdict
    words: str
    fix: str = ""
    command: str = ""


def ok(check: str, words: str) -> Finding:
    """It is as it should be."""
    return Finding(check, Verdict.OK, words)


def warning(check: str, words: str, fix: str, command: str = "") -> Finding:
    """It works all the same, or nobody knows."""
    return Finding(check, Verdict.WARNING, words, fix, command)


def wrong(check: str, words: str, fix: str, command: str = "") -> Finding:
    """It has to be fixed."""
    return Finding(check, Verdict.WRONG, words, fix, command)
