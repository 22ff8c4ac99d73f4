"""The command line: what is understood, where the stack is looked for, and what is said when it can't be."""

import json
import os
from argparse import ArgumentTypeError
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import pytest
from botocore.exceptions import (
    BotoCoreError,
    CredentialRetrievalError,
    EndpointConnectionError,
    HTTPClientError,
    InvalidRegionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    ProxyConnectionError,
    SSLError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)
from botocore.parsers import ResponseParserError

from cli.__main__ import main
from cli.arguments import moment
from cli.outcome import Exit, TroubleError
from cli.target import local
from cli.trouble import said
from feee_cancel_client.running import FILE, Running, read
from tests.cli import NOW, client_error, stack, unreachable


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1800120800", 1_800_120_800),
        ("+30m", int(NOW) + 1_800),
        ("+2d", int(NOW) + 172_800),
        ("2027-01-24T22:00+08:00", int(datetime(2027, 1, 24, 14, tzinfo=UTC).timestamp())),
        ("2027-01-24T22:00", int(datetime(2027, 1, 24, 22).timestamp())),  # noqa: DTZ001 - this machine's zone
        ("20270124", int(datetime(2027, 1, 24).timestamp())),  # noqa: DTZ001 - this machine's zone
        ("20270124T220000Z", int(datetime(2027, 1, 24, 22, tzinfo=UTC).timestamp())),
        ("2027-01-15T07:59:30Z", int(NOW) - 30),
    ],
)
def test_a_time_is_understood(text: str, expected: int) -> None:
    assert moment(text, now=NOW) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", "soon", "-5", "+5", "+5y", "²", "2026-13-01", "2027-01-24+08:00", "2027-01-24-08:00", "20270124+0800",
        "20270124-08", "2027-01-24Z", "2027-01-24X22:00", "20270124_2200", "2027-01-24012", "2027-W03-7+08", "1e9",
        "1800120800.0", "2027-01-24T22:00:60", "2027-024", "2027-01", "+1.5h", " +1h", "1 800 120 800", "\uff12027",
    ],
)  # fmt: skip
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="isn't a time"):
        moment(text, now=NOW)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "are required: COMMAND"),
        ("cancel", "one of the arguments ORDER_NO --file is required"),
        ("cancel 1 --file x", "not allowed with argument"),
        ("list --state open", "--state: invalid choice"),
        ("list --limit 0", "isn't a whole number from 1"),
        ("list --limit 1000001", "isn't a whole number from 1 to 1000000"),
        ("list --limit ²", "isn't a whole number from 1"),
        ("redrive Other", "QUEUE: invalid choice"),
        ("watch 1 --timeout x", "isn't a whole number from 1"),
        ("doctor --and-cancel", "--and-cancel: only with --learn"),
        ("doctor --and-cancel --yes", "--and-cancel: only with --learn"),
        ("doctor --file x.json", "--file: only with --learn"),
        ("doctor --yes", "--yes: only with --learn"),
        ("cancel 1 2 --column x", "--column: only with --file"),
    ],
)
def test_a_wrong_command_line_ends_with_2(line: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(line.split())
    assert ended.value.code == Exit.USAGE
    said = capsys.readouterr().err
    assert said.startswith("usage: feee-cancel")
    assert words in said


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (NoCredentialsError(), "There are no AWS credentials. Set AWS_ACCESS_KEY_ID"),
        (NoRegionError(), "No AWS region is set. Give --region"),
        (ProfileNotFound(profile="nope"), "profile (nope) could not be found. Choose another"),
        (UnauthorizedSSOTokenError(), "aws sso login"),
        (TokenRetrievalError(provider="sso", error_msg="expired"), "aws sso login"),
        (PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"), "the AWS credentials is missing."),
        (CredentialRetrievalError(provider="process", error_msg="it ended with 1"), "fix these in ~/.aws/config."),
        (InvalidRegionError(region_name="Ireland"), "Give a region of AWS"),
        (ProxyConnectionError(proxy_url="http://proxy"), "HTTPS_PROXY"),
        (SSLError(endpoint_url="https://x", error=OSError("self-signed certificate")), "AWS_CA_BUNDLE"),
        (ResponseParserError("no XML"), "no XML. What answered isn't AWS."),
        (client_error("ExpiredToken"), "have expired. Sign in again."),
        (client_error("UnrecognizedClientException"), "Are they mistyped, expired"),
        (
            client_error("AccessDenied", "not authorized to perform: sqs:ReceiveMessage"),
            "sqs:ReceiveMessage. These cred",
        ),
        (client_error("Strange", "Odd."), "Odd"),
        (client_error("503", "Odd."), "What answered isn't AWS."),
        (client_error("", "Odd."), "What answered isn't AWS."),
        (EndpointConnectionError(endpoint_url="https://x"), "https://x"),
        (BotoCoreError(), "unspecified"),
        (unreachable(), "The API can't be reached."),
        (HTTPClientError(error=ValueError("Invalid header value")), "blanks or line ends?"),
        (TroubleError("The stack has none."), "The stack has none."),
    ],
)
def test_trouble_is_said_with_what_fixes_it(error: Exception, words: str) -> None:
    assert words in said(error)
    assert "?." not in said(error)


@pytest.mark.parametrize(
    ("codes", "words"),
    [
        ("ExpiredToken ExpiredTokenException RequestExpired", "Sign in again."),
        ("InvalidClientTokenId UnrecognizedClientException SignatureDoesNotMatch InvalidAccessKeyId", "mistyped"),
        ("AccessDenied AccessDeniedException AuthorizationError", "Ask for the permission"),
    ],
)
def test_each_service_has_its_own_code_for_the_same_trouble(codes: str, words: str) -> None:
    assert all(words in said(client_error(code)) for code in codes.split())


def test_an_output_that_isnt_there_is_named() -> None:
    with pytest.raises(TroubleError, match=r"no output Other: .* Deploy it again"):
        stack().output("Other")


def test_where_no_local_stack_runs_it_is_said_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(TroubleError, match="make local"), local(tmp_path / "none.json"):
        pass


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"endpoint": 1, "other": 2}'])
def test_a_file_that_is_none_of_ours_is_no_local_stack(tmp_path: Path, text: str) -> None:
    (tmp_path / "running.json").write_text(text)
    assert read(tmp_path / "running.json") is None


def test_expected_trouble_is_words_on_stderr_and_4(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    assert main(["list"]) == Exit.TROUBLE
    assert main(["list", "--region", "us-east-1"]) == Exit.TROUBLE
    assert main(["list", "--profile", "nope"]) == Exit.TROUBLE
    out, err = capsys.readouterr()
    assert out == ""
    assert [line.split(".")[0] for line in err.splitlines()] == [
        "No AWS region is set",
        "There are no AWS credentials",
        "The config profile (nope) could not be found",
    ]


def test_the_file_of_the_running_stack_is_read_back(tmp_path: Path) -> None:
    there = Running(
        "http://127.0.0.1:1", "eu-west-1", "http://a", "http://b", "key", "its secret", "control", "webhook", "it"
    )
    file = tmp_path / FILE.name
    file.write_text(json.dumps(asdict(there)))
    assert read(file) == there


def test_the_doctor_without_a_region_finds_just_that(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    assert main(["doctor", "--json"]) == Exit.TROUBLE
    (found,) = json.loads(capsys.readouterr().out)["findings"]
    assert (found["verdict"], found["fix"][:32]) == ("wrong", "No AWS region is set. Give --reg")
