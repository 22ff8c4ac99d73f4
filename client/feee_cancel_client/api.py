"""The deployed API, called as users call it: over HTTP, signed with AWS credentials."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from types import EllipsisType
from typing import Any, Self
from urllib.parse import SplitResult, quote, urlsplit

import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from feee_cancel_client.errors import ForeignAnswerError, NoAnswerError

_SECONDS = 60
_CONNECTIONS = 64


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

    def __init__(self, url: str, credentials: Credentials, region: str) -> None:
        self.url = url
        parts = urlsplit(url)
        self._base, self._host, self._stage = f"{parts.scheme}://{parts.netloc}", parts.netloc, parts.path
        self._credentials, self._region = credentials, region
        self._pool = _pool(parts)

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
        try:
            answer = self._pool.request(method, f"{self._stage}{path}", body=body, headers=dict(request.headers))
        except urllib3.exceptions.HTTPError as error:
            raise NoAnswerError(str(error)) from error
        return ApiAnswer(answer.status, answer.headers, _document(answer.data, answer.status))

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _document(data: bytes, status: int) -> dict[str, Any]:
    """The object that every answer of the API is. Raises ForeignAnswerError."""
    try:
        document = json.loads(data or b"{}", parse_float=Decimal)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise ForeignAnswerError(f"HTTP status {status}, and no JSON object", status=status)
    return document


def _pool(url: SplitResult) -> urllib3.HTTPConnectionPool:
    if url.scheme == "https":
        return urllib3.HTTPSConnectionPool(url.hostname or "", url.port, retries=False, timeout=_SECONDS)
    # The local API's host is a name below localhost, which not every resolver knows: connect to loopback, say the name.
    return urllib3.HTTPConnectionPool("127.0.0.1", url.port, retries=False, timeout=_SECONDS, maxsize=_CONNECTIONS)
