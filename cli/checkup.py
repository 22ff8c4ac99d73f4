"""The doctor's findings, as a command answers them."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, replace

from botocore.exceptions import ClientError

from cli.doctor import Deployment, Finding, Verdict, examine, unseen
from cli.doctor.account import clock
from cli.outcome import Exit, Outcome
from cli.text import Copied
from cli.trouble import EXPECTED


def check_up(name: str, reached: AbstractContextManager[Deployment], now: Callable[[], float]) -> Outcome:
    """Every finding about the stack, a line each, and what fixes it. Exit.TROUBLE if it can't be reached."""
    try:
        with reached as there:
            return _outcome(there.name, [*examine(there)])
    except EXPECTED as error:
        answered = error.response.get("ResponseMetadata", {}) if isinstance(error, ClientError) else {}
        skewed = clock(answered, now=now())
        found = [skewed] if skewed and skewed.verdict is Verdict.WRONG else []
        out_of_reach = replace(unseen("the stack can be reached", error), verdict=Verdict.WRONG)
        return _outcome(name, [*found, out_of_reach], exit_if_wrong=Exit.TROUBLE)


def _outcome(name: str, found: Sequence[Finding], *, exit_if_wrong: Exit = Exit.NO) -> Outcome:
    width = max(len(finding.verdict) for finding in found)
    lines: list[str] = []
    for finding in found:
        lines.append(f"{finding.verdict:{width}}  {finding.check}: {finding.words}")
        lines += [f"{'':{width}}  {finding.fix}"] if finding.fix else []
        lines += [Copied(f"{'':{width}}  {finding.command}")] if finding.command else []
    wrong = any(finding.verdict is Verdict.WRONG for finding in found)
    document = {"stack": name, "findings": [asdict(finding) for finding in found]}
    return Outcome(exit_if_wrong if wrong else Exit.DONE, document, lines)
