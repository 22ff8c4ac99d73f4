"""The deployed API, called as users call it: over HTTP, signed with AWS credentials."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from types import EllipsisType
from typing import Any, NoReturn, Self
from urllib.parse import quote, urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ProxyConnectionError
from botocore.httpsession import URLLib3Session
from botocore.utils import get_environ_proxies

from feee_cancel_client.errors import ForeignAnswerError, NoAnswerError, told

_CONNECT_SECONDS, _SECONDS = 10, 60
_CONNECTIONS = 64
_PASSWORD = re.compile(r"(?<=//).*@|^(?!.*//).*@")
"""A proxy's user and password, with whatever characters: what can't be parsed is masked, too."""


@dataclass(frozen=True, slots=True)
class ApiAnswer:
    """Amounts in `body` are Decimal."""

    status: int
    headers: Mapping[str, str]
    body: dict[str, Any]


class ApiClient:
    """`url` is the stack's output ApiUrl. Temporary credentials are signed with their token. Any thread may call.

    What the API answers is returned, a problem (RFC 9457) too. Each method raises NoAnswerError if nothing answers,
    and ForeignAnswerError if something else does.
    """

    def __init__(self, url: str, credentials: Credentials, region: str, *, ca_bundle: str | None = None) -> None:
        """Proxies and authorities are botocore's: HTTPS_PROXY, HTTP_PROXY, NO_PROXY; AWS_CA_BUNDLE and others.

        `ca_bundle` is a file of certificates to trust instead, such as a profile's.
        """
        self.url = url
        parts = urlsplit(url)
        self._base, self._host, self._stage = f"{parts.scheme}://{parts.netloc}", parts.netloc, parts.path
        self._credentials, self._region = credentials, region
        here = _is_here(parts.hostname or "")
        self._there = f"{parts.scheme}://127.0.0.1:{parts.port}" if here else self._base
        proxies = {} if here else get_environ_proxies(url)
        self._proxy = _PASSWORD.sub("***:***@", proxies[parts.scheme]) if parts.scheme in proxies else None
        trusted = ca_bundle or os.environ.get("AWS_CA_BUNDLE") or os.environ.get("REQUESTS_CA_BUNDLE") or True
        session: Any = URLLib3Session  # its types are narrower than its documentation
        self._http = session(
            verify=trusted, proxies=proxies, timeout=(_CONNECT_SECONDS, _SECONDS), max_pool_connections=_CONNECTIONS
        )

    def cancel(self, order_no: str, **members: object) -> ApiAnswer:
        """Ask for a cancellation; `members` are `not_before` (unix seconds) and `reason`. Asking again is safe."""
        return self.call("POST", "/cancellations", json.dumps({"order_no": order_no, **members}).encode())

    def get(self, order_no: str) -> ApiAnswer:
        """Look at a cancellation; feee.io isn't asked."""
        return self.call("GET", f"/cancellations/{quote(order_no, safe='')}")

    def batch(self, order_nos: Sequence[object], **members: object) -> ApiAnswer:
        """Ask for up to 100 cancellations."""
        return self.call("POST", "/cancellations/batch", json.dumps({"order_nos": order_nos, **members}).encode())

    def withdraw(self, order_no: str) -> ApiAnswer:
        """Take back a request that still waits."""
        return self.call("DELETE", f"/cancellations/{quote(order_no, safe='')}")

    def webhook(self, body: str, headers: Mapping[str, str]) -> ApiAnswer:
        """Send a webhook; `signed` makes its headers."""
        return self.call("POST", "/webhooks/cancel", body.encode(), credentials=None, headers=headers)

    def call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        content_type: str | None = "application/json",
        credentials: Credentials | EllipsisType | None = ...,
        headers: Mapping[str, str] | None = None,
    ) -> ApiAnswer:
        """One request, signed with the client's credentials or with others; None: not signed."""
        credentials = self._credentials if credentials is ... else credentials
        headers = {"Host": self._host, **(headers or {})}
        if body is not None and content_type:
            headers["Content-Type"] = content_type
        request = AWSRequest(method, f"{self._base}{self._stage}{path}", headers, body)
        if credentials:
            SigV4Auth(credentials, "execute-api", self._region).add_auth(request)
        request.url = f"{self._there}{self._stage}{path}"
        try:
            answer = self._http.send(request.prepare())
        except BotoCoreError as error:
            raise NoAnswerError(self._why(error)) from error
        return ApiAnswer(answer.status_code, answer.headers, self._document(answer.content, answer.status_code))

    def _document(self, data: bytes, status: int) -> dict[str, Any]:
        """The object that every answer of the API is. Raises ForeignAnswerError."""
        try:
            document = json.loads(data or b"{}", parse_float=Decimal, parse_constant=_refuse)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise ForeignAnswerError(f"HTTP status {status}, and no JSON object{self._through()}", status=status)
        return document

    def _why(self, error: BotoCoreError) -> str:
        """What went wrong, and through which proxy, without its password."""
        if not isinstance(error, ProxyConnectionError):
            return f"{told(error)}{self._through()}"
        cause = error.kwargs.get("error")
        return f"{error}: {getattr(cause, 'original_error', cause)}"

    def _through(self) -> str:
        return f" (through the proxy {self._proxy})" if self._proxy else ""

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _refuse(constant: str) -> NoReturn:
    """NaN and infinities are no JSON."""
    raise ValueError(constant)


def _is_here(host: str) -> bool:
    """Whether the API is this machine's own: no proxy gets there, and a resolver may not know names below localhost."""
    return host in {"localhost", "127.0.0.1"} or host.endswith(".localhost")
