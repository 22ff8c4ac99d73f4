"""boto3 clients, one for each service, closed together; and those of an AWS emulator on this machine."""

import os
from collections.abc import Callable
from threading import Lock
from typing import Any, Self

import botocore.session
from botocore.config import Config
from botocore.credentials import Credentials

CONFIG = Config(connect_timeout=5, read_timeout=60, retries={"mode": "standard", "total_max_attempts": 3})


class Clients:
    """Makes a service's client when it is first asked for; any thread may ask."""

    def __init__(self, make: Callable[[str], Any]) -> None:
        self._make = make
        self._made: dict[str, Any] = {}
        self._making = Lock()  # sessions make one client at a time

    def __call__(self, service: str) -> Any:
        """The service's client."""
        with self._making:
            if service not in self._made:
                self._made[service] = self._make(service)
            return self._made[service]

    def close(self) -> None:
        """Close the clients' connections."""
        for client in self._made.values():
            client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def at_emulator(endpoint: str, credentials: Credentials, region: str, config: Config | None = None) -> Clients:
    """Clients at this machine's emulator, whatever the user's AWS settings and proxies are."""
    nothing = {"profile": (None, None, None, None), "config_file": (None, None, os.devnull, None)}
    session: Any = botocore.session.Session(session_vars=nothing)
    there = {
        "region_name": region,
        "endpoint_url": endpoint,
        "aws_access_key_id": credentials.access_key,
        "aws_secret_access_key": credentials.secret_key,
        "config": (config or Config()).merge(Config(proxies={})),
    }
    return Clients(lambda service: session.create_client(service, **there))
