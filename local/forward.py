"""Ports of the loopback interface, made reachable at another address of this machine and nowhere else."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from select import select
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread

LOOPBACK = "127.0.0.1"
_CHUNK = 65_536


class _Forward(BaseRequestHandler):
    """Passes bytes on in both directions until both sides have finished."""

    def handle(self) -> None:
        port = self.request.getsockname()[1]
        with suppress(OSError), socket.create_connection((LOOPBACK, port)) as there:
            other = {self.request: there, there: self.request}
            while other:
                for side in select(list(other), [], [])[0]:
                    data = side.recv(_CHUNK)
                    if data:
                        other[side].sendall(data)
                    else:
                        other.pop(side).shutdown(socket.SHUT_WR)


class _Server(ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@contextmanager
def forwarded(address: str, *ports: int) -> Iterator[None]:
    """Until the block ends, `address` answers on these ports as the loopback interface does."""
    with ExitStack() as opened:
        for port in ports:
            server = opened.enter_context(_Server((address, port), _Forward))
            Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
            opened.callback(server.shutdown)
        yield
