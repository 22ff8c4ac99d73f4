"""The completion as it is typed: in bash and zsh themselves, at a terminal, from the command that the page names."""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from select import select

import pytest

from tests.template import ROOT

SHELLS = {"bash": ["bash", "--norc", "--noprofile", "-i"], "zsh": ["zsh", "--no-rcs", "-i"]}
_PATIENCE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of a terminal, and what it shows then."""

    screen: int

    def press(self, keys: str, until: str) -> str:
        """What is on the screen, once it shows this pattern."""
        os.write(self.screen, keys.encode())
        seen, give_up_at = "", time.monotonic() + _PATIENCE_SECONDS
        while not re.search(until, seen):
            assert time.monotonic() < give_up_at, f"{keys!r} never showed {until!r}:\n{seen!r}"
            if select([self.screen], [], [], 1)[0]:
                seen += os.read(self.screen, 65_536).decode(errors="replace")
        return seen


@contextmanager
def interactive(command: list[str], home: Path) -> Iterator[Keys]:
    """A shell at a terminal, without anybody's start files, in the checkout."""
    screen, inside = os.openpty()
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "ZDOTDIR": str(home), "TERM": "dumb"}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=inside, stdout=inside, stderr=inside, start_new_session=True
    ) as process:
        os.close(inside)
        try:
            yield Keys(screen)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            os.close(screen)


@pytest.fixture(params=SHELLS)
def keys(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Keys]:
    """A machine without zsh skips that one, unless REQUIRE_ZSH is set, as in CI."""
    if not shutil.which(request.param):
        assert not os.environ.get("REQUIRE_ZSH"), "REQUIRE_ZSH is set, and there is no zsh"
        pytest.skip(f"the completion isn't tried in {request.param}: install it")
    with interactive(SHELLS[request.param], tmp_path) as shell:
        shell.press(f'eval "$(./feee-cancel completion {request.param})" && echo rea""dy\n', until="ready")
        yield shell


def test_a_shell_completes_commands_options_and_choices_as_they_are_typed(keys: Keys) -> None:
    keys.press("./feee-cancel withd\t", until="withdraw ")
    keys.press("\x15./feee-cancel list --sta\t\t\t", until=r"--stack +--state")
    keys.press("\x15feee-cancel export --format j\t", until="--format jsonl ")
    choices = keys.press("\x15feee-cancel redrive Un\t\t\t", until="UndeliveredTicks")
    assert {"UnannouncedRecords", "UndeliveredEvents"} <= set(choices.split())


def test_elsewhere_files_are_completed_and_nothing_goes_wrong(keys: Keys) -> None:
    keys.press("./feee-cancel cancel --file CHANGE\t", until="--file CHANGELOG.md ")
    told = keys.press("\x15echo fine; ./feee-cancel nosuch \t\x15echo ov''er\n", until="over\r?\n")
    assert "command not found" not in told
