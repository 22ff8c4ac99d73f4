import json
from typing import Any, Self

import urllib3

USER_AGENT = "Feee.io Client/1.0.0 (https://feee.io)"


class Buyer:
    """A client as plain as can be: no retries, no redirects."""

    def __init__(self, url: str, key: str, *, timeout: float = 60.0, ca_certs: str | None = None) -> None:
        self._url = url
        reading = urllib3.Timeout(connect=30, read=timeout)  # a busy machine connects late
        self._http = urllib3.PoolManager(retries=False, timeout=reading, ca_certs=ca_certs)
        self.headers = {"key": key, "User-Agent": USER_AGENT, "Content-Type": "application/json"}

    def cancel(self, order_no: str) -> urllib3.BaseHTTPResponse:
        return self.post("/v2/order/cancel", json.dumps({"order_no": order_no}).encode())

    def query(self, order_no: str) -> urllib3.BaseHTTPResponse:
        return self.get(f"/v2/order/query?order_no={order_no}")

    def post(self, path: str, body: bytes) -> urllib3.BaseHTTPResponse:
        return self._http.request("POST", self._url + path, body=body, headers=self.headers, redirect=False)

    def get(self, path: str) -> urllib3.BaseHTTPResponse:
        return self._http.request("GET", self._url + path, headers=self.headers, redirect=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.clear()


def body(response: urllib3.BaseHTTPResponse) -> dict[str, Any]:
    document = json.loads(response.data)
    assert isinstance(document, dict)
    return document
