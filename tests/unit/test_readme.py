"""The two READMEs are in step: the same commands, the same outputs, the same settings."""

import re

import pytest

from tests.template import ROOT, TEMPLATE

ENGLISH, CHINESE = ((ROOT / name).read_text() for name in ("README.md", "README.zh-CN.md"))
BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r"[ \t]+# .*$", re.MULTILINE)


def blocks(text: str) -> list[str]:
    """The commands and outputs, without the comments, which are translated."""
    return [COMMENT.sub("", block) for block in BLOCK.findall(text)]


def test_both_have_the_same_commands_and_outputs() -> None:
    assert blocks(CHINESE) == blocks(ENGLISH)
    assert len(blocks(ENGLISH)) > 5


def test_both_have_the_same_sections_and_tables() -> None:
    def shape(text: str) -> list[str]:
        plain = BLOCK.sub("", text)
        return [line.split(" ")[0].split("|")[0] or "|" for line in plain.splitlines() if line.startswith(("#", "|"))]

    assert shape(CHINESE) == shape(ENGLISH)


@pytest.mark.parametrize("text", [ENGLISH, CHINESE], ids=["English", "Chinese"])
def test_every_setting_is_explained_with_its_default(text: str) -> None:
    rows = re.findall(r"^\| (`[A-Z]\w+`.*?) \| (.*?) \|", text, re.MULTILINE)
    explained = {
        name: default
        for names, defaults in rows
        for name, default in zip(re.findall(r"\w+", names), re.split("[,、] ?", defaults), strict=True)
    }
    parameters = {name: str(parameter["Default"]) for name, parameter in TEMPLATE["Parameters"].items()}
    empty = {name for name, default in parameters.items() if not default}
    in_words = empty | {"FeeeUserAgent"}
    assert set(explained) == set(parameters) - {"FeeeBaseUrl"}, "the base URL is changed for a simulator alone"
    assert {n: d for n, d in explained.items() if n not in in_words} == {
        n: d for n, d in parameters.items() if n in explained and n not in in_words
    }
