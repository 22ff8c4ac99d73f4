"""boto3 clients, one for each service, closed together."""

from collections.abc import Callable
from threading import Lock
from typing import Any, Self

import boto3

from local.api import CREDENTIALS, REGION


class Clients:
    """Has a service's client made when it is first asked for; any thread may ask."""

    def __init__(self, make: Callable[[str], Any]) -> None:
        self._make = make
        self._made: dict[str, Any] = {}
        self._making = Lock()  # boto3's sessions make one client at a time

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


def at_emulator(endpoint: str) -> Clients:
    """Clients at this machine's emulator."""
    session = boto3.Session(CREDENTIALS.access_key, CREDENTIALS.secret_key, region_name=REGION)
    make: Any = session.client
    return Clients(lambda service: make(service, endpoint_url=endpoint))
