"""SAM CLI calls a container once it answers, and not when the engine takes the first connection for it."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from local import containers
from local.build import ROOT, SAM
from local.container_port import answers
from local.errors import LocalError
from local.ports import free_port

WAITING = """
from samcli.local.docker.container import Container
from local import container_port
from local.sam_start import let_containers_start_slowly

container_port.SECONDS = 60  # or a machine that stands still for a second makes it call again
let_containers_start_slowly()
one = object.__new__(Container)
one._container_host, one.rapid_port_host = "127.0.0.1", {port}
one._wait_for_socket_connection()
"""


class Engine:
    """Breaks the first connections off, as an engine does until the container listens; then answers as it does."""

    def __init__(self, listening: socket.socket, broken_off: int) -> None:
        self.port: int = listening.getsockname()[1]
        self.calls = 0
        self._listening, self._broken_off = listening, broken_off

    def run(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            with connection:
                self.calls += 1
                if self.calls > self._broken_off and connection.recv(1000):
                    connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")


@pytest.fixture
def engine() -> Iterator[Engine]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        engine = Engine(listening, broken_off=3)
        thread = threading.Thread(target=engine.run)
        thread.start()
        yield engine
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_sam_cli_waits_until_the_container_itself_answers(engine: Engine) -> None:
    command = [str(SAM.with_name("python")), "-c", WAITING.format(port=engine.port)]
    subprocess.run(command, cwd=ROOT, check=True)
    assert engine.calls == 4


def test_nobody_answers_where_nobody_listens() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        assert not answers(*bound.getsockname())


@pytest.mark.parametrize("script", ["", "print()", "print('Task timed out after 25.00 seconds')"])
def test_an_invocation_without_an_answer_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str
) -> None:
    """SAM CLI's exit status is 0 where the function took too long, or its container ended."""
    monkeypatch.setattr(containers, "_SAM", (sys.executable, "-c", script))
    with pytest.raises(LocalError, match="ApiFunction gave no answer"):
        without_a_stack(tmp_path).invoke("ApiFunction", {})


@pytest.mark.parametrize(("script", "seconds", "others"), [("", 60, 3), ("import time; time.sleep(60)", 0.2, 0)])
def test_an_api_that_does_not_start_is_tried_at_other_ports_if_it_ended_by_itself(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, seconds: float, others: int
) -> None:
    asked = list[int]()

    def another_port() -> int:
        asked.append(free_port())
        return asked[-1]

    monkeypatch.setattr(containers, "_SAM", (sys.executable, "-c", script))
    monkeypatch.setattr(containers, "_START_SECONDS", seconds)
    monkeypatch.setattr(containers, "_remove_containers", lambda _: None)
    monkeypatch.setattr(containers, "free_port", another_port)
    with pytest.raises(LocalError, match="start-api didn't start"), without_a_stack(tmp_path).api(free_port()):
        pass
    assert len(asked) == others


def without_a_stack(folder: Path) -> containers.Containers:
    stack: Any = SimpleNamespace(directory=folder)
    return containers.Containers(stack, "image", folder, folder)
