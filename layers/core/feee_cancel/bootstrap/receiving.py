"""Wires the webhook, which knows nothing of feee.io's key."""

import os
from collections.abc import Mapping

from feee_cancel.adapters.settings import Settings
from feee_cancel.adapters.signatures import Verifier
from feee_cancel.bootstrap.aws import wire
from feee_cancel.usecases.receiver import Receiver

__all__ = ["Receiver", "bootstrap"]


def bootstrap(environ: Mapping[str, str] = os.environ) -> Receiver:
    """Wire the receiver from its settings. Raises SettingError."""
    settings = Settings(environ)
    wiring = wire(settings)
    verified = Verifier(wiring.client("secretsmanager"), settings.text("WEBHOOK_SECRET_ARN"))
    return Receiver(intake=wiring.intake, verified=verified, published=wiring.telemetry.published)
