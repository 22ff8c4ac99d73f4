"""A company's proxy on loopback (CONNECT, and requests by whole URL), and what it leads to, whatever the name."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import trustme


@dataclass
class Proxy:
    """`asked` is what it was asked for; `refuses` is the status that it answers a CONNECT with, if it does."""

    url: str
    authority: str
    asked: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    refuses: int | None = None


@contextmanager
def proxy(folder: Path, host: str, answer: bytes) -> Iterator[Proxy]:
    """A proxy that leads every request to a server with a certificate for `host`, which gives this answer."""
    authority = trustme.CA()
    file = folder / "authority.pem"
    authority.cert_pem.write_to_path(file)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(host).configure_cert(context)

    class Answering(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            there.headers.append(dict(self.headers.items()))
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - http.server's names

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    class Leading(Answering):
        def do_CONNECT(self) -> None:
            there.asked.append(self.path)
            self.close_connection = True
            if there.refuses:
                self.send_error(there.refuses)
                return
            self.send_response(200)
            self.end_headers()
            with suppress(OSError), context.wrap_socket(self.connection, server_side=True) as inside:
                Answering(inside, self.client_address, self.server)

        def _answer(self) -> None:
            there.asked.append(self.path)
            super()._answer()

        do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - http.server's names

    with ExitStack() as opened:
        server = opened.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), Leading))
        there = Proxy(f"http://127.0.0.1:{server.server_port}", str(file))
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        opened.callback(server.shutdown)
        yield there


def dead_port() -> int:
    """A port of loopback that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
