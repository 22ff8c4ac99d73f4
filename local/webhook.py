"""Signing webhooks as a sender does, with the library's own signer."""

import secrets
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from standardwebhooks import Webhook

SECRET = f"whsec_{b64encode(secrets.token_bytes(32)).decode()}"
"""That of this process's own stack, set as a user would set one."""


def signed(body: str, *, secret: str = SECRET, message: str | None = None, at: float | None = None) -> dict[str, str]:
    """The headers of a message; `at` is in unix seconds."""
    message = message or f"msg_{uuid4().hex}"
    time = datetime.fromtimestamp(at, UTC) if at is not None else datetime.now(UTC)
    return {
        "webhook-id": message,
        "webhook-timestamp": str(int(time.timestamp())),
        "webhook-signature": Webhook(secret).sign(message, time, body),
    }


def signed_afresh(event: Mapping[str, Any], *, secret: str = SECRET) -> dict[str, Any]:
    """A sample event of API Gateway, signed now: a signature is good for five minutes."""
    headers = signed(event["body"], secret=secret, message=event["headers"]["webhook-id"])
    multiple = {name: [value] for name, value in headers.items()}
    return {
        **event,
        "headers": event["headers"] | headers,
        "multiValueHeaders": event["multiValueHeaders"] | multiple,
    }
