"""The two READMEs are in step: the same commands, the same outputs."""

import re

import pytest

from tests.template import ROOT

ENGLISH, CHINESE = ((ROOT / name).read_text() for name in ("README.md", "README.zh-CN.md"))
BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r"[ \t]+# .*$", re.MULTILINE)


def blocks(text: str) -> list[str]:
    """The commands and outputs, without the comments, which are translated."""
    return [COMMENT.sub("", block) for block in BLOCK.findall(text)]


def test_both_have_the_same_commands_and_outputs() -> None:
    assert blocks(CHINESE) == blocks(ENGLISH)
    assert len(blocks(ENGLISH)) >= 5


@pytest.mark.parametrize("text", [ENGLISH, CHINESE], ids=["English", "Chinese"])
def test_a_reader_gets_through_the_page(text: str) -> None:
    assert len(text.splitlines()) <= 200


@pytest.mark.parametrize("text", [ENGLISH, CHINESE], ids=["English", "Chinese"])
def test_the_allow_list_is_named_before_the_first_call(text: str) -> None:
    assert text.index("`Feee.io Client/1.0.0 (https://feee.io)`") < text.index("make deploy   #")


@pytest.mark.parametrize("text", [ENGLISH, CHINESE], ids=["English", "Chinese"])
def test_what_a_deployment_sets_for_the_whole_account_is_said(text: str) -> None:
    """AWS::ApiGateway::Account is one for each account and region."""
    assert "CreateApiGatewayLogRole=false" in text


def test_both_have_the_same_sections_and_tables() -> None:
    def shape(text: str) -> list[str]:
        plain = BLOCK.sub("", text)
        return [line.split(" ")[0].split("|")[0] or "|" for line in plain.splitlines() if line.startswith(("#", "|"))]

    assert shape(CHINESE) == shape(ENGLISH)
