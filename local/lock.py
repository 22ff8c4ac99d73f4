"""One process at a time in this checkout. Standard library only: make uses it before anything is installed.

`python local/lock.py TARGET SOURCE ... -- COMMAND ...` runs the command, unless another process has made the target
from these sources by the time that the lock is free. The command holds the lock, too: if this process is killed, the
lock is held until the command has ended.
"""

import fcntl
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_INSTALLING = Path(__file__).parents[1] / ".local/setup.lock"


@contextmanager
def alone(file: Path) -> Iterator[int]:
    """Hold the lock until the block ends, however it ends. Says so if it has to wait for another process.

    What inherits this descriptor holds the lock, too, until it ends.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Waiting for another process that does the same in this folder ...", file=sys.stderr)
            fcntl.flock(held, fcntl.LOCK_EX)
        yield held.fileno()


def newer(target: Path, sources: Sequence[Path]) -> bool:
    """Whether the target is there and no older than what it is made of, as make sees it."""
    return target.exists() and all(source.stat().st_mtime <= target.stat().st_mtime for source in sources)


def main(arguments: Sequence[str]) -> int:
    """The command's exit status."""
    split = arguments.index("--")
    target, *sources = map(Path, arguments[:split])
    with alone(_INSTALLING) as held:
        if newer(target, sources):
            return 0
        return subprocess.run(arguments[split + 1 :], check=False, pass_fds=[held]).returncode


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        sys.exit(130)
