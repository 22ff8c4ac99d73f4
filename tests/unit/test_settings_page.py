"""docs/settings.md has every parameter with its default, and every part of Tuning with its own."""

import re

from feee_cancel.adapters.tuning import BACKOFFS, OTHERS, POLICY, Tuning
from feee_cancel.domain.decision import BACKOFF, Policy
from tests.template import ROOT, TEMPLATE

PAGE = (ROOT / "docs/settings.md").read_text()


def table(heading: str) -> dict[str, str]:
    """Names and defaults in the table of this section; each row says more beside them."""
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([A-Z]\w+)` \| (.*?) \| (.+) \|$", section, re.MULTILINE)
    return {name: default.strip("`") for name, default, _ in rows}


def test_every_parameter_is_there_with_its_default() -> None:
    defaults = {name: str(parameter["Default"]) or "empty" for name, parameter in TEMPLATE["Parameters"].items()}
    assert table("Parameters") == defaults


def test_every_part_of_tuning_is_there_with_its_default() -> None:
    policy, others = Policy(), Tuning(Policy())
    numbers = {name: getattr(policy, field) for name, (field, _, _) in POLICY.items()}
    numbers |= {name: getattr(others, field) for name, (field, _, _) in OTHERS.items()}
    waits = {name: BACKOFF[reasons[0]] for name, reasons in BACKOFFS.items()}
    backoffs = {name: f"{wait.first}-{wait.most}" for name, wait in waits.items()}
    assert table("Tuning") == {name: str(number) for name, number in numbers.items()} | backoffs
