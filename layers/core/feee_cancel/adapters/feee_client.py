"""feee.io's open API over urllib3 (source of each fact: feee-api)."""

import json
import logging
import ssl
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, Timeout
from urllib3.exceptions import HTTPError
from urllib3.util import create_urllib3_context

from feee_cancel.adapters.connection import PROGRESS, PlainConnection, SecureConnection
from feee_cancel.adapters.feee_answer import MAX_BODY, interpret
from feee_cancel.domain.answer import Answer, AnswerKind
from feee_cancel.usecases.ports import KeySource, SecretUnavailableError

_LOCAL_HOSTS = frozenset({"127.0.0.1", "::1", "localhost", "host.docker.internal"})
_CONNECT_SECONDS = 2.0
_CALL_SECONDS = 7.0
_LEAST_SECONDS = 0.25
_MAX_CONNECTIONS = 50
_IDLE_SECONDS = 30.0
_NO_KEY = "the secret of feee.io's key can't be used; the function's log says why"

logger = logging.getLogger(__name__)


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = PlainConnection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = SecureConnection


class FeeeClient:
    """`cancel` and `query`, each one request (two where the key had changed), each ended by its deadline.

    Never raises for anything that feee.io or the network does: the answer says what happened. `answered` is told of
    every answer, from whichever thread called. `authorities` is a directory of certificates under the names that
    OpenSSL looks for; None stands for those of the system.
    """

    def __init__(
        self,
        base_url: str,
        *,
        user_agent: str,
        key: KeySource,
        answered: Callable[[Answer], None] = lambda _: None,
        authorities: str | None = None,
    ) -> None:
        """Raises ValueError unless `base_url` is https, or http on this machine."""
        url = urlsplit(base_url)
        if not url.hostname or not (url.scheme == "https" or (url.scheme == "http" and url.hostname in _LOCAL_HOSTS)):
            raise ValueError(f"feee.io's base URL must be https (http on this machine only), not {base_url!r}")
        self._url = url
        self._user_agent = user_agent
        self._key = key
        self._answered = answered
        self._tls = _verifying(authorities) if url.scheme == "https" else None
        self._pool = self._new_pool()
        self._used_at = time.time()

    def cancel(self, order_no: str, *, deadline: float) -> Answer:
        """POST /v2/order/cancel. `deadline` is a reading of `time.monotonic()`."""
        body = json.dumps({"order_no": order_no}).encode()
        return self._call("POST", "/v2/order/cancel", order_no, body, deadline)

    def query(self, order_no: str, *, deadline: float) -> Answer:
        """GET /v2/order/query. `deadline` is a reading of `time.monotonic()`."""
        return self._call("GET", f"/v2/order/query?order_no={order_no}", order_no, None, deadline)

    def _call(self, method: str, path: str, order_no: str, body: bytes | None, deadline: float) -> Answer:
        try:
            key = self._key()
            answer = self._send(method, path, order_no, body, key, deadline)
            if answer.kind is AnswerKind.MISCONFIGURED and (fresh := self._key(refresh=True)) != key:
                answer = self._send(method, path, order_no, body, fresh, deadline)
        except SecretUnavailableError as error:
            # Callers and receivers of events see the answer; the secret's name is for the log alone.
            logger.error("feee.io's key can't be used: %s", error)  # noqa: TRY400 - the words say it all
            answer = Answer(kind=AnswerKind.MISCONFIGURED, detail=_NO_KEY)
        self._answered(answer)
        return answer

    def _send(self, method: str, path: str, order_no: str, body: bytes | None, key: str, deadline: float) -> Answer:
        started = time.monotonic()
        PROGRESS.start(min(deadline, started + _CALL_SECONDS))
        try:
            status, content_type, received = self._exchange(method, path, body, key)
        except (HTTPError, OSError) as error:
            kind = AnswerKind.NO_USABLE_ANSWER if PROGRESS.sent else AnswerKind.NOT_SENT
            answer = Answer(kind=kind, detail=type(error).__name__, seconds=time.monotonic() - started)
        else:
            seconds = time.monotonic() - started
            answer = interpret(status, received, order_no, key, content_type=content_type, seconds=seconds)
        _log(path, order_no, answer)
        return answer

    def _exchange(self, method: str, path: str, body: bytes | None, key: str) -> tuple[int, str, bytes]:
        """One request, its body at most one byte over the limit. `redirect=False`: a redirect would carry the key."""
        if PROGRESS.left < _LEAST_SECONDS:
            raise TimeoutError
        headers = {"key": key, "User-Agent": self._user_agent}
        response = self._fresh_pool().urlopen(
            method,
            f"{self._url.path}{path}",
            body=body,
            headers=headers if body is None else {**headers, "Content-Type": "application/json"},
            redirect=False,
            retries=False,
            timeout=Timeout(connect=min(_CONNECT_SECONDS, PROGRESS.left), read=PROGRESS.left),
            preload_content=False,
        )
        received = response.read(MAX_BODY + 1)
        if len(received) > MAX_BODY:
            response.close()
        return response.status, response.headers.get("Content-Type", ""), received

    def _fresh_pool(self) -> HTTPConnectionPool:
        """The kept connections, unless they rested so long that the network may have forgotten them."""
        now = time.time()
        if now - self._used_at > _IDLE_SECONDS:
            self._pool.close()
            self._pool = self._new_pool()
        self._used_at = now
        return self._pool

    def _new_pool(self) -> HTTPConnectionPool:
        host = self._url.hostname or ""
        if self._tls:
            return _SecurePool(host, self._url.port, maxsize=_MAX_CONNECTIONS, ssl_context=self._tls)
        return _PlainPool(host, self._url.port, maxsize=_MAX_CONNECTIONS)


def _verifying(authorities: str | None) -> ssl.SSLContext:
    """What verifies feee.io at every connection. urllib3 would read the authorities for each: 17 ms of a processor."""
    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
    if authorities:
        context.load_verify_locations(capath=authorities)
    else:
        context.load_default_certs()
    return context


def _log(path: str, order_no: str, answer: Answer) -> None:
    logger.info(
        "feee.io answered",
        extra={
            "call": path.partition("?")[0],
            "order_no": order_no,
            "answer": answer.kind,
            "http_status": answer.http_status,
            "code": answer.code,
            "feee_request_id": answer.request_id,
            "detail": answer.detail,
            "milliseconds": round((answer.seconds or 0) * 1000),
        },
    )
