"""The doctor's findings, as a command answers them."""

from dataclasses import asdict

from cli.doctor import Deployment, Verdict, examine
from cli.outcome import Exit, Outcome


def diagnose(there: Deployment) -> Outcome:
    """Every finding about the stack, a line each, and what fixes it. Raises what AWS raises."""
    found = list(examine(there))
    width = max(len(finding.verdict) for finding in found)
    lines = []
    for finding in found:
        lines.append(f"{finding.verdict:{width}}  {finding.check}: {finding.words}")
        lines += [f"{'':{width}}  {finding.fix}"] if finding.fix else []
    wrong = any(finding.verdict is Verdict.WRONG for finding in found)
    document = {"stack": there.name, "findings": [asdict(finding) for finding in found]}
    return Outcome(Exit.NO if wrong else Exit.DONE, document, lines)
