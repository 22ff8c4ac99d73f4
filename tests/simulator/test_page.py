"""docs/simulator.md: its commands work in their order, and its tables are whole."""

import json
import os
import re
import subprocess
from dataclasses import fields
from urllib.parse import urlsplit

import pytest

from local.simulator.choices import Choices
from local.simulator.fault_kinds import ACTS_NOT, KINDS
from local.simulator.server import running
from tests.readme import commands
from tests.template import ROOT

PAGE = "docs/simulator.md"
TEXT = (ROOT / PAGE).read_text()


def test_every_kind_of_misbehaviour_is_on_the_page_and_whether_it_acts() -> None:
    rows = dict(
        re.findall(
            r"^\| `(\w+)` \|(.*)$", TEXT.partition("## Misbehaviour")[2].partition("## What it")[0], re.MULTILINE
        )
    )
    assert rows.keys() == KINDS.keys()
    assert {name for name, row in rows.items() if "no effect unless `acts`" in row} == ACTS_NOT
    assert f"any of {len(KINDS)} ways" in TEXT


def test_the_choices_that_are_named_exist() -> None:
    named = set(re.findall(r"[(,`] ?`?([a-z_0-9]+_[a-z_0-9]+)`?[:,)]", TEXT.partition("## What is fact")[2]))
    assert {"exactly_300_passes", "cancel_without_data"} <= named <= {field.name for field in fields(Choices)}


@pytest.mark.skipif(not os.path.exists("/usr/bin/curl"), reason="there is no curl")  # noqa: PTH110 - a word for what it needs
def test_the_pages_commands_do_what_it_says() -> None:
    with running() as simulator:
        control = f"{simulator.url.removesuffix('/open')}/control"
        environment = os.environ | {"FEEE": simulator.url, "CONTROL": control, "CONTROL_SECRET": simulator.secret}
        calls = [command for command in commands(PAGE) if command.startswith("curl")]
        answers = []
        for call in calls:
            run = subprocess.run(["bash", "-c", call], env=environment, capture_output=True, text=True, check=True)
            answers.append(json.loads(run.stdout))
        assert urlsplit(simulator.url).hostname == "127.0.0.1"
    account, made, _, cancelled, queried, _, requests, choices, _ = answers
    assert (account["code"], made["detail"]["pay_amount"]) == (0, 4.26127)
    assert [cancelled["data"]["status"], queried["data"]["status"]] == [11, 11]
    assert [request["endpoint"] for request in requests] == ["cancel", "query"]
    assert choices["too_early"] == 12345


def test_the_commands_that_start_it_are_those_of_the_makefile_and_the_module() -> None:
    assert {"make simulator", "python -m local.simulator --port 8400"} <= set(commands(PAGE))
    assert "PORT ?= 8400" in (ROOT / "Makefile").read_text()
