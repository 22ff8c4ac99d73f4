"""Wires the webhook: it takes signed requests down and wakes the drain, and knows nothing of feee.io's key."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from standardwebhooks import Webhook

from feee_cancel.adapters.settings import Settings
from feee_cancel.adapters.telemetry import Handler
from feee_cancel.adapters.webhook import WebhookSecrets, message_id
from feee_cancel.bootstrap.aws import wire
from feee_cancel.domain.cancellation import Cancellation
from feee_cancel.domain.request import CancellationRequest, InvalidRequestError
from feee_cancel.usecases.enqueue import deduplicate, enqueue, wake_for
from feee_cancel.usecases.ports import Intake

_MAX_BODY = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """What the webhook's function calls. `secrets` gives those that are valid now.

    `published` wraps a handler, so that its metrics are written.
    """

    intake: Intake
    secrets: Callable[[], Sequence[Webhook]]
    published: Callable[[Handler], Handler]

    def receive(self, headers: Mapping[str, Sequence[str]], body: bytes) -> Cancellation | None:
        """Take a signed request document down for the drain; a redelivery changes nothing.

        Returns the row as it now stands, None where it is gone. Raises NotSignedError, InvalidRequestError,
        SecretUnavailableError and TableUnavailableError; then nothing was accepted.
        """
        message = f"webhook:{message_id(headers, body, self.secrets())}"
        asked = CancellationRequest.parse(_json(body), now=self.intake.now())

        def _enqueue() -> Cancellation:
            row = enqueue(asked, self.intake, requested_by=message)
            wake_for([row], self.intake)
            return row

        return deduplicate(message, self.intake, _enqueue) or self.intake.cancellations.find(asked.order_no)


def _json(body: bytes) -> object:
    if len(body) > _MAX_BODY:
        raise InvalidRequestError("", f"must have at most {_MAX_BODY} bytes")
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidRequestError("", "must be a JSON document") from None


def bootstrap(environ: Mapping[str, str] = os.environ) -> Receiver:
    """Wire the receiver from its settings. Raises SettingError."""
    settings = Settings(environ)
    wiring = wire(settings)
    secrets = WebhookSecrets(wiring.client("secretsmanager"), settings.text("WEBHOOK_SECRET_ARN"))
    return Receiver(intake=wiring.intake, secrets=secrets, published=wiring.telemetry.published)
