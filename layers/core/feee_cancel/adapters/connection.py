"""urllib3 connections that know two things more: whether anything was sent, and when the whole call must be over.

urllib3's timeouts hold for one socket operation each, so a peer that sends a byte now and then is never timed out.
"""

import http.client
import io
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

from urllib3.connection import HTTPConnection, HTTPSConnection

if TYPE_CHECKING:
    from typing_extensions import Buffer


class Progress(threading.local):
    """The call that this thread is making. `deadline` is a reading of `time.monotonic()`."""

    deadline: float = 0.0
    sent: bool = False

    def start(self, deadline: float) -> None:
        """Begin a call."""
        self.deadline, self.sent = deadline, False

    @property
    def left(self) -> float:
        """Seconds left for the call; never 0, which would mean "don't block" to a socket."""
        return max(self.deadline - time.monotonic(), 0.001)


PROGRESS = Progress()


class _BoundedReader(io.RawIOBase):
    """What the socket receives, each read bounded by the time left for the whole call."""

    def __init__(self, sock: socket.socket, received: io.BufferedReader) -> None:
        self._sock = sock
        self._received = received.detach()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "Buffer") -> int | None:
        self._sock.settimeout(PROGRESS.left)
        return self._received.readinto(buffer)

    def close(self) -> None:
        self._received.close()
        super().close()


class _BoundedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_BoundedReader(sock, self.fp))


class PlainConnection(HTTPConnection):
    """HTTP, for the simulator."""

    response_class = _BoundedResponse

    def send(self, data: Any) -> None:
        """Note that from here on the peer may have acted: a connection is established first."""
        if self.sock is None:
            self.connect()
        PROGRESS.sent = True
        super().send(data)


class SecureConnection(PlainConnection, HTTPSConnection):
    """HTTPS; urllib3 has verified the peer before anything is sent."""
