"""Where the clients' credentials come from."""

from pathlib import Path

import boto3
import pytest

from feee_cancel.bootstrap.session import clients

VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
FROM_FILE = ("from-file", "secret-of-file", "token-of-file")
FROM_ENVIRONMENT = ("from-environment", "secret-of-environment", "token-of-environment")


@pytest.fixture(autouse=True)
def shared_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    written = tmp_path / "credentials"
    names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    lines = [f"{name} = {value}" for name, value in zip(names, FROM_FILE, strict=True)]
    written.write_text("\n".join(["[default]", *lines]))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(written))


def used() -> tuple[str, ...]:
    """What a client of the functions signs with."""
    return tuple(clients()("dynamodb")._request_signer._credentials.get_frozen_credentials())[:3]


def test_they_are_those_that_lambda_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in zip(VARIABLES, FROM_ENVIRONMENT, strict=True):
        monkeypatch.setenv(name, value)
    assert used() == FROM_ENVIRONMENT


def test_without_them_they_are_found_as_boto3_finds_them() -> None:
    found = boto3.Session().get_credentials()
    assert found
    assert used() == FROM_FILE == tuple(found.get_frozen_credentials())[:3]
