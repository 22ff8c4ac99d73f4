"""feee.io's key: asked for if the stack has none, through `./feee-cancel set-key`, which keeps it to itself."""

import shlex
import subprocess
import sys
from collections.abc import Callable

from cli.outcome import Exit
from cli.secret_documents import Document
from cli.target import Stack
from cli.text import Copied, Words
from deploy.wanted import Wanted
from feee_cancel.adapters.secret import is_key
from local.build import ROOT

_TRIES = 3
_LATER = "The stack has no key of feee.io yet. Set it: ./feee-cancel set-key {options}"


def ask_for_the_key(wanted: Wanted, stack: Stack, show: Callable[[Words], None]) -> None:
    """Let it be set if there is none, and say how to set it later. Without a terminal nobody is asked."""
    secret = Document(stack.client("secretsmanager"), stack.output("FeeeKeySecretArn"))
    if is_key(secret.read().get("key")):
        return
    if sys.stdin.isatty():
        show("The stack has no key of feee.io yet. (Enter alone leaves it for later.)")
        for _ in range(_TRIES):
            status = subprocess.run([ROOT / "feee-cancel", "set-key", *wanted.options], check=False).returncode
            if status != Exit.USAGE:
                break
        if status == Exit.DONE:
            return
    show([Copied(_LATER.format(options=shlex.join(wanted.options)))])
