"""The deployed API, called as users call it: over HTTP, signed with AWS credentials."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

REGION = "us-east-1"
CREDENTIALS = Credentials("test", "test")


@dataclass(frozen=True, slots=True)
class ApiAnswer:
    """Amounts in `body` are Decimal."""

    status: int
    headers: Mapping[str, str]
    body: dict[str, Any]


class ApiClient:
    """`url` is the stage's, at the emulator."""

    def __init__(self, url: str) -> None:
        self.url = url
        parts = urlsplit(url)
        self._host, self._stage = parts.netloc, parts.path
        # The API's host is a name below localhost, which not every resolver knows: connect to loopback, say the name.
        self._pool = urllib3.HTTPConnectionPool("127.0.0.1", parts.port, retries=False, timeout=60, maxsize=64)

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
        credentials: Credentials | None = CREDENTIALS,
        headers: Mapping[str, str] | None = None,
    ) -> ApiAnswer:
        """One request, signed unless there are no credentials."""
        headers = {"Host": self._host, **(headers or {})}
        if body is not None and content_type:
            headers["Content-Type"] = content_type
        request = AWSRequest(method, f"http://{self._host}{self._stage}{path}", headers, body)
        if credentials:
            SigV4Auth(credentials, "execute-api", REGION).add_auth(request)
        answer = self._pool.request(method, f"{self._stage}{path}", body=body, headers=dict(request.headers))
        return ApiAnswer(answer.status, answer.headers, json.loads(answer.data or b"{}", parse_float=Decimal))

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()
