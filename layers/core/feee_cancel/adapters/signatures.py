"""Signatures of webhooks (Standard Webhooks), verified by that library over the raw body.

What the library reads generously is refused here, so that there is one way to write a signed request: one value for
each header, plain digits for the time, canonical base64 for the signature.
"""

import binascii
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from standardwebhooks import Webhook, WebhookVerificationError

from feee_cancel.adapters.secret import Secret
from feee_cancel.usecases.ports import NotSignedError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

_HEADERS = {
    "webhook-id": re.compile(r"[!-\-/-~]{1,256}"),  # no period: it ends the id in what is signed
    "webhook-timestamp": re.compile(r"[1-9][0-9]{0,11}"),
    # 32 bytes of HMAC in base64, or another version's signature, which the library passes over.
    "webhook-signature": re.compile(r"(?:(?:v1,[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=|v(?!1,)\w{1,8},[^ ,]*)(?: |$))+"),
}
_MIN_SECRET_BYTES = 24
_MAX_SECRETS = 10


class Verifier:
    """Verifies by the secrets that are valid now: `{"secrets": ["whsec_...", ...]}`, several during a replacement."""

    def __init__(self, client: "SecretsManagerClient", name: str) -> None:
        self._secret = Secret(client, name, '{"secrets": ["whsec_<base64>"]}')

    def __call__(self, headers: Mapping[str, Sequence[str]], body: bytes) -> str:
        """The id of a message that one of the secrets signed at most five minutes ago.

        Raises NotSignedError, and SecretUnavailableError if there is no secret.
        """
        return message_id(headers, body, self._secret.usable(_verifiers))


class Signers:
    """What is sent is signed with each secret that is valid now: in the form of the verifier's."""

    def __init__(self, client: "SecretsManagerClient", name: str) -> None:
        self._secret = Secret(client, name, '{"secrets": ["whsec_<base64>"]}')

    def __call__(self) -> list[Webhook]:
        """A signer for each. Raises SecretUnavailableError if there is none."""
        return self._secret.usable(_verifiers)


def message_id(headers: Mapping[str, Sequence[str]], body: bytes, webhooks: Sequence[Webhook]) -> str:
    """The id of a message that one of these signed at most five minutes ago. Raises NotSignedError."""
    signed = {name: _only(headers, name) for name in _HEADERS}
    if not any(_verifies(webhook, body, signed) for webhook in webhooks):
        raise NotSignedError
    return signed["webhook-id"]


def _only(headers: Mapping[str, Sequence[str]], name: str) -> str:
    """The header's one value, whatever the case of its name."""
    values = [value for other, given in headers.items() if other.lower() == name for value in given]
    if len(values) != 1 or not _HEADERS[name].fullmatch(values[0]):
        raise NotSignedError
    return values[0]


def _verifies(webhook: Webhook, body: bytes, headers: dict[str, str]) -> bool:
    try:
        webhook.verify(body, headers, json_parse=False)
    except (WebhookVerificationError, ValueError):  # ValueError: not UTF-8, or no base64
        return False
    return True


def _verifiers(document: dict[str, Any]) -> list[Webhook]:
    values = document.get("secrets")
    found = (_verifier(value) for value in (values if isinstance(values, list) else []))
    return [webhook for webhook in found if webhook][:_MAX_SECRETS]


def _verifier(secret: object) -> Webhook | None:
    """None where it isn't one: base64 of at least 24 bytes, as the specification has it."""
    if not isinstance(secret, str):
        return None
    encoded = secret.removeprefix("whsec_")
    try:
        key = binascii.a2b_base64(encoded + "=" * (-len(encoded) % 4), strict_mode=True)
    except ValueError:
        return None
    return Webhook(key) if len(key) >= _MIN_SECRET_BYTES else None
