"""The stack that the commands talk to: a deployed one by its name, or the one that `make local` runs."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path
from types import EllipsisType
from typing import Any, Protocol
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, NoCredentialsError, NoRegionError
from botocore.model import OperationModel

from cli.outcome import TroubleError
from cli.trouble import NOT_AWS
from cli.where import DEFAULT, DEFAULT_NAME, Where
from feee_cancel_client import ApiAnswer, ApiClient, running
from feee_cancel_client.aws import CONFIG, Clients, at_emulator

_REQUEST_IDS = {"x-amzn-requestid", "x-amz-request-id"}
_SIGN_IN = {"sso", "sso-oidc", "signin"}
"""Their errors were seen without a request id. If somebody else answers, botocore itself finds no credentials in it."""


class Call(Protocol):
    """One request to the API, signed by the user, by other credentials, or (None) not at all."""

    def __call__(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        credentials: Credentials | EllipsisType | None = ...,
        headers: Mapping[str, str] | None = None,
    ) -> ApiAnswer:
        """The API's answer. Raises ApiError if there is none."""
        ...


class Api(Protocol):
    """The stack's API."""

    @property
    def call(self) -> Call:
        """Makes requests."""
        ...


@dataclass(frozen=True, slots=True)
class Stack:
    """`client` makes boto3 clients with the user's credentials."""

    outputs: Mapping[str, str]
    api: Api
    client: Callable[[str], Any]
    api_url: str = ""
    name: str = DEFAULT_NAME
    where: Where = DEFAULT

    def output(self, key: str) -> str:
        """An output of the stack. Raises TroubleError if its version has no such output."""
        return output(self.outputs, key)

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a resource in the stack's own account and region."""
        return arn(self.outputs, service, resource)


@contextmanager
def deployed(name: str, *, profile: str | None, region: str | None, whole: bool = True) -> Iterator[Stack]:
    """The stack of this name in the user's account. Raises TroubleError, or what boto3 raises.

    Unless it has to be `whole`, a stack that never came about is accepted, too: its API can't be called.
    """
    core = botocore.session.get_session()
    session = session_of(core, profile=profile, region=region)
    credentials = credentials_of(session)
    with Clients(partial(client_of, session)) as client:
        outputs = _outputs(client("cloudformation"), name, f"in {session.region_name}")
        url = _url(outputs, client("apigateway").meta.endpoint_url) if whole or "ApiUrl" in outputs else ""
        with ApiClient(url, credentials, session.region_name, ca_bundle=core.get_config_variable("ca_bundle")) as api:
            yield Stack(outputs, api, client, url, name, Where(name, region, profile))


@contextmanager
def local(file: Path) -> Iterator[Stack]:
    """What `make local` runs now. Raises TroubleError."""
    there = running.read(file)
    if there is None:
        raise TroubleError("The local stack isn't running. Start it in another terminal: make local.")
    with (
        at_emulator(there.endpoint, there.credentials, there.region, CONFIG) as client,
        ApiClient(there.api, there.credentials, there.region) as api,
    ):
        try:
            outputs = _outputs(client("cloudformation"), there.stack, "here")
        except EndpointConnectionError as error:
            raise TroubleError(
                f"The local stack doesn't answer at {there.endpoint}. Start it again: make local."
            ) from error
        yield Stack(outputs, api, client, there.api, there.stack, Where(local=True))


def session_of(core: botocore.session.Session, *, profile: str | None, region: str | None) -> boto3.Session:
    """Makes clients that take nobody else's answers for AWS's. Raises NoRegionError, and what boto3 raises."""
    region = region or os.environ.get("AWS_REGION") or None  # boto3 knows AWS_DEFAULT_REGION alone
    session = boto3.Session(botocore_session=core, profile_name=profile, region_name=region)
    if not session.region_name:
        raise NoRegionError
    session.events.register("before-parse", _is_of_aws)
    return session


def _is_of_aws(response_dict: dict[str, Any], operation_model: OperationModel, **_: object) -> None:
    """Refuse a success without a request id, which all of AWS's have: to botocore, a page may look like an empty queue.

    Raises TroubleError for it. An error without one keeps only its status, by which botocore may try again.
    """
    if operation_model.service_model.service_name in _SIGN_IN:
        return
    body = response_dict["body"]
    if _REQUEST_IDS & {name.lower() for name in response_dict["headers"]}:
        return
    if isinstance(body, bytes) and b"requestid" in body.lower():  # EC2 writes requestId, and RequestID in an error
        return
    if response_dict["status_code"] < HTTPStatus.MULTIPLE_CHOICES:
        raise TroubleError(NOT_AWS)
    response_dict["body"] = b""


def credentials_of(session: boto3.Session) -> Credentials:
    """The user's credentials, fetched now: a terminal or a program may have to be asked for them. Raises TroubleError.

    botocore asks programs, files and servers for them, and passes on whatever they raise or answer.
    """
    try:
        found = session.get_credentials()
        if found is not None:
            return _had(found)
    except (BotoCoreError, ClientError, TroubleError):
        raise
    except EOFError:
        raise TroubleError("This profile asks for an MFA code, and there is no terminal to ask at.") from None
    except Exception as error:
        raise TroubleError(
            f"The AWS credentials can't be obtained ({type(error).__name__}: {error}). Choose others (--profile), or "
            "fix what ~/.aws/config or the environment says about them."
        ) from error
    raise NoCredentialsError


def _had(found: Credentials) -> Credentials:
    frozen = found.get_frozen_credentials()
    if not (isinstance(frozen.access_key, str) and isinstance(frozen.secret_key, str)):
        raise TypeError("keys must be texts")
    return found


def client_of(session: boto3.Session, service: str, config: Config = CONFIG) -> Any:
    """A client of this service. Raises TroubleError for an endpoint that is no address, and what boto3 raises."""
    make: Any = session.client
    try:
        client = make(service, config=config)
        _ = urlsplit(client.meta.endpoint_url).port  # raises ValueError if it is none
    except BotoCoreError:
        raise
    except ValueError as error:
        asked = os.environ.get("AWS_ENDPOINT_URL", "")
        raise TroubleError(f"AWS_ENDPOINT_URL or endpoint_url is no address ({asked}): {error}.") from error
    return client


def output(outputs: Mapping[str, str], key: str) -> str:
    """One of a stack's outputs. Raises TroubleError if there is no such output."""
    if key not in outputs:
        raise TroubleError(f"The stack has no output {key}: it isn't this project's, or it is older. Deploy it again.")
    return outputs[key]


def arn(outputs: Mapping[str, str], service: str, resource: str) -> str:
    """The ARN of a resource in the account and region of the stack with these outputs."""
    _, partition, _, region, account, *_ = output(outputs, "ScheduleFunctionArn").split(":")
    return f"arn:{partition}:{service}:{region}:{account}:{resource}"


def _url(outputs: Mapping[str, str], endpoint: str) -> str:
    """The API's URL. If API Gateway is an emulator on this machine (AWS_ENDPOINT_URL), its APIs are there, too."""
    url, emulator = output(outputs, "ApiUrl"), urlsplit(endpoint)
    if emulator.hostname not in {"127.0.0.1", "localhost"} or not url.startswith("https://"):
        return url
    return f"http://{output(outputs, 'ApiId')}.execute-api.localhost:{emulator.port}{urlsplit(url).path}"


def _outputs(cloudformation: Any, name: str, where: str) -> dict[str, str]:
    try:
        (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") != "ValidationError":
            raise
        raise TroubleError(
            f"There is no stack {name!r} {where}. Name it with --stack, and its region with --region, "
            "or try this machine's with --local."
        ) from error
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
