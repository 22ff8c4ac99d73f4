"""urllib3's connections to one peer: every call is over by its deadline, and none is reused unless it is clean.

urllib3's timeouts hold for one socket operation each, so a peer that sends a byte now and then is never timed out; and
if a peer sends bytes unasked, its pool takes them for the next answer (docs/decisions/0020).
"""

import http.client
import io
import math
import re
import socket
import ssl
import time
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from urllib3.connection import HTTPConnection, HTTPSConnection

from feee_cancel.adapters.resolver import Address, Resolver

if TYPE_CHECKING:
    from typing_extensions import Buffer

CLOCKS = (time.monotonic, time.time)
_CONNECT_SECONDS = 2.0
"""The longest that each may take: looking up the name, connecting to one of its addresses, and the TLS handshake."""
_IDLE_SECONDS = 30.0
_MAX_RECEIVED = 4 << 20
_HTTP_1_1 = 11
_LENGTH = re.compile(r"[0-9]{1,15}")


class Call:
    """One call: how long it may take and took, in seconds, and whether the peer may have acted on it."""

    def __init__(self, deadline: float, *, most: float) -> None:
        """`deadline` is a reading of `time.monotonic()`."""
        self._started = time.monotonic()
        self._deadline = min(deadline, self._started + most)
        self.sent = False

    @property
    def seconds(self) -> float:
        """How long it has taken."""
        return time.monotonic() - self._started

    def left(self, most: float = math.inf, *, least: float = 0.0) -> float:
        """The seconds left, at most `most`. Raises TimeoutError if no more than `least` are left."""
        left = self._deadline - time.monotonic()
        if left <= least:
            raise TimeoutError
        return min(left, most)


class _Receiver(io.RawIOBase):
    """What the socket receives for a call: each read within the time left, and no more than 4 MiB in all."""

    def __init__(self, sock: socket.socket, raw: io.RawIOBase, call: Call) -> None:
        self._sock = sock
        self._raw = raw
        self._call = call
        self._room = _MAX_RECEIVED
        self.over = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "Buffer") -> int | None:
        if self.over:
            return None
        self._sock.settimeout(self._call.left())
        received = self._raw.readinto(buffer) or 0
        self._room -= received
        if self._room < 0:
            raise http.client.HTTPException("more than 4 MiB")
        return received

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Reader(io.BufferedReader):
    """Knows, once it is closed, whether something was left in it: bytes that belong to no answer."""

    def __init__(self, receiver: _Receiver) -> None:
        super().__init__(receiver)
        self._receiver = receiver
        self.unread = False

    def close(self) -> None:
        self._receiver.over = True
        self.unread = bool(self.peek(1))
        super().close()


class Response(http.client.HTTPResponse):
    """An answer that is framed in one way only; interim answers (1xx) are skipped."""

    def __init__(self, call: Call, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp: io.BufferedReader
        self._reader = _Reader(_Receiver(sock, self.fp.detach(), call))
        self.fp = self._reader
        self._interim = False

    def begin(self) -> None:
        """Read the head. Raises HTTPException if it is ambiguous, above all about how long the body is."""
        super().begin()
        while HTTPStatus.SWITCHING_PROTOCOLS < self.status < HTTPStatus.OK:
            self._interim = True
            self.headers = None  # type: ignore[assignment] # so that http.client reads another head
            super().begin()
        self._check_framing()

    def whole(self, most: int) -> bytes:
        """The body, at most one byte over `most`. Raises HTTPException if it is cut short or framed wrongly."""
        try:
            body = self.read(most + 1)
        except ValueError as error:  # a chunk of negative size
            raise http.client.HTTPException("framed wrongly") from error
        if self.length and len(body) <= most:
            raise http.client.IncompleteRead(body, self.length)
        return body

    @property
    def clean(self) -> bool:
        """Whether the connection may be used again: read to its end, nothing after it, nothing odd about it."""
        read = self.isclosed() and not self._reader.unread
        return read and not self._interim and not self.will_close and self.version == _HTTP_1_1

    def _check_framing(self) -> None:
        lengths = self.headers.get_all("Content-Length", [])
        encodings = [value.lower() for value in self.headers.get_all("Transfer-Encoding", [])]
        by_length = len(lengths) == 1 and _LENGTH.fullmatch(lengths[0]) and not encodings
        by_chunks_or_end = not lengths and encodings in ([], ["chunked"])
        if not (by_length or by_chunks_or_end) or self.headers.defects:
            raise http.client.HTTPException("the head is ambiguous")


class Connection(HTTPConnection):
    """One connection, made and lent by `Connections`. Its methods may raise OSError and HTTPException."""

    debuglevel = 0  # whatever is set for http.client elsewhere: it would print the key

    def __init__(self, resolver: Resolver, clocks: Sequence[Callable[[], float]], **options: Any) -> None:
        super().__init__(resolver.host, resolver.port, **options)
        self._resolver = resolver
        self._clocks = clocks
        self._rests_since = [0.0 for _ in clocks]
        self._call = Call(0.0, most=0.0)
        self._unsent = b""

    def lend(self, call: Call) -> None:
        """From now on, what is sent and received belongs to this call."""
        self._call = call
        self._unsent = b""
        self.response_class = partial(Response, call)  # type: ignore[assignment] # http.client only calls it

    def answer(self) -> Response:
        """Send the request. Returns a `Response`: urllib3's own would log a head that it can't parse."""
        with suppress(BrokenPipeError, ConnectionResetError):  # it may have answered before it closed
            self._send_all()
        response: Response = http.client.HTTPConnection.getresponse(self)  # type: ignore[assignment] # by response_class
        return response

    def _new_conn(self) -> socket.socket:
        """A connected socket, as urllib3 asks for. Connecting and the TLS handshake each have their own time limit."""
        addresses = self._resolver.addresses(self._call.left(_CONNECT_SECONDS))
        sock = _connected(addresses, self._call)
        sock.settimeout(self._call.left(_CONNECT_SECONDS))
        return sock

    def send(self, data: bytes) -> None:  # type: ignore[override] # nothing else is sent here
        """Keep what urllib3 sends in parts, the head and then the body: `answer` sends them together."""
        self._unsent += data

    def _send_all(self) -> None:
        """Note that from here on the peer may have acted."""
        self.sock.settimeout(self._call.left())
        self._call.sent = True
        super().send(self._unsent)

    def rest(self) -> None:
        """Note when it was last used, by two clocks: the time that the machine sleeps shows on only one of them."""
        self._rests_since = [clock() for clock in self._clocks]

    @property
    def fresh(self) -> bool:
        """Whether the network can't have forgotten it, and the peer neither closed it nor sent anything unasked."""
        rested = [clock() - since for clock, since in zip(self._clocks, self._rests_since, strict=True)]
        return all(0 <= seconds < _IDLE_SECONDS for seconds in rested) and self._quiet()

    def _quiet(self) -> bool:
        try:
            self.sock.settimeout(0.0)
            self.sock.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            return False
        return False


class SecureConnection(Connection, HTTPSConnection):
    """A connection that has verified the peer before anything is sent."""


class Connections:
    """Connections to one peer, kept for the calls to come."""

    def __init__(
        self,
        resolver: Resolver,
        tls: ssl.SSLContext | None,
        clocks: Sequence[Callable[[], float]] = CLOCKS,
    ) -> None:
        self._resolver = resolver
        self._tls = tls
        self._clocks = clocks
        self._idle: deque[Connection] = deque()
        weakref.finalize(self, _close_all, self._idle)

    def take(self, call: Call) -> Connection:
        """A connection for this call: the one used last that is still fresh, or a new one. Raises OSError."""
        if connection := self._kept():
            connection.lend(call)
            return connection
        connection = self._new()
        connection.lend(call)
        try:
            connection.connect()
        except BaseException:
            connection.close()
            raise
        return connection

    def put_back(self, connection: Connection, *, clean: bool) -> None:
        """Keep it for another call if it is clean, or else close it."""
        if clean:
            connection.rest()
            self._idle.append(connection)
        else:
            connection.close()

    def _kept(self) -> Connection | None:
        with suppress(IndexError):
            while not (connection := self._idle.pop()).fresh:
                connection.close()
            return connection
        return None

    def _new(self) -> Connection:
        if self._tls:
            return SecureConnection(self._resolver, self._clocks, ssl_context=self._tls)
        return Connection(self._resolver, self._clocks)


def _close_all(connections: deque[Connection]) -> None:
    while connections:
        connections.pop().close()


def _connected(addresses: Sequence[Address], call: Call) -> socket.socket:
    """A socket connected to the first address that answers. If none does, raises the OSError of the last one."""
    failed: OSError = OSError("the name has no address")
    for family, kind, protocol, _, address in addresses:
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(call.left(_CONNECT_SECONDS))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.connect(address)
        except OSError as error:
            sock.close()
            failed = error
        else:
            return sock
    raise failed
