"""feee.io's open API over urllib3 (source of each fact: feee-api)."""

import json
import logging
import ssl
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.client import HTTPException

from urllib3.exceptions import HTTPError
from urllib3.util import create_urllib3_context

from feee_cancel.adapters.connection import CLOCKS, Call, Connection, Connections, Response
from feee_cancel.adapters.feee_answer import interpret
from feee_cancel.adapters.feee_json import MAX_BODY, parse
from feee_cancel.adapters.resolver import Lookup, Resolver, look_up, peer
from feee_cancel.domain.answer import Answer, AnswerKind
from feee_cancel.usecases.errors import SecretUnavailableError
from feee_cancel.usecases.ports import KeySource

_CALL_SECONDS = 7.0
_LEAST_SECONDS = 0.25
_NO_KEY = "the secret of feee.io's key can't be used; the function's log says why"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Outgoing:
    """`path` is below the base URL's; `document` is sent as JSON."""

    method: str
    path: str
    order_no: str
    document: dict[str, str] | None = None


class FeeeClient:
    """`cancel` and `query`, each one request (two if the key had changed), each ended by its deadline.

    They never raise: the answer says what happened. `answered` is called with every answer, on the caller's thread.
    `authorities` is a directory of certificates under the names that OpenSSL looks for; None stands for those of the
    system. `lookup` looks the host's name up; `clocks` tell how long a connection has been idle.
    """

    def __init__(
        self,
        base_url: str,
        *,
        user_agent: str,
        key: KeySource,
        answered: Callable[[Answer], None] = lambda _: None,
        authorities: str | None = None,
        lookup: Lookup = look_up,
        clocks: Sequence[Callable[[], float]] = CLOCKS,
    ) -> None:
        """Raises ValueError unless `base_url` is https, or http on this machine."""
        url, host, port = peer(base_url, "feee.io's base")
        self._path = url.path.rstrip("/")
        self._user_agent = user_agent
        self._key = key
        self._answered = answered
        tls = _verifying(authorities) if url.scheme == "https" else None
        self._connections = Connections(Resolver(host, port, lookup), tls, clocks)

    def cancel(self, order_no: str, *, deadline: float) -> Answer:
        """POST /v2/order/cancel. `deadline` is a reading of `time.monotonic()`."""
        return self._call(_Outgoing("POST", "/v2/order/cancel", order_no, {"order_no": order_no}), deadline)

    def query(self, order_no: str, *, deadline: float) -> Answer:
        """GET /v2/order/query. `deadline` is a reading of `time.monotonic()`."""
        return self._call(_Outgoing("GET", f"/v2/order/query?order_no={order_no}", order_no), deadline)

    def received(
        self, method: str, path: str, document: dict[str, str] | None = None, *, deadline: float
    ) -> tuple[Response, object, str | None]:
        """Whatever feee.io answers to one request: the response, and its document or else why it can't be read.

        The key is read again, and isn't in the document. Raises SecretUnavailableError, or HTTPError, HTTPException or
        OSError if there is no answer.
        """
        key, call = self._key(refresh=True), Call(deadline, most=_CALL_SECONDS)
        call.left(least=_LEAST_SECONDS)
        connection = self._connections.take(call)
        try:
            response, body = self._received(connection, _Outgoing(method, path, "", document), key)
        finally:
            self._connections.put_back(connection, clean=False)
        try:
            return response, parse(body, key, content_type=response.headers.get("Content-Type", "")), None
        except ValueError as error:
            return response, None, str(error)

    def _call(self, outgoing: _Outgoing, deadline: float) -> Answer:
        answer = self._answer(outgoing, deadline)
        try:
            self._answered(answer)
        except Exception as error:  # noqa: BLE001 - an answer that can't be counted mustn't be lost
            _report(error)
        return answer

    def _answer(self, outgoing: _Outgoing, deadline: float) -> Answer:
        key = self._read_key()
        if isinstance(key, Answer):
            return key
        answer = self._send(outgoing, key, deadline)
        if answer.kind is AnswerKind.MISCONFIGURED:
            fresh = self._read_key(refresh=True)
            if not isinstance(fresh, Answer) and fresh != key:
                return self._send(outgoing, fresh, deadline)
        return answer

    def _read_key(self, *, refresh: bool = False) -> str | Answer:
        """The key, or, if there is none, the answer that the call ends with."""
        try:
            return self._key(refresh=refresh)
        except SecretUnavailableError as error:
            # Callers and receivers of events see the answer; the secret's name is for the log alone.
            logger.error("feee.io's key can't be used: %s", error)  # noqa: TRY400 - the words say it all
            return Answer(kind=AnswerKind.MISCONFIGURED, detail=_NO_KEY)
        except Exception as error:  # noqa: BLE001 - an error that nobody expected mustn't lose an order
            _report(error)
            return Answer(kind=AnswerKind.NOT_SENT, detail=type(error).__name__)

    def _send(self, outgoing: _Outgoing, key: str, deadline: float) -> Answer:
        call = Call(deadline, most=_CALL_SECONDS)
        try:
            answer = self._exchange(outgoing, key, call)
        except Exception as error:  # noqa: BLE001 - whatever comes back becomes an answer
            if not isinstance(error, HTTPError | HTTPException | OSError):
                _report(error)
            kind = AnswerKind.NO_USABLE_ANSWER if call.sent else AnswerKind.NOT_SENT
            answer = Answer(kind=kind, detail=type(error).__name__, seconds=call.seconds)
        _log(outgoing, answer)
        return answer

    def _exchange(self, outgoing: _Outgoing, key: str, call: Call) -> Answer:
        """One request and what its answer says. Redirects aren't followed: the key would go along."""
        call.left(least=_LEAST_SECONDS)
        connection = self._connections.take(call)
        clean = False
        try:
            response, body = self._received(connection, outgoing, key)
            said, retry = (response.headers.get(name, "") for name in ("Content-Type", "Retry-After"))
            answer = interpret(
                response.status, body, outgoing.order_no, key, content_type=said, retry=retry, seconds=call.seconds
            )
            clean = response.clean and answer.kind is AnswerKind.ORDER  # only an order is sure to answer this request
            return answer
        finally:
            self._connections.put_back(connection, clean=clean)

    def _received(self, connection: Connection, outgoing: _Outgoing, key: str) -> tuple[Response, bytes]:
        """The answer, its body at most one byte over the limit."""
        headers = {"key": key, "User-Agent": self._user_agent}
        if outgoing.document:
            headers["Content-Type"] = "application/json"
        body = json.dumps(outgoing.document).encode() if outgoing.document else None
        connection.request(outgoing.method, f"{self._path}{outgoing.path}", body, headers)
        with connection.answer() as response:
            return response, response.whole(MAX_BODY)


def _verifying(authorities: str | None) -> ssl.SSLContext:
    """What verifies feee.io at every connection. urllib3 would read the authorities for each: 17 ms of CPU time."""
    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
    if authorities:
        context.load_verify_locations(capath=authorities)
    else:
        context.load_default_certs()
    return context


def _report(error: Exception) -> None:
    """Say where it was raised, and not in what words: they may hold what feee.io sent, or the key."""
    where = [f"{frame.name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
    logger.error("an error that nobody expected", extra={"error": type(error).__name__, "where": where})


def _log(outgoing: _Outgoing, answer: Answer) -> None:
    logger.info(
        "feee.io answered",
        extra={
            "call": outgoing.path.partition("?")[0],
            "order_no": outgoing.order_no,
            "answer": answer.kind,
            "http_status": answer.http_status,
            "code": answer.code,
            "feee_request_id": answer.request_id,
            "detail": answer.detail,
            "milliseconds": round((answer.seconds or 0) * 1000),
        },
    )
