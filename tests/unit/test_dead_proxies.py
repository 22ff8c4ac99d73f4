"""The tests run behind a dead proxy, and use a living one."""

import os
import socket

import pytest

from tests.dead_proxies import forget_dead_proxies
from tests.proxy import dead_port


def test_a_proxy_that_isnt_there_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as there:
        alive = f"127.0.0.1:{there.getsockname()[1]}"
        given = {
            "HTTP_PROXY": alive,
            "https_proxy": f"http://me:secret@{alive}",
            "HTTPS_PROXY": f"http://127.0.0.1:{dead_port()}",
            "http_proxy": " ",
            "ALL_PROXY": "http://127.0.0.1:no-port",
        }
        for name, value in given.items():
            monkeypatch.setenv(name, value)
        forget_dead_proxies()
        assert {name: os.environ[name] for name in given if name in os.environ} == {
            "HTTP_PROXY": alive,
            "https_proxy": f"http://me:secret@{alive}",
        }
