"""The peer of a URL, and looking up its name within a time: `getaddrinfo` can't be bounded (docs/decisions/0020)."""

import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any
from urllib.parse import SplitResult, urlsplit

Address = tuple[int, int, int, str, Any]
"""As getaddrinfo gives it: family, type, protocol, canonical name, socket address."""
Lookup = Callable[[str, int], Sequence[Address]]
_PATIENCE_SECONDS = 0.5
"""How long to wait for new addresses if there are old ones."""
_LOCAL_HOSTS = frozenset({"127.0.0.1", "::1", "localhost", "host.docker.internal"})
_PORTS = {"http": 80, "https": 443}


def peer(url: str, whose: str) -> tuple[SplitResult, str, int]:
    """The URL's parts, its host and its port. Raises ValueError unless it is https, or http on this machine."""
    parts = urlsplit(url)
    host = parts.hostname
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and host in _LOCAL_HOSTS)):
        raise ValueError(f"{whose} URL must be https (http on this machine only), not {url!r}")
    return parts, host, parts.port or _PORTS[parts.scheme]


def look_up(host: str, port: int) -> Sequence[Address]:
    """What the system's resolver says. Raises OSError."""
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


class Resolver:
    """The addresses of one peer, looked up in a thread: one look-up at a time, however many callers wait for it.

    If the name can't be looked up in time, the addresses that it had last are used: TLS shows whether the peer is
    still there.
    """

    def __init__(self, host: str, port: int, lookup: Lookup = look_up) -> None:
        self.host = host
        self.port = port
        self._lookup = lookup
        self._lock = threading.Lock()
        self._pending: Future[Sequence[Address]] | None = None
        self._known: Sequence[Address] = ()

    def addresses(self, seconds: float) -> Sequence[Address]:
        """The addresses, after at most this many seconds. Raises OSError (TimeoutError) if none were ever known."""
        try:
            self._known = self._looked_up().result(min(seconds, _PATIENCE_SECONDS) if self._known else seconds)
        except OSError:
            if not self._known:
                raise
        return self._known

    def _looked_up(self) -> Future[Sequence[Address]]:
        with self._lock:
            if self._pending is None:
                pending: Future[Sequence[Address]] = Future()
                threading.Thread(target=self._look_up, args=(pending,), daemon=True).start()
                self._pending = pending
            return self._pending

    def _look_up(self, pending: Future[Sequence[Address]]) -> None:
        try:
            pending.set_result(self._lookup(self.host, self.port))
        except Exception as error:  # noqa: BLE001 - raised again for whoever waits for it
            pending.set_exception(error)
        finally:
            with self._lock:
                self._pending = None
