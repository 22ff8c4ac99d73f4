"""A server that answers whatever a test scripts, byte for byte, and every other request with an order of its own."""

import json
import re
import socket
import ssl
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from decimal import Decimal
from enum import Enum, auto
from typing import Any

from tests.builders import order_data

_ORDER_NO = re.compile(rb"order_no(?:=|\": ?\")([0-9]+)")
_LENGTH = re.compile(rb"\r\ncontent-length: ?([0-9]+)", re.IGNORECASE)


class End(Enum):
    """How a play ends, other than by waiting for the next request on the same connection."""

    CLOSE = auto()
    RESET = auto()
    HOLD = auto()
    """Say nothing more until the client has gone."""


Step = bytes | float | threading.Event | End
"""Bytes to send, seconds to wait, an event that tells the test how far it is, or the end of the connection."""


def order_body(order_no: str, **fields: Any) -> bytes:
    """A cancelled and refunded order in feee.io's envelope."""
    data = order_data(order_no=order_no, status=12, refund_amount=Decimal("3.92"), **fields)
    envelope = {"code": 0, "msg": "ok", "data": data, "request_id": f"r-{order_no}"}
    return json.dumps(envelope, default=float).encode()


def framed(body: bytes, *headers: str, status: str = "HTTP/1.1 200 OK", length: str | None = "") -> bytes:
    """An HTTP answer. `length` in the place of the right one; None: no such header."""
    lines = [status, "Content-Type: application/json", *headers]
    if length is not None:
        lines.append(f"Content-Length: {length or len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    """An HTTP answer in chunks."""
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return framed(body + end, "Transfer-Encoding: chunked", length=None)


class OddServer:
    """Plays the steps for the order number that a request names, once; then answers it properly."""

    def __init__(self, listener: socket.socket, tls: ssl.SSLContext | None) -> None:
        self._listener = listener
        self._tls = tls
        self._plays: dict[str, Sequence[Step]] = {}
        self._ended = threading.Event()
        self.connections = 0
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{listener.getsockname()[1]}/open"

    def play(self, order_no: str, *steps: Step) -> None:
        """Script the next answer to a request for this order."""
        self._plays[order_no] = steps

    def run(self) -> None:
        """Accept connections until the listener is closed."""
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def end(self) -> None:
        """Let every thread go."""
        self._ended.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls:
            connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        with connection, suppress(OSError):
            received = b""
            while (request := self._request(connection, received)) is not None:
                order_no, received = request
                steps = self._plays.pop(order_no, (framed(order_body(order_no)),))
                if any(self._ends(connection, step) for step in steps):
                    return

    def _request(self, connection: socket.socket, received: bytes) -> tuple[str, bytes] | None:
        """The order number of the next request, and what was received after it."""
        while b"\r\n\r\n" not in received or len(received) < self._size(received):
            if not (more := connection.recv(65_536)):
                return None
            received += more
        found = _ORDER_NO.search(received)
        return found[1].decode() if found else "", received[self._size(received) :]

    def _size(self, received: bytes) -> int:
        head, _, _ = received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        return len(head) + 4 + (int(length[1]) if length else 0)

    def _ends(self, connection: socket.socket, step: Step) -> bool:
        match step:
            case bytes():
                connection.sendall(step)
            case float():
                self._ended.wait(step)
            case threading.Event():
                step.set()
            case End.HOLD:
                while connection.recv(65_536):
                    pass
            case End.RESET:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return isinstance(step, End)


@contextmanager
def odd_server(tls: ssl.SSLContext | None = None) -> Iterator[OddServer]:
    """The server, on a free port of the loopback interface."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        server = OddServer(listener, tls)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.end()
            thread.join()


def drip(data: bytes, *, seconds: float, step: int = 1) -> list[Step]:
    """`data` in pieces, each so many seconds after the one before."""
    pieces = (data[start : start + step] for start in range(0, len(data), step))
    return [each for piece in pieces for each in (piece, seconds)]
