"""The client package: what it sends, and what it makes of answers."""

from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from feee_cancel_client import signed

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.mark.parametrize("secret", [SECRET, SECRET.removeprefix("whsec_")])
def test_a_webhook_is_signed_as_by_the_reference_library(secret: str) -> None:
    at = datetime(2026, 12, 24, 22, tzinfo=UTC)
    headers = signed("{}", secret=secret, message="msg_1", at=at.timestamp())
    assert headers == {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign("msg_1", at, "{}"),
    }


def test_each_webhook_has_an_id_of_its_own_and_is_signed_now() -> None:
    one, other = signed("{}", secret=SECRET), signed("{}", secret=SECRET)
    assert one["webhook-id"] != other["webhook-id"]
    assert Webhook(SECRET).verify("{}", one) == {}
