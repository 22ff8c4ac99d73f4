"""The deployed API, called as users call it: over HTTP, signed with AWS credentials."""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from types import EllipsisType
from typing import Any, Self
from urllib.parse import SplitResult, urlsplit

import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

REGION = "us-east-1"
STACK = "feee-cancel-local"
CREDENTIALS = Credentials(f"LOCAL{secrets.token_hex(8).upper()}", secrets.token_urlsafe(30))
"""What this process's own emulator knows: others, and pages in the browser, can't guess them."""


@dataclass(frozen=True, slots=True)
class ApiAnswer:
    """Amounts in `body` are Decimal."""

    status: int
    headers: Mapping[str, str]
    body: dict[str, Any]


class ApiClient:
    """`url` is the stage's, at the emulator or on AWS. Temporary credentials are signed with their token."""

    def __init__(self, url: str, credentials: Credentials = CREDENTIALS, region: str = REGION) -> None:
        self.url = url
        parts = urlsplit(url)
        self._base, self._host, self._stage = f"{parts.scheme}://{parts.netloc}", parts.netloc, parts.path
        self._credentials, self._region = credentials, region
        self._pool = _pool(parts)

    def cancel(self, order_no: str, **members: object) -> ApiAnswer:
        """Ask for a cancellation."""
        return self.call("POST", "/cancellations", json.dumps({"order_no": order_no, **members}).encode())

    def get(self, order_no: str) -> ApiAnswer:
        """Look at a cancellation."""
        return self.call("GET", f"/cancellations/{order_no}")

    def batch(self, order_nos: Sequence[object], **members: object) -> ApiAnswer:
        """Ask for several."""
        return self.call("POST", "/cancellations/batch", json.dumps({"order_nos": order_nos, **members}).encode())

    def withdraw(self, order_no: str) -> ApiAnswer:
        """Take a request back."""
        return self.call("DELETE", f"/cancellations/{order_no}")

    def webhook(self, body: str, headers: Mapping[str, str]) -> ApiAnswer:
        """Send a webhook, signed as its headers say."""
        path = "/webhooks/cancel"
        return self.call("POST", path, body.encode(), credentials=None, headers=headers)

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
        answer = self._pool.request(method, f"{self._stage}{path}", body=body, headers=dict(request.headers))
        return ApiAnswer(answer.status, answer.headers, json.loads(answer.data or b"{}", parse_float=Decimal))

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _pool(url: SplitResult) -> urllib3.HTTPConnectionPool:
    if url.scheme == "https":
        return urllib3.HTTPSConnectionPool(url.hostname or "", url.port, retries=False, timeout=60)
    # The local API's host is a name below localhost, which not every resolver knows: connect to loopback, say the name.
    return urllib3.HTTPConnectionPool("127.0.0.1", url.port, retries=False, timeout=60, maxsize=64)
