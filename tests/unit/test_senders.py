"""What the reference libraries sign is accepted: vectors that they made, each with its name and version.

The signatures of the messages below were made once by each library's own signer, for the same secret with and without
its prefix; all of them agree. Python's library also signs in every other test.
"""

import json
from typing import Any

import pytest

from feee_cancel.adapters.signatures import Verifier
from tests.fakes import Clock
from tests.unit.test_webhook import HeldSecret

LIBRARIES = (
    "standardwebhooks 1.1.1 (npm)",
    "svix 1.99.1 (npm), under the standard's names of the headers",
    "standardwebhooks 1.1.0 (PyPI)",
    "svix 2.9.1 (PyPI), under the standard's names of the headers",
)
SECRET = "whsec_bG9jYWwtd2ViaG9vay1zZWNyZXQtb2YtMzItYnl0ZXM="
SIGNED = (
    (
        "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W",
        1724319451,
        '{"order_no":"2408228772142551040100","reason":"unfilled"}',
        "v1,GiDyvC3f4d0WX6T1w1Uy7eotiBr0TQiQowWTsz0xif8=",
    ),
    (
        "evt-1_u",
        1724319452,
        '{"order_no": "2408228772142551040100", "reason": "退款 🙂"}',
        "v1,uRNjEhPInLbzuqDRwdyxnHSQj2T5C3w8Q/i3avtTzmo=",
    ),
)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("secret", [SECRET, SECRET.removeprefix("whsec_")])
@pytest.mark.parametrize(("message", "at", "body", "signature"), SIGNED)
def test_what_a_reference_library_signed_is_accepted(
    library: str, secret: str, message: str, at: int, body: str, signature: str
) -> None:
    held: Any = HeldSecret(json.dumps({"secrets": {"shop": secret}}))
    headers = {"webhook-id": [message], "webhook-timestamp": [str(at)], "webhook-signature": [signature]}
    found = Verifier(held, "webhook-secret", Clock(at + 5))(headers, body.encode())
    assert (found.sender, found.id, found.sent_at) == ("shop", message, at), library
