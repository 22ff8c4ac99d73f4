"""A proxy that is named in the environment, but isn't there."""

import os
import socket
from urllib.parse import urlsplit

_NAMES = ("http_proxy", "https_proxy", "all_proxy")


def forget_dead_proxies() -> None:
    """Take away those that nothing answers at: a test that installs packages in a fresh clone does so without them."""
    for name in filter(lambda name: name.lower() in _NAMES, list(os.environ)):
        if not _is_there(os.environ[name]):
            del os.environ[name]


def _is_there(url: str) -> bool:
    try:
        proxy = urlsplit(url if "//" in url else f"//{url}")
        socket.create_connection((proxy.hostname or "", proxy.port or 80), timeout=3).close()
    except (OSError, ValueError):
        return False
    return True
