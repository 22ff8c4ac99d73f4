"""Files that only this user may read."""

import os
from pathlib import Path
from uuid import uuid4


def write(file: Path, text: str) -> None:
    """Write the file in one go: another run may be reading it. What others could read before, they can't any more."""
    fresh = file.with_name(f"{file.name}.{uuid4().hex}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(text)
    fresh.replace(file)
