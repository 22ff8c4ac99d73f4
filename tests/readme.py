"""The READMEs and the pages behind them as readers use them: each command of the fenced blocks, and what it prints."""

import re
import subprocess
from collections.abc import Iterator
from functools import cache

from tests.template import ROOT

ENGLISH, CHINESE = "README.md", "README.zh-CN.md"
SAM_LOCAL_PAGE = "docs/sam-local.md"
JOURNEY_PAGES = (ENGLISH, "docs/webhooks.md", "docs/eventbridge.md")
"""What is typed one page after the other, in one terminal."""
BLOCK = re.compile(r"^```(.*?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@cache
def commands(page: str) -> list[str]:
    """Every command of a page, as it stands there, comments too: those of `sh` blocks, and those that outputs show."""
    return [command for kind, text in _blocks(page) for command in _commands(kind, text)]


def printed_by(page: str, command: str) -> str:
    """What the page shows below `$ command`."""
    (shown,) = [text for kind, text in _blocks(page) if text.startswith(f"$ {command}\n")]
    return shown.partition("\n")[2]


def named_in(page: str) -> set[str]:
    """The tasks of make and the operator's commands that the text between the blocks names."""
    text = BLOCK.sub("", (ROOT / page).read_text())
    return set(re.findall(r"`((?:make|\./feee-cancel)[^`]*)`", text))


def as_bash_reads(command: str) -> str:
    """The command without comments and layout, as bash prints what it has read; empty if bash can't read it."""
    read = _bash("-c", f"read() {{\n{command}\n}}\ndeclare -f read").stdout
    return "\n".join(line.strip() for line in read.splitlines()[2:-1])


def fits(printed: str, shown: str) -> bool:
    """Whether this is what a page shows: "..." is anything; seconds, order numbers and widths differ with each run."""
    pattern = re.escape(shown.strip()).replace(r"\.\.\.", ".*")
    for differs, fitting in ((r"\d{15,}", r"\\d+"), (r"\d+(?=\\ s\b)", r"\\d+"), ("─+", "─+"), (r"(\\\s)+", r"\\s+")):
        pattern = re.sub(differs, fitting, pattern)
    return re.fullmatch(pattern, printed.strip(), re.DOTALL) is not None


def _blocks(page: str) -> list[tuple[str, str]]:
    return BLOCK.findall((ROOT / page).read_text())


def _commands(kind: str, block: str) -> Iterator[str]:
    if kind == "sh":
        yield from _split(block)
        return
    assert (kind, block[:2]) == ("", "$ "), f"neither commands (sh) nor a command's output ($ ...):\n{block}"
    yield from (line.removeprefix("$ ") for line in block.splitlines() if line.startswith("$ "))


def _split(block: str) -> Iterator[str]:
    """A command ends with the line that bash needs no more of."""
    command = ""
    for line in block.splitlines():
        command += line
        if line.endswith("\\") or _bash("-n", "-c", command).returncode != 0:
            command += "\n"
        else:
            yield command
            command = ""
    assert not command, f"bash needs more than this:\n{command}"


def _bash(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["bash", *arguments], capture_output=True, text=True, check=False)
