"""docs/runbook.md as an operator uses it: its sections, and its commands, run in bash word for word."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from local.identity import CREDENTIALS, REGION
from local.stack import STACK, LocalStack
from tests.template import ROOT

RUNBOOK = (ROOT / "docs/runbook.md").read_text()
_AWS = ROOT / ".tools/aws/bin"
_SECONDS = 120
_INLINE = re.compile(r"`((?:\./feee-cancel|aws|drain|logged|set_parameter)\s[^`]+)`")
_CONDITION = re.compile(r"\$\.([a-z_.]+) = \"([^\"]*)\"")

_ON_THIS_MACHINE = 'aws() { command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"; }\n'
"""AWS CLI 1 has an address of its own for SQS in us-east-1, which comes before AWS_ENDPOINT_URL."""
_FEEE_CANCEL = """# ./feee-cancel, on the stack of the test; if it asks, yes. Its bytecode stays out of the project.
import sys
sys.pycache_prefix = {bytecode!r}
from pathlib import Path
sys.path[:0] = {path!r}
import cli.__main__
cli.__main__.FILE = Path({file!r})
sys.exit(cli.__main__.main([*sys.argv[1:], "--local", *(["--yes"] if "redrive" in sys.argv else [])]))
"""


@cache
def sections() -> dict[str, list[str]]:
    """The commands of each section, by its heading, in their order; what is defined at the top isn't one of them."""
    parts = re.split(r"^#+ (.+)\n", RUNBOOK, flags=re.MULTILINE)[1:]
    found = {heading: list(_commands(text)) for heading, text in zip(parts[::2], parts[1::2], strict=True)}
    del found["Runbook"]
    return found


def about_alarms() -> set[str]:
    """The headings of the sections about alarms."""
    return set(re.findall(r"^### (.+)$", RUNBOOK, re.MULTILINE))


def selects(pattern: str, line: str) -> bool:
    """Whether CloudWatch's filter would select a line; the emulator takes every pattern of this kind for all lines."""
    try:
        document = json.loads(line)
    except ValueError:
        return False
    conditions = _CONDITION.findall(pattern)
    assert " || ".join(f'$.{name} = "{value}"' for name, value in conditions) == pattern.strip("{ }")
    return any(
        re.fullmatch(re.escape(value).replace(r"\*", ".*"), str(_member(document, name))) for name, value in conditions
    )


def _member(document: object, name: str) -> object:
    for part in name.split("."):
        document = document.get(part) if isinstance(document, dict) else None
    return document


def _commands(text: str) -> Iterator[str]:
    """Each command of the fenced blocks, and each that stands in a sentence."""
    prose = re.sub(r"^```sh\n.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    for block in re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        yield from _whole(block)
    yield from (" ".join(command.split()) for command in _INLINE.findall(prose))  # which may be wrapped


def _whole(block: str) -> Iterator[str]:
    """The commands of a block: bash knows where each ends."""
    command = ""
    for line in block.splitlines():
        command += f"{line}\n"
        filled = re.sub(r"<(\w+)>", r"\1", command)
        checked = subprocess.run(["bash", "-n"], input=filled, capture_output=True, text=True, check=False)
        if not (checked.returncode or checked.stderr or line.endswith(("\\", "|"))):
            yield command.rstrip("\n")
            command = ""
    assert not command, f"bash doesn't take this: {command}"


class Operator:
    """Someone with the runbook, a shell, and an empty folder that `./feee-cancel` is in. `ran` has what was run."""

    def __init__(self, stack: LocalStack, folder: Path) -> None:
        self.folder = folder
        self.ran: set[str] = set()
        self._environment = {
            "PATH": f"{_AWS}:{os.environ['PATH']}",
            "AWS_ENDPOINT_URL": stack.endpoint,
            "AWS_ACCESS_KEY_ID": CREDENTIALS.access_key,
            "AWS_SECRET_ACCESS_KEY": CREDENTIALS.secret_key,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }
        self._stand_in()
        first = RUNBOOK.split("```sh\n")[1].split("```")[0]
        assert first.startswith("STACK=feee-cancel\n")
        defined = first.replace("STACK=feee-cancel\n", f"STACK={STACK}\n")
        # Defined once, as in a shell that stays open.
        self._defined = self._bash(f"{_ON_THIS_MACHINE}{defined}declare -f; declare -p STACK FOUND ERRORS")

    def __call__(self, begins: str, **given: str) -> str:
        """Run the command of the runbook that begins so. What it printed, errors too.

        `given` has what stands in the place of a word or of `<word>`: the operator's own.
        """
        return self.told(self._command(begins, given))

    def logged(self, begins: str, **given: str) -> list[str]:
        """Run a command that reads a log. What CloudWatch's filter would select of the lines that it printed."""
        command = self._command(begins, given)
        pattern = self.told(f'logged() {{ echo "$2"; }}\n{command}').strip()
        shown = self.told(command).splitlines()
        return [line for line in shown if selects(pattern, line)]

    def told(self, command: str) -> str:
        """Run a command that another one's output told. What it printed."""
        return self._bash(f"{self._defined}\n{command}")

    def _command(self, begins: str, given: Mapping[str, str]) -> str:
        known = {command for commands in sections().values() for command in commands}
        (command,) = {command for command in known if command.startswith(begins)}
        self.ran.add(command)
        for word, value in given.items():
            placed = command.replace(f"<{word}>" if f"<{word}>" in command else word, value)
            assert placed != command, f"{word} isn't in {command}"
            command = placed
        return command

    def left(self, headings: set[str]) -> set[str]:
        """The commands of these sections that weren't run."""
        return {command for heading in headings for command in sections()[heading]} - self.ran

    def _stand_in(self) -> None:
        script = self.folder / "feee-cancel"
        path = [str(ROOT), str(ROOT / "layers/core"), str(ROOT / "client")]
        file = str(self.folder / "running.json")
        bytecode = str(self.folder / "bytecode")
        commands = self.folder / "commands.py"
        commands.write_text(_FEEE_CANCEL.format(path=path, file=file, bytecode=bytecode))
        script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(str(commands))} "$@"\n')
        script.chmod(0o755)

    def _bash(self, script: str) -> str:
        environment: Mapping[str, str] = self._environment
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        return done.stdout
