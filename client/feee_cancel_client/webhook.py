"""Signing webhooks as Standard Webhooks' senders do."""

import hashlib
import hmac
import time
from base64 import b64decode, b64encode
from uuid import uuid4


def signed(body: str, *, secret: str, message: str | None = None, at: float | None = None) -> dict[str, str]:
    """The headers of a message; `at` is in unix seconds.

    `secret` is base64, with or without `whsec_` before it. `message` is the message's id: the same when it is sent
    again. A signature is good for five minutes.
    """
    message = message or f"msg_{uuid4().hex}"
    sent_at = int(time.time() if at is None else at)
    key = b64decode(secret.removeprefix("whsec_"))
    digest = hmac.digest(key, f"{message}.{sent_at}.{body}".encode(), hashlib.sha256)
    return {
        "webhook-id": message,
        "webhook-timestamp": str(sent_at),
        "webhook-signature": f"v1,{b64encode(digest).decode()}",
    }
