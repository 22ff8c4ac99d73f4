"""A gate between the functions and DynamoDB: kills a function's processes at a chosen point, or throttles."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import urllib3


class Point(StrEnum):
    """Where the process is killed."""

    BEFORE_THE_CLAIM = "before the claim"
    AFTER_THE_CLAIM = "after the claim"
    WHILE_FEEE_IO_ANSWERS = "while feee.io is answering"
    BEFORE_THE_SETTLE = "after feee.io acted and before the settle"
    AFTER_THE_SETTLE = "after the settle"


_AT = {
    Point.BEFORE_THE_CLAIM: ("claim", False),
    Point.AFTER_THE_CLAIM: ("claim", True),
    Point.WHILE_FEEE_IO_ANSWERS: ("claim", True),
    Point.BEFORE_THE_SETTLE: ("settle", False),
    Point.AFTER_THE_SETTLE: ("settle", True),
}
"""Before or after which write."""
ANSWERING_AFTER_SECONDS = 0.3
_THROTTLED = (
    b'{"__type": "com.amazon.coral.availability#ThrottlingException", "message": "Throughput exceeds the limit"}'
)


@dataclass(slots=True)
class Gate:
    """`plan` says for an order where the process that attempts it dies; each entry holds once.

    `throttled` are the operations that are refused, in the words that DynamoDB throttles with; `refused` counts them.
    """

    url: str
    kill: Callable[[], None]
    plan: dict[str, Point] = field(default_factory=dict)
    killed: list[Point] = field(default_factory=list)
    throttled: frozenset[str] = frozenset()
    refused: Counter[str] = field(default_factory=Counter)

    def kills(self, write: str, order_no: str, *, written: bool) -> bool:
        """Kill if this is the point. Returns whether the process is dead."""
        point = self.plan.get(order_no)
        if point is None or _AT[point] != (write, written):
            return False
        del self.plan[order_no]
        if point is Point.WHILE_FEEE_IO_ANSWERS:
            threading.Timer(ANSWERING_AFTER_SECONDS, self._kill, [point]).start()
            return False
        self._kill(point)
        return True

    def _kill(self, point: Point) -> None:
        self.kill()
        self.killed.append(point)


@contextmanager
def gate(endpoint: str, kill: Callable[[], None]) -> Iterator[Gate]:
    """Forward everything to `endpoint`; writes go through the gate."""
    pool = urllib3.PoolManager(retries=False, timeout=60, maxsize=256)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            operation = self.headers.get("X-Amz-Target", "").partition(".")[2]
            if operation in opened.throttled:
                opened.refused[operation] += 1
                self.answer(400, {"Content-Type": "application/x-amz-json-1.0"}, _THROTTLED)
                return
            write, order_no = _write(operation, body)
            if opened.kills(write, order_no, written=False):
                self.close_connection = True
                return
            answer = pool.request("POST", endpoint + self.path, body=body, headers=dict(self.headers.items()))
            if opened.kills(write, order_no, written=True):
                self.close_connection = True
                return
            self.answer(answer.status, answer.headers, answer.data)

        def answer(self, status: int, headers: Mapping[str, str], data: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                if name.lower() not in {"transfer-encoding", "content-length", "connection"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128  # a batch's ten, and the drain's, come at once

        def handle_error(self, *_: Any) -> None:
            """A killed process doesn't take its answer."""

    with pool, Server(("127.0.0.1", 0), Handler) as server:
        opened = Gate(f"http://127.0.0.1:{server.server_port}", kill)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield opened
        finally:
            server.shutdown()


def _write(operation: str, body: bytes) -> tuple[str, str]:
    """Which write of an attempt it is, and of which order; a request's first write claims its row."""
    if operation not in {"UpdateItem", "PutItem"}:
        return "", ""
    document = json.loads(body)
    begins = "attribute_not_exists" in document.get("ConditionExpression", "")
    write = "claim" if begins or operation == "UpdateItem" else "settle"
    return write, str((document.get("Key") or document["Item"])["order_no"]["S"])
