"""A secret for webhooks: made, put beside the others, and shown once.

Incoming ones stand under their senders' names (docs/decisions/0023); settled events are signed with a list. An earlier
secret of the same sender stays valid until it is dropped, so that nothing is refused while the sender changes.
"""

import re
import secrets
from base64 import b64encode
from collections.abc import Callable
from typing import Any

from cli.outcome import Exit, Outcome, TroubleError
from cli.secret_documents import Document
from cli.target import Stack
from cli.text import Copied, Words
from cli.where import Where
from feee_cancel.adapters.senders import MAX_SECRETS, NAME

_BYTES = 32
_WHEN = (
    "It is valid within five minutes (within ten seconds if there was none). It isn't shown again: give it to the "
    "sender now."
)
_WHEN_OUTGOING = (
    "Settled events are signed with it within five minutes. It isn't shown again: give it to the receiver now."
)
_NO_NAME = "The webhook's senders have names ({names}). Give one:"
_NAMELESS = (
    "The webhook's secret holds a list, which is one sender without a name, so none with a name can stand beside it. "
    "Leave the name out for another secret of that sender, or put the list under a name first: "
    '{{"secrets": {{"<name>": [...]}}}}. Nothing was changed.'
)


def made() -> str:
    """A fresh secret, as Standard Webhooks writes one."""
    return f"whsec_{b64encode(secrets.token_bytes(_BYTES)).decode()}"


def set_webhook_secret(
    stack: Stack, sender: str | None, *, outgoing: bool, drop_old: bool, make: Callable[[], str] = made
) -> Outcome:
    """Make a secret of this sender, or, with `drop_old`, keep its newest alone. Raises TroubleError."""
    if fault := _fault(sender, outgoing=outgoing):
        return Outcome(Exit.USAGE, {"detail": fault}, fault)
    document = Document(stack.client("secretsmanager"), _arn(stack, outgoing=outgoing))
    held = document.read()
    others = _entries(held, sender, stack.where)
    earlier = others.pop(sender, [])
    if drop_old:
        kept, secret = earlier[:1], None
        if not kept:
            raise TroubleError("There is no such secret, so no old one either. Nothing was changed.")
    else:
        secret = make()
        kept = [secret, *earlier]
    count = len(kept) + sum(map(len, others.values()))
    if count > MAX_SECRETS and secret:
        raise TroubleError(f"There are {MAX_SECRETS} secrets already: drop old ones (--drop-old). Nothing was changed.")
    document.write({**held, "secrets": kept if sender is None else {**others, sender: _plain(kept)}})
    again = stack.where.command("set-webhook-secret", "--drop-old", *["--outgoing"] * outgoing, *_named(sender))
    words = _words(secret, len(earlier), again, outgoing=outgoing)
    shown = {"secret": secret} if secret else {}
    return Outcome(Exit.DONE, {"sender": sender, "valid": len(kept), **shown}, words)


def _fault(sender: str | None, *, outgoing: bool) -> str | None:
    if outgoing and sender is not None:
        return "Settled events have one receiver, so their secrets have no name: leave it out."
    if sender is not None and not re.fullmatch(NAME, sender):
        return "A sender's name has 1 to 24 letters, digits, - and _."
    return None


def _arn(stack: Stack, *, outgoing: bool) -> str:
    if outgoing and "SettledSecretArn" not in stack.outputs:
        raise TroubleError("This stack posts no settled events: its parameter SettledWebhookUrl is empty.")
    return stack.output("SettledSecretArn" if outgoing else "WebhookSecretArn")


def _named(sender: str | None) -> list[str]:
    """The sender as an argument; its name may begin like an option."""
    return [] if sender is None else ["--", sender] if sender.startswith("-") else [sender]


def _entries(held: dict[str, Any], sender: str | None, where: Where) -> dict[str | None, list[str]]:
    """The secrets by sender. Raises TroubleError if this sender can't stand among them."""
    found = held.get("secrets", [])
    if isinstance(found, dict):
        if sender is None and found:
            first = next((name for name in found if re.fullmatch(NAME, name)), "NAME")
            command = Copied(where.command("set-webhook-secret", *_named(first)))
            raise TroubleError([_NO_NAME.format(names=", ".join(found)), command])
        return {name: _list(secret) for name, secret in found.items()}
    if sender is not None and found:
        raise TroubleError(_NAMELESS.format())
    return {sender: _list(found)}


def _list(given: Any) -> list[str]:
    return given if isinstance(given, list) else [given]


def _plain(kept: list[str]) -> str | list[str]:
    return kept[0] if len(kept) == 1 else kept


def _words(secret: str | None, earlier: int, again: str, *, outgoing: bool) -> Words:
    if secret is None:
        return f"{earlier - 1} dropped. Within five minutes only the newest is valid."
    lines = [Copied(secret), "", _WHEN_OUTGOING if outgoing else _WHEN]
    if earlier:
        still = "1 earlier secret is still valid" if earlier == 1 else f"{earlier} earlier secrets are still valid"
        lines += [f"{still}. Once the new one is in use, drop {'it' if earlier == 1 else 'them'}:", Copied(again)]
    return lines
