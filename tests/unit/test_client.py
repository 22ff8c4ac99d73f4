"""The client package: what it sends, and what it makes of answers."""

import base64
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.credentials import Credentials
from standardwebhooks import Webhook

from feee_cancel_client import ApiClient, ForeignAnswerError, signed
from feee_cancel_client.aws import Clients, at_emulator

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


SAME_LETTERS = f"whsec_{base64.b64encode(base64.b64decode('whse' * 8)).decode()}"
KEYS = Credentials("AKIDEXAMPLE", "secret", "token")


@pytest.mark.parametrize("secret", [SECRET, SECRET.removeprefix("whsec_"), SAME_LETTERS])
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


class Http:
    """Answers each request with this body, and keeps it."""

    def __init__(self, body: bytes = b"{}") -> None:
        self.body, self.sent = body, list[Any]()

    def send(self, request: Any) -> Any:
        self.sent.append(request)
        return SimpleNamespace(status_code=200, headers={}, content=self.body)

    def close(self) -> None:
        """Nothing is open."""


def reached(http: Http) -> ApiClient:
    api = ApiClient("https://api.example/v1", KEYS, "eu-west-1")
    api.close()
    vars(api)["_http"] = http
    return api


def test_a_request_is_signed_by_its_caller_by_another_or_by_nobody() -> None:
    http = Http()
    api = reached(http)
    for given in ({}, {"credentials": Credentials("OTHER", "secret")}, {"credentials": None}):
        api.call("GET", "/cancellations", **given)
    mine, others, nobodys = (request.headers for request in http.sent)
    assert "Credential=AKIDEXAMPLE/" in mine["Authorization"]
    assert mine["X-Amz-Security-Token"] == "token"
    assert "Credential=OTHER/" in others["Authorization"]
    assert "Authorization" not in nobodys


def test_what_has_no_body_names_no_type_of_one() -> None:
    http = Http()
    api = reached(http)
    api.get("1")
    api.cancel("1")
    api.call("POST", "/cancellations", b"{}", content_type=None)
    assert ["Content-Type" in request.headers for request in http.sent] == [False, True, False]


@pytest.mark.parametrize("body", [b'{"a": NaN}', b'{"a": -Infinity}', b"[]", b"<html>", b"[" * 100_000])
def test_what_is_no_json_object_is_no_answer(body: bytes) -> None:
    with pytest.raises(ForeignAnswerError, match="HTTP status 200, and no JSON object"):
        reached(Http(body)).get("1")


def test_a_proxys_password_is_in_no_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://me:hidden@proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    with pytest.raises(ForeignAnswerError, match=r"through the proxy http://.*proxy\.example:3128") as caught:
        reached(Http(b"<html>")).get("1")
    assert "hidden" not in str(caught.value)


def test_the_emulators_clients_pass_by_the_users_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    with at_emulator("http://127.0.0.1:1", KEYS, "us-east-1") as client:
        config = client("sqs").meta.config
    assert config.proxies == {}


def test_a_client_is_made_once_for_each_service_and_closed_at_the_end() -> None:
    closed: list[str] = []
    with Clients(lambda service: SimpleNamespace(name=service, close=lambda: closed.append(service))) as clients:
        assert clients("sqs") is clients("sqs")
        assert clients("logs").name == "logs"
    assert closed == ["sqs", "logs"]
