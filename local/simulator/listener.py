"""Werkzeug's threaded server with what it leaves out: connections that are kept alive, and an immediate stop."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Condition, Thread
from typing import TYPE_CHECKING, Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.wrappers import Response

from local.guard import guarded

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

LOOPBACK = "127.0.0.1"
PATIENCE = 1.0
"""Seconds that its threads have to end: whoever types Ctrl-C doesn't wait for a call that takes long."""


class Handler(WSGIRequestHandler):
    """Werkzeug's own `run_wsgi` closes each connection, 10 ms after the answer. The app reads every body whole."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def run_wsgi(self) -> None:
        try:
            self._send(Response.from_app(self.server.app, self.make_environ()))
        except ConnectionError:
            self.close_connection = True

    def _send(self, response: Response) -> None:
        self.send_response(response.status_code)
        for name, value in response.headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(response.get_data())

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing: the journal has it."""


class Listener(ThreadedWSGIServer):
    """Listens on the loopback interface only, behind the guard.

    With TLS, each connection's own thread makes the handshake.
    """

    def __init__(self, app: "WSGIApplication", port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(LOOPBACK, port, guarded(app), Handler)
        self._connections: set[socket.socket] = set()
        self._changed = Condition()
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
            self.ssl_context = tls
        self.url = f"{'https' if tls else 'http'}://{LOOPBACK}:{self.port}"

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._changed:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        with self._changed:
            self._connections.discard(request)
            self._changed.notify_all()

    def hang_up(self) -> None:
        """Shut every connection down, below TLS, so that the thread that reads or waits on it ends."""
        with self._changed:
            for connection in self._connections:
                with suppress(OSError):  # closed by the client at this moment
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)
            self._changed.wait_for(lambda: not self._connections, timeout=PATIENCE)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    thread = Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01}, name=listener.url, daemon=True)
    thread.start()
    try:
        yield
    finally:
        listener.shutdown()
        listener.hang_up()
        thread.join()
