"""Signatures of webhooks, verified over the raw body as Standard Webhooks has it (docs/decisions/0023).

There is one way to write a signed request: one value for each header, plain digits for the time, canonical base64 for
the signature. A header of any other form is refused before the secret is read, and before anything is hashed.
"""

import hmac
import math
import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from feee_cancel.adapters.senders import Sender, SenderSecret
from feee_cancel.usecases.errors import NotSignedError, SecretUnavailableError
from feee_cancel.usecases.receiver import SignedMessage

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

TOLERANCE_SECONDS = 300
FAILURE_SECONDS = 10
"""How long a secret that can't be used is left alone: unsigned requests mustn't have it read again and again."""

_ID = re.compile(r"[!-\-/-~]{1,256}")  # no period: it ends the id in what is signed
_TIMESTAMP = re.compile(r"[1-9][0-9]{0,11}")
_HMAC = re.compile(r"v1,[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=")
_OTHER = re.compile(r"v(?!1,)\w{1,8},[^ ,]*")
"""A signature of another version, such as the asymmetric `v1a`; it is ignored."""


class Verifier:
    """Verifies by the secrets that are valid now, at most five minutes old."""

    def __init__(self, client: "SecretsManagerClient", name: str, now: Callable[[], float] = time.time) -> None:
        self._senders_now = SenderSecret(client, name, now)
        self._now = now
        self._failed_at = -math.inf

    def __call__(self, headers: Mapping[str, Sequence[str]], body: bytes) -> SignedMessage:
        """The message that a sender's secret signed, at most five minutes ago or ahead.

        `headers` have their names in lower case. Raises NotSignedError, and SecretUnavailableError if no secret can be
        used.
        """
        signed = _Signed(headers, body, self._now())
        return signed.verified(self._senders())

    def _senders(self) -> list[Sender]:
        if 0 <= self._now() - self._failed_at < FAILURE_SECONDS:
            raise SecretUnavailableError("the webhook's secret couldn't be used some seconds ago")
        try:
            return self._senders_now()
        except SecretUnavailableError:
            self._failed_at = self._now()
            raise


class _Signed:
    """What a request says of its signature, well-formed and of the last five minutes. Raises NotSignedError."""

    def __init__(self, headers: Mapping[str, Sequence[str]], body: bytes, now: float) -> None:
        self._id = _only(headers, "webhook-id", _ID)
        self._sent_at = int(_only(headers, "webhook-timestamp", _TIMESTAMP))
        self._signatures = _signatures(_only(headers, "webhook-signature", re.compile(r"[ -~]{1,4096}")))
        if abs(now - self._sent_at) > TOLERANCE_SECONDS:
            raise NotSignedError
        try:
            self._body = body.decode()
        except ValueError:
            raise NotSignedError from None

    def verified(self, senders: Sequence[Sender]) -> SignedMessage:
        """The message, by the first sender whose secret signed it. Raises NotSignedError."""
        for sender in senders:
            expected = sender.webhook.sign(self._id, datetime.fromtimestamp(self._sent_at, UTC), self._body)
            if any(hmac.compare_digest(expected, signature) for signature in self._signatures):
                return SignedMessage(sender=sender.name, id=self._id, sent_at=self._sent_at)
        raise NotSignedError


def _only(headers: Mapping[str, Sequence[str]], name: str, form: re.Pattern[str]) -> str:
    """The header's one value."""
    values = headers.get(name, ())
    if len(values) != 1 or not form.fullmatch(values[0]):
        raise NotSignedError
    return values[0]


def _signatures(header: str) -> list[str]:
    """The signatures made with a shared secret. Several blanks may separate two."""
    found = [signature for signature in header.split(" ") if signature]
    if not all(_HMAC.fullmatch(signature) or _OTHER.fullmatch(signature) for signature in found):
        raise NotSignedError
    return [signature for signature in found if _HMAC.fullmatch(signature)]
