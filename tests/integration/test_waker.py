"""Waking the drain, over HTTP: an execution environment asks Lambda again and again on one connection."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import pytest

from feee_cancel.adapters.waker import Waker
from local.aws import at_emulator


class Lambda(ThreadingHTTPServer):
    """Accepts every asynchronous invocation, as Lambda does: 202, and no body."""

    connections = 0
    announced = 0
    """The length of the body that is announced; none is sent."""


class _Accepted(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Lambda

    def setup(self) -> None:
        self.server.connections += 1
        super().setup()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(202)
        self.send_header("Content-Length", str(self.server.announced))
        self.end_headers()
        self.close_connection = self.server.announced > 0

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture
def endpoint() -> Iterator[Lambda]:
    with Lambda(("127.0.0.1", 0), _Accepted) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


def wake(endpoint: Lambda, times: int) -> None:
    idle: Any = SimpleNamespace(may_wake=lambda until, now: True)
    with at_emulator(f"http://127.0.0.1:{endpoint.server_address[1]}") as client:
        for until in range(times):
            Waker(idle, lambda: client("lambda"), "drain")(until)


def test_one_connection_does_for_all_that_wake_the_drain(endpoint: Lambda) -> None:
    wake(endpoint, 5)
    assert endpoint.connections == 1


def test_an_answer_that_is_cut_short_was_one_all_the_same(endpoint: Lambda, caplog: pytest.LogCaptureFixture) -> None:
    endpoint.announced = 5
    wake(endpoint, 1)
    assert endpoint.connections == 1
    assert caplog.messages == []
