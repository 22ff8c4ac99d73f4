"""Which answers are taken for AWS's: those with a request id, wherever the service's protocol has it."""

from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.session import get_session

from cli.outcome import TroubleError
from cli.target import client_of, session_of

ONCE = Config(retries={"mode": "standard", "total_max_attempts": 1})
HEADERS = [{"x-amzn-RequestId": "r"}, {"X-Amzn-Requestid": "r"}, {"x-amz-request-id": "r"}]
EC2_ERROR = b"""<?xml version="1.0"?><Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>No.</Message>
</Error></Errors><RequestID>r</RequestID></Response>"""
"""EC2 API: example error response; its id is the one that botocore's EC2QueryParser reads."""


class Raw(BytesIO):
    """A body as urllib3 hands it over."""

    def stream(self) -> Iterator[bytes]:
        yield self.getvalue()


class Answers:
    """A service that answers each attempt the same."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self._answer = AWSResponse("https://x.invalid", status, HTTPHeaders.from_dict(dict(headers)), Raw(body))
        self.attempts = 0

    def __call__(self, **_: object) -> AWSResponse:
        self.attempts += 1
        return self._answer


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "0")


def service(name: str, answers: Answers, config: Config = ONCE) -> Any:
    client = client_of(session_of(get_session(), profile=None, region="us-east-1"), name, config)
    client.meta.events.register("before-send", answers)
    return client


@pytest.mark.parametrize("headers", HEADERS)
def test_a_header_in_any_letters_is_enough_for_an_answer_without_a_body(headers: dict[str, str]) -> None:
    """SQS DeleteMessage, and API Gateway's and Scheduler's deletions, answer an empty 200."""
    service("sqs", Answers(200, headers, b"")).delete_message(QueueUrl="https://x.invalid/1/q", ReceiptHandle="h")
    service("scheduler", Answers(200, headers, b"{}")).delete_schedule(Name="tick")


def test_an_answer_without_one_isnt_awss() -> None:
    with pytest.raises(TroubleError, match="isn't AWS"):
        service("sqs", Answers(200, {}, b"")).delete_message(QueueUrl="https://x.invalid/1/q", ReceiptHandle="h")


def test_the_id_may_stand_in_the_body_as_ec2_writes_it() -> None:
    subnets = b"<DescribeSubnetsResponse><requestId>r</requestId><subnetSet/></DescribeSubnetsResponse>"
    assert service("ec2", Answers(200, {}, subnets)).describe_subnets()["Subnets"] == []
    with pytest.raises(ClientError) as caught:
        service("ec2", Answers(403, {}, EC2_ERROR)).describe_subnets()
    assert caught.value.response["Error"]["Code"] == "UnauthorizedOperation"


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("name", ["sqs", "cloudformation", "apigateway"])
def test_a_front_end_that_is_in_trouble_is_asked_again(monkeypatch: pytest.MonkeyPatch, name: str, status: int) -> None:
    """It answers with a page and no id; botocore's standard mode tries these four again."""
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    answers = Answers(status, {}, b"<html>Service Unavailable</html>")
    client = service(name, answers, Config(retries={"mode": "standard", "total_max_attempts": 3}))
    calls = {"sqs": "list_queues", "cloudformation": "describe_stacks", "apigateway": "get_account"}
    with pytest.raises(ClientError) as caught:
        getattr(client, calls[name])()
    assert answers.attempts == 3
    assert caught.value.response["Error"]["Code"] == str(status)


@pytest.mark.parametrize("name", ["sso", "sso-oidc", "signin"])
def test_of_a_sign_in_no_id_is_asked_for(name: str) -> None:
    """IAM Identity Center's portal was seen to answer an error without (aws-sdk-ruby 2196); its code is what tells that
    a session has expired. In an answer of somebody else botocore misses the credentials.
    """
    expired = {"x-amzn-ErrorType": "UnauthorizedException"}
    calls: dict[str, tuple[str, dict[str, Any]]] = {
        "sso": ("get_role_credentials", {"roleName": "r", "accountId": "1", "accessToken": "t"}),
        "sso-oidc": ("create_token", {"clientId": "c", "clientSecret": "s", "grantType": "g"}),
        "signin": ("create_o_auth2_token", {"tokenInput": {"clientId": "c", "grantType": "g"}}),
    }
    call, arguments = calls[name]
    getattr(service(name, Answers(200, {}, b"{}")), call)(**arguments)
    refused = Answers(401, expired, b'{"message": "Session token not found or invalid"}')
    with pytest.raises(ClientError) as caught:
        getattr(service(name, refused), call)(**arguments)
    assert caught.value.response["Error"]["Code"] == "UnauthorizedException"
