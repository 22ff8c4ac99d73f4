"""What GitHub reads: actions pinned to a commit, no more permissions than needed, reports with the doctor's words."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.template import ROOT

GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").iterdir())


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_an_action_is_pinned_to_a_commit_with_its_version_beside_it(path: Path) -> None:
    uses = re.findall(r"uses: *(.*)", path.read_text())
    assert uses
    assert [one for one in uses if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", one)] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_job_may_read_the_code_and_nothing_else(path: Path) -> None:
    workflow = read(path)
    assert workflow["permissions"] == {}
    assert [job["permissions"] for job in workflow["jobs"].values()] == [{"contents": "read"}] * len(workflow["jobs"])


def test_github_runs_what_runs_everywhere() -> None:
    """Linters and every test: `make test` begins with `make lint`."""
    (job,) = read(GITHUB / "workflows/ci.yml")["jobs"].values()
    assert any("bash .ci/run" in step.get("run", "") for step in job["steps"])
    assert "\nmake test\n" in (ROOT / ".ci/run").read_text()
    assert re.search(r"^test: lint\b", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_every_input_of_a_lock_file_is_kept_up_to_date() -> None:
    (pip,) = [one for one in read(GITHUB / "dependabot.yml")["updates"] if one["package-ecosystem"] == "pip"]
    inputs = [path for folder in ("requirements", "layers") for path in (ROOT / folder).rglob("*.in")]
    assert {f"/{path.parent.relative_to(ROOT)}" for path in inputs} == set(pip["directories"])


def test_a_report_asks_what_the_doctor_says() -> None:
    (asked,) = [one for one in read(GITHUB / "ISSUE_TEMPLATE/bug.yml")["body"] if one.get("id") == "doctor"]
    assert "./feee-cancel doctor --json" in asked["attributes"]["label"]
    assert asked["validations"] == {"required": True}
