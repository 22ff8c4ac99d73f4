"""The environment that the functions are imported in: the template's variables, and no AWS but the emulator's."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from rich.console import Console

from local.engine import engine
from local.errors import LocalError, leave_the_users_settings
from local.simulator import listener
from local.stack import LocalStack, local_stack
from local.task import end_at_signals
from tests import leaks, leftovers, loggers, skips
from tests.chromium import chromium
from tests.dead_proxies import forget_dead_proxies
from tests.e2e.restored import empty_the_queues
from tests.template import default_environment

leave_the_users_settings()
forget_dead_proxies()
listener.PATIENCE = 30.0  # what a server's thread still logs after its test would be another test's
SCREEN = ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "TERM", "COLUMNS", "LINES")
for name in (*SCREEN, "STACK", "REGION", "PROFILE", "PARAMETERS"):
    os.environ.pop(name, None)  # each test says what screen it has, and what is deployed
os.environ |= default_environment() | {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "SETTLED_WEBHOOK_URL": "https://wallet.example/settled",  # its default is none
}

_E2E = Path(__file__).parent / "e2e"
_UNCOUNTED = (
    "e2e/*",
    "simulator/*",
    "unit/test_cli*",
    "unit/test_client.py",
    "unit/test_starvation.py",
    "unit/test_words.py",
    "integration/test_command_ends.py",
)
"""What the service does in these tests is in other processes, or is counted in others' tests, line by line."""

# What the READMEs' steps assert is shown if one fails, as in a test.
pytest.register_assert_rewrite("tests.e2e.steps", "tests.e2e.user")

# No deadline: shared machines are slow at times. The same cases every time, so that what fails was broken by a change.
settings.register_profile("default", deadline=None, max_examples=400, stateful_step_count=40, derandomize=True)
settings.register_profile("thorough", settings.get_profile("default"))
settings.register_profile("nightly", settings.get_profile("default"), max_examples=2_000, derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def pytest_configure(config: pytest.Config) -> None:
    """In the workers, too, so that what the tests started is stopped if a signal ends them."""
    end_at_signals()
    loggers.keep_still()
    config.pluginmanager.register(leaks)
    config.pluginmanager.register(leftovers)
    config.pluginmanager.register(skips)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files with a stack come first: the others are short, and keep every worker busy to the end.

    Lines are counted where that tells something: counting doubles the time of all that Python does meanwhile.
    """
    items.sort(key=lambda item: _E2E not in item.path.parents)
    for item in items:
        if any(item.path.match(pattern) for pattern in _UNCOUNTED):
            item.add_marker("no_cover")


@pytest.fixture(autouse=True)
def _environment_is_left_as_it_was() -> Iterator[None]:
    """A test that changes it for those after it fails, and not they."""
    before = _environment()
    yield
    assert _environment() == before


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}


@pytest.fixture(scope="session")
def container_engine() -> None:
    """A machine without an engine skips, unless REQUIRE_CONTAINERS is set, as in CI."""
    try:
        engine()
    except LocalError as error:
        if os.environ.get("REQUIRE_CONTAINERS"):
            raise
        pytest.skip(f"nothing is run in Lambda's image: {error}")


@pytest.fixture(scope="session")
def chromium_command() -> str:
    """A machine without Chromium skips, unless REQUIRE_CHROMIUM is set, as in CI."""
    command = chromium()
    if command is None and not os.environ.get("REQUIRE_CHROMIUM"):
        pytest.skip("the reference's page, and what a page from elsewhere can do, aren't tried: install chromium")
    assert command, "REQUIRE_CHROMIUM is set, and there is no Chromium"
    return command


@pytest.fixture(scope="session")
def jq_command() -> None:
    """A machine without jq skips, unless REQUIRE_JQ is set, as in CI."""
    if not shutil.which("jq"):
        assert not os.environ.get("REQUIRE_JQ"), "REQUIRE_JQ is set, and there is no jq"
        pytest.skip("chats that are told, and orders that cancel themselves (docs/events.md), aren't tried: install jq")


@pytest.fixture(scope="session")
def deployed() -> Iterator[LocalStack]:
    """The template deployed to the emulator, once for the whole session."""
    with local_stack(Console(quiet=True)) as local:
        yield local


@pytest.fixture
def stack(deployed: LocalStack) -> LocalStack:
    """The deployed stack with a simulator that has forgotten everything, and nothing in the queues of failures."""
    empty_the_queues(deployed)
    deployed.simulator.client.reset()
    deployed.simulator.client.set_access(rate_limit=10_000)
    return deployed
