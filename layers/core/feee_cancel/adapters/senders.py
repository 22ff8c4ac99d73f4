"""The senders of webhooks, as the secret names them, each with its secrets.

`{"secrets": {"shop": "whsec_...", "bot": ["whsec_new", "whsec_old"]}}`: a sender keeps its name while its secret is
replaced. `{"secrets": ["whsec_...", ...]}` is one sender without a name.
"""

import binascii
import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from standardwebhooks import Webhook

from feee_cancel.adapters.secret import Secret

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

MAX_SECRETS = 50
NAME = re.compile(r"[A-Za-z0-9_-]{1,24}")
"""The form of a sender's name."""
_PREFIX = "whsec_"
_BYTES = range(24, 65)
"""How many bytes a secret has (Standard Webhooks: 24 to 64)."""

logger = logging.getLogger(__name__)


class Sender(NamedTuple):
    """One secret of a sender."""

    name: str | None
    webhook: Webhook


class SenderSecret(Secret[list[Sender]]):
    """The senders whose secrets are valid now, at most five minutes old."""

    def __init__(self, client: "SecretsManagerClient", name: str, now: Callable[[], float] = time.time) -> None:
        super().__init__(client, name, find=senders, example='{"secrets": {"<sender>": "whsec_<base64>"}}', now=now)


def senders(document: Mapping[str, Any]) -> list[Sender]:
    """Those whose secret can be used. One that can't is named in the log, never with its value."""
    found = [sender for place, name, secret in _entries(document) if (sender := _sender(place, name, secret))]
    if len(found) > MAX_SECRETS:
        logger.error("there are more than %s secrets for webhooks; the others are ignored", MAX_SECRETS)
    return found[:MAX_SECRETS]


def _entries(document: Mapping[str, Any]) -> Iterator[tuple[str, str | None, object]]:
    """Each secret with its place, for people, and its sender's name."""
    secrets = document.get("secrets", [])
    named = secrets.items() if isinstance(secrets, dict) else [(None, secrets)]
    for order, (name, given) in enumerate(named, 1):
        # What is no name isn't shown: it may be a secret, the two exchanged.
        shown = f"secrets.{name}" if name and NAME.fullmatch(name) else f"entry {order} of secrets"
        for position, secret in enumerate(given if isinstance(given, list) else [given], 1):
            yield f"number {position} of {shown}", name, secret


def _sender(place: str, name: str | None, secret: object) -> Sender | None:
    key = _key(secret)
    if fault := _fault(name, secret, key):
        logger.error("a secret for webhooks can't be used", extra={"secret": place, "why": fault})
        return None
    return Sender(name, Webhook(key))


def _fault(name: str | None, secret: object, key: bytes) -> str | None:
    if name is not None and not NAME.fullmatch(name):
        return "its sender's name must be 1 to 24 letters, digits, - and _"
    if isinstance(secret, str) and secret.startswith(("whsk_", "whpk_")):
        return "it is an asymmetric key; shared secrets (whsec_) alone are verified here"
    if len(key) not in _BYTES:
        return f"it must be whsec_ and the base64 of {_BYTES[0]} to {_BYTES[-1]} bytes"
    return None


def _key(secret: object) -> bytes:
    """The bytes of a secret, with or without its prefix and its padding; none if it has another form."""
    encoded = secret.removeprefix(_PREFIX) if isinstance(secret, str) else ""
    try:
        return binascii.a2b_base64(encoded + "=" * (-len(encoded) % 4), strict_mode=True)
    except ValueError:
        return b""
