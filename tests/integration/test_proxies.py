"""The API's client behind a company's proxy: as botocore is, with the same variables."""

import json
import re
import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import boto3
import pytest
from botocore.credentials import Credentials
from botocore.exceptions import HTTPClientError
from botocore.session import get_session

from cli.target import client_of, session_of
from cli.trouble import said
from feee_cancel_client import ApiClient, ForeignAnswerError, NoAnswerError
from tests.proxy import Proxy, dead_port, proxy

HOST = "a1.execute-api.us-east-1.amazonaws.com"
URL = f"https://{HOST}/v1"
ROW = {"order_no": "1", "state": "waiting"}
NAMES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def no_proxy_of_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*NAMES, *map(str.lower, NAMES), "AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Proxy]:
    with proxy(tmp_path, HOST, json.dumps(ROW).encode()) as there:
        yield there


def client(url: str = URL, *, ca_bundle: str | None = None) -> ApiClient:
    return ApiClient(url, Credentials("AKID", "secret"), "us-east-1", ca_bundle=ca_bundle)


def session() -> boto3.Session:
    return session_of(get_session(), profile=None, region="us-east-1")


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy"])
@pytest.mark.parametrize("bundle", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
def test_the_api_is_reached_through_it(company: Proxy, monkeypatch: pytest.MonkeyPatch, name: str, bundle: str) -> None:
    monkeypatch.setenv(name, company.url)
    monkeypatch.setenv(bundle, company.authority)
    with client() as api:
        assert api.get("1").body == ROW
        assert api.cancel("1").body == ROW
    assert set(company.asked) == {f"{HOST}:443"}
    assert {headers["Host"] for headers in company.headers} == {HOST}
    assert all(headers["Authorization"].startswith("AWS4-HMAC-SHA256") for headers in company.headers)


def test_a_profiles_authorities_count_too(company: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", company.url.removeprefix("http://"))
    with client(ca_bundle=company.authority) as api:
        assert api.get("1").body == ROW


def test_plain_http_goes_through_the_other_one(company: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", company.url)
    with client("http://api.example/v1") as api:
        assert api.get("1").body == ROW
    assert company.asked == ["http://api.example/v1/cancellations/1"]


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}/v1", "http://a1.execute-api.localhost:{port}/v1"])
def test_this_machines_own_api_needs_no_proxy(company: Proxy, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("HTTP_PROXY", company.url)
    with client(url.format(port=dead_port())) as api, pytest.raises(NoAnswerError) as caught:
        api.get("1")
    assert ("proxy" in str(caught.value), company.asked) == (False, [])


def test_what_no_proxy_names_goes_past_it(company: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", company.url)
    monkeypatch.setenv("NO_PROXY", ".invalid")
    with client(f"https://api.invalid:{dead_port()}/v1") as api, pytest.raises(NoAnswerError):
        api.get("1")
    assert company.asked == []


def test_a_proxy_that_isnt_there_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch, company: Proxy) -> None:
    dead = f"127.0.0.1:{dead_port()}"
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:secret@{dead}")
    with client() as api, pytest.raises(NoAnswerError) as caught:
        api.get("1")
    told = said(caught.value)
    assert dead in told
    assert "HTTPS_PROXY" in told
    assert "me:secret" not in told


@pytest.mark.parametrize(
    "address", ["http://me:secret@h:99999", "http://me:sec#ret@127.0.0.1:9", "http://me:secret@[::1", "me:sec/@h:x"]
)
def test_an_address_that_is_none_keeps_its_password(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", address)
    with client() as api, pytest.raises(NoAnswerError) as caught:
        api.get("1")
    assert "HTTPS_PROXY" in said(caught.value)
    assert "sec" not in said(caught.value)
    with pytest.raises(HTTPClientError) as raised:
        client_of(session(), "sts").get_caller_identity()
    assert "HTTPS_PROXY" in said(raised.value)
    assert "sec" not in said(raised.value)


@pytest.mark.parametrize("token", ["the-token\n", "\nthe-token", "the\rtoken", "the-token\n\n"])
def test_a_token_that_no_header_holds_is_shown_nowhere(monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", token)
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        with ApiClient(url, Credentials("AKID", "secret", token), "us-east-1") as api:
            for call in (partial(api.get, "1"), client_of(session(), "sts").get_caller_identity):
                with pytest.raises((NoAnswerError, HTTPClientError)) as raised:
                    call()
                assert "credentials" in said(raised.value)
                assert "thetoken" not in re.sub(r"\W", "", said(raised.value))


@pytest.mark.parametrize("status", [403, 407, 502])
def test_a_proxy_that_refuses_is_named(company: Proxy, monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    monkeypatch.setenv("HTTPS_PROXY", company.url)
    company.refuses = status
    with client() as api, pytest.raises(NoAnswerError) as caught:
        api.get("1")
    assert company.url in said(caught.value)
    assert str(status) in said(caught.value)


def test_a_certificate_of_the_company_is_asked_for(company: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", company.url)
    with client() as api, pytest.raises(NoAnswerError) as caught:
        api.get("1")
    told = said(caught.value)
    assert "AWS_CA_BUNDLE" in told
    assert company.url in told


def test_a_proxys_own_page_is_told_with_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with proxy(tmp_path, HOST, b"<html>Sign in</html>") as there:
        monkeypatch.setenv("HTTP_PROXY", there.url)
        with client("http://api.example/v1") as api, pytest.raises(ForeignAnswerError, match=there.url):
            api.get("1")
