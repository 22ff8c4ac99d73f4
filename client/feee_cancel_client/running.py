"""Where `make local`'s stack is, and its secrets: a file that only this user can read, there as long as it runs."""

import json
from dataclasses import dataclass
from pathlib import Path

from botocore.credentials import Credentials

FILE = Path(".local/running.json")
"""Below the checkout."""


@dataclass(frozen=True, slots=True)
class Running:
    """`endpoint` is AWS's, `api` and `simulator` are URLs, `stack` is the stack's name.

    AWS and the API ask for a signature with the access key, the simulator's control API for its secret, and the
    webhook for a signature with its own.
    """

    endpoint: str
    region: str
    api: str
    simulator: str
    access_key: str
    secret_key: str
    control_secret: str
    webhook_secret: str
    stack: str

    @property
    def credentials(self) -> Credentials:
        """The access key, to sign with."""
        return Credentials(self.access_key, self.secret_key)


def read(file: Path) -> Running | None:
    """What runs; None if nothing does, as far as the file knows."""
    try:
        return Running(**json.loads(file.read_text()))
    except (OSError, ValueError, TypeError):
        return None
