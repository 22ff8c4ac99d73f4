"""Where the stack is that `make local` runs: a file, there as long as it runs, for the commands and for `make docs`."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from local.build import ROOT
from local.stack import STACK, LocalStack

FILE = ROOT / ".local/running.json"


@dataclass(frozen=True, slots=True)
class Running:
    """`endpoint` is AWS's, `api` and `simulator` are URLs, `stack` is the stack's name."""

    endpoint: str
    api: str
    simulator: str
    stack: str = STACK


@contextmanager
def announced(stack: LocalStack, file: Path = FILE) -> Iterator[None]:
    """Say where the stack is, until the block ends."""
    said = json.dumps(asdict(Running(stack.endpoint, stack.api.url, stack.simulator.url)))
    file.write_text(said)
    try:
        yield
    finally:
        with suppress(FileNotFoundError):
            if file.read_text() == said:  # another `make local` may have taken over
                file.unlink()


def read(file: Path = FILE) -> Running | None:
    """What runs; None where nothing does, as far as the file knows."""
    try:
        return Running(**json.loads(file.read_text()))
    except (OSError, ValueError, TypeError):
        return None
