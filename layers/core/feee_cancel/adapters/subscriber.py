"""The user's own URL: settled events posted to it, signed by Standard Webhooks.

The URL comes from whoever deployed the stack, its name from DNS: so every address is checked before it is connected to,
and the one that was checked is the one that is used.
"""

import logging
import math
import ssl
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from http.client import HTTPException
from ipaddress import IPv6Address, ip_address, ip_network

from urllib3.exceptions import HTTPError

from feee_cancel.adapters.connection import Call, Connections
from feee_cancel.adapters.resolver import Address, Lookup, Resolver, look_up, peer
from feee_cancel.adapters.senders import Sender
from feee_cancel.usecases.deliver import PostResult
from feee_cancel.usecases.errors import SecretUnavailableError

CALL_SECONDS = 10.0
_EMBEDDING = (
    ip_network("64:ff9b::/96"),
    ip_network("64:ff9b:1::/48"),
    ip_network("2002::/16"),
    ip_network("2001::/32"),
)
"""IPv6 networks whose addresses lead to an IPv4 address (RFC 6052, 8215, 3056, 4380)."""

logger = logging.getLogger(__name__)


class PrivateAddressError(OSError):
    """The name leads to an address that isn't on the public Internet."""


def look_up_public(host: str, port: int, lookup: Lookup = look_up) -> Sequence[Address]:
    """The addresses of a name, if each of them is on the public Internet. Raises OSError."""
    addresses = lookup(host, port)
    if not all(is_public(str(address[0])) for *_, address in addresses):
        raise PrivateAddressError("the receiver's name doesn't lead to public addresses alone")
    return addresses


def is_public(address: str) -> bool:
    """Whether it is on the public Internet, and doesn't lead to another address."""
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address) and (ip.ipv4_mapped or any(ip in network for network in _EMBEDDING)):
        return False
    return ip.is_global and not ip.is_multicast


class Subscriber:
    """Posts to one URL: https, or http on this machine. `senders` gives those whose secrets sign."""

    def __init__(
        self,
        url: str,
        *,
        senders: Callable[[], Sequence[Sender]],
        trusted: ssl.SSLContext | None = None,
        lookup: Lookup = look_up_public,
    ) -> None:
        """Raises ValueError for any other URL."""
        self._url, host, port = peer(url, "the receiver's")
        self._senders = senders
        local = self._url.scheme == "http"
        resolver = Resolver(host, port, look_up if local else lookup)
        self._connections = Connections(resolver, None if local else trusted or ssl.create_default_context())

    def post(self, event: str, body: bytes) -> PostResult:
        """Post the event once. Never raises; ends within ten seconds; follows no redirect; reads no body."""
        call = Call(math.inf, most=CALL_SECONDS)
        try:
            status = self._exchange(self._signed(event, body), body, call)
        except (HTTPError, HTTPException, OSError, SecretUnavailableError) as error:
            logger.warning("the receiver couldn't be reached", extra={"event_id": event, "error": type(error).__name__})
            return PostResult.TRY_AGAIN
        milliseconds = round(call.seconds * 1000)
        logger.info("the receiver answered", extra={"event_id": event, "status": status, "milliseconds": milliseconds})
        return _reply(status)

    def _signed(self, event: str, body: bytes) -> dict[str, str]:
        now = datetime.now(UTC)
        signatures = [sender.webhook.sign(event, now, body.decode()) for sender in self._senders()]
        return {
            "Host": self._url.netloc.rpartition("@")[2],
            "Content-Type": "application/json",
            "User-Agent": "feee-cancel",
            "webhook-id": event,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(signatures),
        }

    def _exchange(self, headers: dict[str, str], body: bytes, call: Call) -> int:
        path = (self._url.path or "/") + (f"?{self._url.query}" if self._url.query else "")
        connection = self._connections.take(call)
        try:
            connection.request("POST", path, body, headers)
            with connection.answer() as response:
                return response.status
        finally:
            self._connections.put_back(connection, clean=False)


def _reply(status: int) -> PostResult:
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return PostResult.ACCEPTED
    return PostResult.GONE if status == HTTPStatus.GONE else PostResult.TRY_AGAIN
