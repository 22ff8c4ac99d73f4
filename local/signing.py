"""Signing webhooks as a sender does, with the secret of this process's own stack."""

import secrets
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import feee_cancel_client

SECRET = f"whsec_{b64encode(secrets.token_bytes(32)).decode()}"
"""That of this process's own stack, set as a user would set one."""


def signed(body: str, *, secret: str = SECRET, message: str | None = None, at: float | None = None) -> dict[str, str]:
    """The headers of a message; `at` is in unix seconds."""
    return feee_cancel_client.signed(body, secret=secret, message=message, at=at)


def signed_now(event: Mapping[str, Any], *, secret: str = SECRET) -> dict[str, Any]:
    """A sample event of API Gateway, signed now: a signature is good for five minutes."""
    headers = signed(event["body"], secret=secret, message=event["headers"]["webhook-id"])
    multiple = {name: [value] for name, value in headers.items()}
    return {
        **event,
        "headers": event["headers"] | headers,
        "multiValueHeaders": event["multiValueHeaders"] | multiple,
    }
