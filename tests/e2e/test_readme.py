"""The commands of both READMEs and of the pages behind them, run word for word, and that they do what the page says."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import urllib3

from local.build import BUILDS, build
from local.image import STAND_IN
from tests.e2e.curls import row_cancelled
from tests.e2e.steps import JOURNEY
from tests.e2e.user import ORDER, User, somebody, users_environment, working_copy
from tests.e2e.waiting import wait_for
from tests.readme import (
    CHINESE,
    ENGLISH,
    JOURNEY_PAGES,
    SAM_LOCAL_PAGE,
    as_bash_reads,
    commands,
    fits,
    named_in,
    printed_by,
)
from tests.starved import again_if_timed_out
from tests.template import ROOT

DEMO = "make demo"
SAM_LOCAL, SAM_LOCAL_EVENT = "make sam-local", "make sam-local EVENT=events/webhook-cancel.json"
SAM_API, SAM_LOCAL_INVOKE = "make sam-api", "sam local invoke"
LOCAL, DOCS, LIST_OF_TASKS, HELP = "make local", "make docs", "make", "./feee-cancel --help"
IN_CI = ("make test", "make test-long", "make image")
"""What would run these tests again, or takes an image from elsewhere; .ci/run runs it by these words."""
IN_BLOCKS = {*JOURNEY, DEMO, "make test", "make test-long", SAM_LOCAL, SAM_LOCAL_EVENT, SAM_API, SAM_LOCAL_INVOKE}
IN_THE_TEXT = {LIST_OF_TASKS, LOCAL, DOCS, HELP, SAM_LOCAL}
NOT_RUN = {
    "make undeploy": "tests/e2e/test_deploy.py types it",
    "make dashboard": "it draws a picture of four minutes, which is looked at and committed",
    "./feee-cancel doctor": "it examines a stack on AWS; tests/e2e/test_doctor.py examines the local one with it",
    "make bench": "it measures for six minutes; tests/integration/test_benchmarks.py tries its parts",
}


def known(command: str) -> str | None:
    """What a command of a block is known by: its first words, or all but its comment if it is a task of make."""
    if command.startswith("make "):
        command = as_bash_reads(command)
        return command if command in IN_BLOCKS else None
    return next((first for first in IN_BLOCKS if f"{command} ".startswith(f"{first} ")), None)


def all_commands() -> list[str]:
    return [command for page in (*JOURNEY_PAGES, SAM_LOCAL_PAGE) for command in commands(page)]


def test_every_command_is_run_by_a_test_below() -> None:
    assert [command for command in all_commands() if not known(command)] == []
    assert {known(command) for command in all_commands()} == IN_BLOCKS


def test_the_commands_of_both_are_the_same_to_bash() -> None:
    english, chinese = ([as_bash_reads(command) for command in commands(page)] for page in (ENGLISH, CHINESE))
    assert english == chinese
    assert all(english)


@pytest.mark.parametrize("page", [ENGLISH, CHINESE])
def test_every_task_that_the_text_names_is_run_or_there_is_a_reason(page: str) -> None:
    assert named_in(page) == IN_THE_TEXT | set(NOT_RUN)


@pytest.mark.parametrize("page", [ENGLISH, CHINESE])
def test_make_lists_every_task_of_the_page(page: str) -> None:
    listed = {f"make {line.split()[0]}" for line in typed(LIST_OF_TASKS).splitlines()}
    used = {as_bash_reads(command) for command in commands(page)} | named_in(page)
    tasks = {" ".join(command.split()[:2]) for command in used if command.startswith("make ")}
    assert tasks <= listed


def test_the_help_lists_the_exit_statuses() -> None:
    assert "exit status:" in typed(HELP)


@pytest.mark.parametrize("command", IN_CI)
def test_what_a_test_can_not_run_is_run_by_ci(command: str) -> None:
    assert f"\n{command}\n" in (ROOT / ".ci/run").read_text()


NOWHERE = "http://127.0.0.1:9"
ODDITIES = {
    **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"), NOWHERE),
    **dict.fromkeys(("NO_PROXY", "no_proxy"), ""),
    "AWS_PROFILE": "nobody",
    "AWS_DEFAULT_REGION": "nowhere",
    "LC_ALL": "C",
    "HOME": "/dev/null/home",
    "CDPATH": "/tmp:/",
}
"""Settings of a user's: a proxy that is down, a profile that isn't there, a home that can't be written to, and more."""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.Popen[str]]:
    """`make demo`, where much is odd. It waits most of the time, so it is begun first and looked at last."""
    odd = tmp_path_factory.mktemp("odd")
    folder = working_copy(odd / "two  blanks")
    build()
    shutil.copytree(BUILDS, folder / BUILDS.relative_to(ROOT))
    (odd / "config").write_text("[profile it\nregion")
    environment = users_environment(**ODDITIES, AWS_CONFIG_FILE=str(odd / "config"))
    with subprocess.Popen(
        ["bash", "-c", f"umask 077; {DEMO}"], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.terminate()


@pytest.fixture
def user(tmp_path: Path) -> Iterator[User]:
    """Somebody who has built before: tests/e2e/test_deploy.py builds in a fresh clone."""
    build()
    with somebody(tmp_path) as found:
        shutil.copytree(BUILDS, tmp_path / "feee-cancel" / BUILDS.relative_to(ROOT))
        yield found


@pytest.mark.usefixtures("demo")
def test_the_page_is_followed_from_setting_up_to_operating(user: User) -> None:
    typed_in_order = [command for page in JOURNEY_PAGES for command in commands(page)]
    text = "".join(typed_in_order)
    assert [placeholder for placeholder in user.fills_in if placeholder not in text] == []
    for command in typed_in_order:
        if step := JOURNEY.get(known(command) or ""):
            began = time.monotonic()
            step(user, command)
            print(f"{time.monotonic() - began:5.1f} s  {command.splitlines()[0]}")


def test_make_local_stays_its_curl_works_and_make_docs_shows_the_reference(tmp_path: Path) -> None:
    folder = working_copy(tmp_path / "feee-cancel")
    build()
    shutil.copytree(BUILDS, folder / BUILDS.relative_to(ROOT))
    with until_ctrl_c(LOCAL, folder) as printed:
        make_order, cancel = printed_curls(printed)
        row = row_cancelled(make_order, cancel, lambda curl: typed(curl, folder))
        assert row["state"] == "cancelled"
        assert row["order_no"] in typed("./feee-cancel list --local", folder)
        with until_ctrl_c(DOCS, folder) as shown, urllib3.PoolManager() as pool:
            page = pool.request("GET", re.findall(r"http://\S+", shown)[0])
            assert b"swagger-ui" in page.data


def test_the_demo_prints_what_the_page_shows(demo: subprocess.Popen[str]) -> None:
    printed, _ = demo.communicate(timeout=600)
    assert demo.returncode == 0
    assert fits(printed, printed_by(ENGLISH, DEMO)), printed


@pytest.mark.long
def test_two_demos_in_one_clone_at_once_each_print_what_the_page_shows(tmp_path: Path) -> None:
    """Nothing is built there yet: one builds, and the other waits for it."""
    folder = working_copy(tmp_path / "feee-cancel")
    with ThreadPoolExecutor(2) as terminals:
        printed = list(terminals.map(lambda _: typed(DEMO, folder), range(2)))
    assert all(fits(one, printed_by(ENGLISH, DEMO)) for one in printed), printed


@pytest.mark.container
@pytest.mark.usefixtures("container_engine")
def test_make_sam_local_prints_what_the_page_shows() -> None:
    printed = typed_again(SAM_LOCAL)
    assert fits(printed, printed_by(SAM_LOCAL_PAGE, SAM_LOCAL)), printed


@pytest.mark.container
@pytest.mark.usefixtures("container_engine")
def test_make_sam_local_takes_any_event() -> None:
    printed = typed_again(SAM_LOCAL_EVENT)
    assert "WebhookFunction answered with HTTP status 202" in printed
    assert re.search(r"The row of order \d+ in the table: (waiting|cancelling|cancelled)", printed), printed


@pytest.mark.container
@pytest.mark.usefixtures("container_engine")
def test_while_make_sam_api_runs_its_curl_works_and_so_does_sam_cli_alone() -> None:
    with until_ctrl_c(SAM_API) as printed:
        make_order, cancel = printed_curls(printed)
        assert row_cancelled(make_order, cancel, typed)["state"] == "cancelled"
        order_no = json.loads(json.loads((ROOT / "events/api-request.json").read_text())["body"])["order_no"]
        typed(make_order.replace(ORDER, order_no))
        (command,) = [command for command in commands(SAM_LOCAL_PAGE) if known(command) == SAM_LOCAL_INVOKE]
        sam_local = f"{command} {stand_in()}" if STAND_IN in printed else command
        # SAM CLI alone gives up on a slow container; and what a starved one began is 202 until its lease is over.
        answer = wait_for(
            lambda: json.loads(typed_again(sam_local).strip() or "{}"),
            lambda answer: answer and answer["statusCode"] != 202,
        )
        assert (answer["statusCode"], json.loads(answer["body"])["state"]) == (200, "cancelled")


@contextmanager
def until_ctrl_c(command: str, folder: Path = ROOT) -> Iterator[str]:
    """Run a task that stays until Ctrl-C, which the end of the block is. What it prints when it is ready."""
    shell = ["bash", "-c", command]
    with subprocess.Popen(
        shell, cwd=folder, env=users_environment(), stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout
        lines = list[str]()
        try:
            for line in process.stdout:
                lines.append(line)
                if line.startswith("Ctrl-C stops"):
                    break
            assert process.poll() is None, "".join(lines)
            yield "".join(lines)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)
        assert "Stopped." in process.stdout.read()


def printed_curls(printed: str) -> list[str]:
    """Each after the line that gives a shell the run's secrets, as the user's terminal has it."""
    (secrets,) = re.findall(r"^  (\. \S+)$", printed, re.MULTILINE)
    return [f"{secrets}\n{curl}" for curl in re.findall(r"curl .*?(?=\n\n)", printed, re.DOTALL)]


def stand_in() -> str:
    """What has to be added, as the page says, if the image is the stand-in."""
    added = f"--invoke-image {STAND_IN} --skip-pull-image"
    assert f"`{added}`" in (ROOT / SAM_LOCAL_PAGE).read_text()
    return added


def typed(command: str, folder: Path = ROOT) -> str:
    """What it prints, if `sam` is on the PATH; what goes to stderr is shown if a test fails."""
    environment = users_environment(ROOT / ".tools/sam/bin")
    shell = ["bash", "-c", command]
    return subprocess.run(shell, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout


typed_again = again_if_timed_out(typed)
