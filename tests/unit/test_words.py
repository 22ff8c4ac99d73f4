"""The words of the house: what a reader would trip over stays out of the English text."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.template import ROOT

INSTEAD = {
    r"mend(s|ed|ing)?": "fix",
    r"afresh|anew": "again",
    r"for ever": "forever",
    r"at the most": "at most",
    r"likewise": "too",
    r"alike": "the same, both",
    r"pass(es|ed)? over": "ignore, skip",
    r"(is|are|was) told by": "shows as, is reported by",
    r"to be had": "available",
    r"(tell|tells|told) of": "report, know",
    r"takes? it that": "assume",
    r"(is|are) wished|wishe[sd]": "request",
    r"(doesn't|don't|didn't) take (the|our|these) (key|calls|credentials)": "reject",
    r"nobody (wants|wishes|tries) (more|any more)": "say who does what",
    r"wants a human": "needs a human",
    r"who is mailed": "who gets the mail",
    r"time and again": "again and again",
    r"had too many requests": "limited our rate",
    r"taken to the letter": "must match exactly",
    r"nobody's business": "say what isn't said, and why",
    r"rings for": "is on",
    r"(None|\w+Error|even|only|empty) where": "if",
}
SUFFIXES = {".md", ".py", ".yaml", ".yml", ".sh", ".toml"}
SELF = Path(__file__).relative_to(ROOT)


def texts() -> list[Path]:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    ours = [Path(name) for name in tracked if Path(name).suffix in SUFFIXES or Path(name).name == "Makefile"]
    return [path for path in ours if path != SELF and (ROOT / path).is_file() and not path.name.endswith("zh-CN.md")]


@pytest.mark.parametrize("banned", INSTEAD)
def test_the_english_text_has_plain_words(banned: str) -> None:
    """A line that has one is said otherwise; what to say instead stands beside it."""
    found = [
        f"{path}:{number}: {line.strip()}"
        for path in texts()
        for number, line in enumerate((ROOT / path).read_text().splitlines(), 1)
        if re.search(rf"\b(?:{banned})\b", line, re.IGNORECASE)
    ]
    assert not found, f"say: {INSTEAD[banned]}"
