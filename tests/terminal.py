"""A user's terminal: one bash, in which commands are typed one after the other, and whose questions are answered."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from select import select
from uuid import uuid4

_LOOP = 'set -o pipefail; while IFS= read -r -d "" -u {0} line; do eval "$line" {0}<&-; echo "{1} $?"; done'
_QUESTION = re.compile(r"(\]:|\[y/N\]|shown\):) ?(\x1b\[[0-9;]*m)*$")
_PATIENCE_SECONDS = 900
_CLEANING_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Terminal:
    """`screen` is the terminal's other side, `line` is where commands go in, `done` is said after each."""

    screen: int
    line: int
    done: str

    def __call__(self, command: str, answers: Mapping[str, str] | None = None) -> str:
        """Type a command. What is on the screen when it has ended well; anything else fails.

        If it asks, the answer is that for a part of the question, or Enter.
        """
        os.write(self.line, f"{command}\0".encode())
        end, seen, asked_at = re.compile(rf"{self.done} (\d+)\n$"), "", 0
        give_up_at = time.monotonic() + _PATIENCE_SECONDS
        while not (ended := end.search(seen)):
            assert time.monotonic() < give_up_at, f"this doesn't end: {command}\n{seen}"
            if select([self.screen], [], [], 1)[0]:
                seen = (seen + os.read(self.screen, 65_536).decode(errors="replace")).replace("\r\n", "\n")
            question = seen[asked_at:].rpartition("\n")[2]
            if _QUESTION.search(question):
                asked_at = len(seen)
                given = [answer for part, answer in (answers or {}).items() if part in question]
                os.write(self.screen, f"{given[0] if given else ''}\n".encode())
        assert ended[1] == "0", f"exit status {ended[1]}: {command}\n{seen}"
        return seen[: ended.start()].rstrip("\n")


def heeds_hangup() -> None:
    """SIGHUP ends what is started, as in any terminal, though the tests may have been started with nohup."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@contextmanager
def terminal(folder: Path, environment: Mapping[str, str]) -> Iterator[Terminal]:
    """A terminal in this folder. At the end it is closed, and what doesn't end at that is killed."""
    screen, inside = os.openpty()
    read, write = os.pipe()
    done = f"done {uuid4()}"
    with subprocess.Popen(
        ["bash", "-c", _LOOP.format(read, done)],
        cwd=folder,
        env=environment,
        stdin=inside,
        stdout=inside,
        stderr=inside,
        pass_fds=[read],
        start_new_session=True,
        preexec_fn=heeds_hangup,  # noqa: PLW1509 - it calls nothing that another thread may hold
    ) as process:
        os.close(inside)
        os.close(read)
        try:
            yield Terminal(screen, write, done)
        finally:
            _close(process)
            os.close(write)
            os.close(screen)


def _close(process: "subprocess.Popen[bytes]") -> None:
    """SIGHUP, so that a command can clean up; SIGKILL for what goes on after that."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGHUP)
        give_up_at = time.monotonic() + _CLEANING_SECONDS
        while time.monotonic() < give_up_at:
            process.poll()
            os.killpg(process.pid, 0)
            time.sleep(0.1)
        os.killpg(process.pid, signal.SIGKILL)
