"""Every link from page to page leads somewhere."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.template import ROOT

LINK = re.compile(r"\]\(([^)#\s:]+)(?:#([^)]*))?\)")


def pages() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listed.stdout.splitlines()]


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_link_leads_to_a_page_and_every_anchor_to_a_heading() -> None:
    links = [(page, *found) for page in pages() for found in LINK.findall(page.read_text())]
    assert len(links) > 50
    assert [(page.name, to) for page, to, _ in links if not (page.parent / to).exists()] == []
    within = [(page, to, anchor) for page, to, anchor in links if anchor and to.endswith(".md")]
    assert [link for page, to, anchor in within if anchor not in anchors(page.parent / (link := to))] == []


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.name)
def test_each_page_is_found_from_the_readme_or_another_page(page: Path) -> None:
    others = [ROOT / "README.md", *(other for other in (ROOT / "docs").glob("*.md") if other != page)]
    assert any(f"{page.name})" in text or f"{page.name}#" in text for text in (other.read_text() for other in others))
