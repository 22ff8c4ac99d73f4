"""The architecture page says where to read and how far: both are held to the code."""

import re

import pytest

from benchmarks.walk import Walk, walks
from local.build import ROOT

PAGE = (ROOT / "docs/architecture.md").read_text()
CORE = ROOT / "layers/core/feee_cancel"
RULES = re.findall(r"^\| ([^|]+) \| (`[^|`]+\.(?:py|yaml)`: [^|]+) \|$", PAGE, re.MULTILINE)


def test_the_page_says_where_each_of_ten_rules_is_read() -> None:
    assert len(RULES) == 10


@pytest.mark.parametrize(("rule", "places"), RULES, ids=[rule for rule, _ in RULES])
def test_a_rule_is_read_in_one_or_two_files_that_hold_what_is_named(rule: str, places: str) -> None:
    files = [re.findall(r"`([^`]+)`", place) for place in places.split("; ")]
    assert len(files) <= 2, rule
    for file, *names in files:
        code = (CORE / file).resolve().read_text()
        assert names
        assert all(re.search(rf"(?m)^\s*(?:def |class )?{name}\b", code) for name in names), file


@pytest.fixture(scope="module")
def walked() -> tuple[Walk, Walk]:
    return walks()


def test_the_page_says_how_far_a_reader_of_a_happy_request_walks(walked: tuple[Walk, Walk]) -> None:
    to_ports, through = walked
    said = re.findall(r"(\d+) files(?:,| and) (\d+) changes", PAGE)
    assert said == [(str(files), str(changes)) for files, changes, _ in (to_ports, through)], "write it on the page"


def test_a_reader_who_trusts_the_ports_walks_few_files(walked: tuple[Walk, Walk]) -> None:
    files, changes, _ = walked[0]
    assert files <= 12
    assert changes <= 26
