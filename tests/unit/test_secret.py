"""The key: kept for a while, read again on demand, never in a message."""

import json
import traceback
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from standardwebhooks import Webhook

from feee_cancel.adapters.secret import SecretKey
from feee_cancel.adapters.senders import SenderSecret
from feee_cancel.usecases.errors import SecretUnavailableError

KEY = "8a63d52f-1dcd-4c5e-9e3d-1f0b8f3ea2d4"


class FakeSecrets:
    """Secrets Manager's client, as far as it is used."""

    def __init__(self, *values: str | Exception) -> None:
        self.values = list(values)
        self.reads = 0

    def get_secret_value(self, SecretId: str) -> dict[str, Any]:  # noqa: N803 - boto3's name
        assert SecretId == "feee-key"
        self.reads += 1
        value = self.values.pop(0)
        if isinstance(value, Exception):
            raise value
        return {"SecretString": value}


def key(secrets: FakeSecrets) -> SecretKey:
    return SecretKey(secrets, "feee-key")  # type: ignore[arg-type] # a fake of the client


def test_the_key_is_read_once_and_afresh_on_demand() -> None:
    secrets = FakeSecrets(f'{{"key": "{KEY}"}}', '{"key": "another-key"}')
    source = key(secrets)
    assert [source(), source(), source(refresh=True), source()] == [KEY, KEY, "another-key", "another-key"]
    assert secrets.reads == 2


def test_a_key_that_was_just_set_is_taken_up_at_once() -> None:
    secrets = FakeSecrets('{"key": ""}', '{"key": ""}', f'{{"key": "{KEY}"}}')
    source = key(secrets)
    with pytest.raises(SecretUnavailableError):
        source()
    assert (source(), source(), secrets.reads) == (KEY, KEY, 3)


def test_the_key_is_read_again_after_five_minutes_and_when_the_clock_was_set_back() -> None:
    secrets = FakeSecrets(*[f'{{"key": "{KEY}-{count}"}}' for count in range(3)])
    clock = [0.0]
    source = SecretKey(secrets, "feee-key", now=lambda: clock[0])  # type: ignore[arg-type] # a fake of the client

    def at(seconds: float) -> str:
        clock[0] = seconds
        return source()[-1]

    assert [at(seconds) for seconds in (1_000, 1_299.9, 1_300, 1_200)] == ["0", "0", "1", "2"]


@pytest.mark.parametrize(
    "value",
    ["", "{}", "[]", KEY, '"text"', '{"key": ""}', '{"key": null}', '{"key": 12345678}', '{"key": "short"}']
    + [
        f'{{"key": "{bad}"}}'
        for bad in ("with space", "with\\nline", 'quote\\"quote', "back\\\\slash", "schlüssel", "x" * 257)
    ],
)
def test_a_secret_without_a_usable_key_says_how_to_set_it_and_not_what_it_holds(value: str) -> None:
    with pytest.raises(SecretUnavailableError) as caught:
        key(FakeSecrets(value, value))()
    message = str(caught.value)
    assert "aws secretsmanager put-secret-value --secret-id feee-key --secret-string file://" in message
    told = "".join(traceback.format_exception(caught.value))
    assert not value or len(value) < 4 or value not in told


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (
            ClientError({"Error": {"Code": "AccessDeniedException", "Message": "User: arn:secret-role"}}, "Get"),
            "AccessDeniedException",
        ),
        (EndpointConnectionError(endpoint_url="https://x"), "EndpointConnectionError"),
    ],
)
def test_a_secret_that_cannot_be_read_is_named_with_awss_code_alone(error: Exception, code: str) -> None:
    with pytest.raises(SecretUnavailableError, match=f"feee-key can.t be read: {code}$"):
        key(FakeSecrets(error))()


def test_what_is_sent_is_signed_with_each_secret_that_is_valid_now() -> None:
    first, second = (f"whsec_{b64encode(bytes([number]) * 32).decode()}" for number in (1, 2))
    secrets = FakeSecrets(json.dumps({"secrets": [first, second]}))
    senders = SenderSecret(secrets, "feee-key")()  # type: ignore[arg-type] # a fake of the client
    now = datetime.now(UTC)
    expected = [Webhook(one).sign("msg", now, "{}") for one in (first, second)]
    assert [sender.webhook.sign("msg", now, "{}") for sender in senders] == expected
