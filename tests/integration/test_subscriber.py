"""Posting settled events to the user's own URL, over real sockets and TLS."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
import trustme
from flask import Flask, Response, request
from standardwebhooks import Webhook

from feee_cancel.adapters import subscriber as module
from feee_cancel.adapters.resolver import Address, Lookup
from feee_cancel.adapters.senders import Sender
from feee_cancel.adapters.subscriber import PrivateAddressError, Subscriber, is_public, look_up_public
from feee_cancel.usecases.deliver import PostResult
from feee_cancel.usecases.errors import SecretUnavailableError
from local.signing import SECRET
from local.simulator.listener import Listener, listening
from tests.deadlines import WAITS, Stopwatch, waits

BODY = b'{"order_no": "2304170329503866885309"}'
EVENT = "settled_2304170329503866885309_1724319451"
OTHER = "whsec_YW5vdGhlci1zZWNyZXQtb2YtMzItYnl0ZXMtbG9uZyE="


@dataclass
class Wallet:
    """The user's own server. `answer` gives its status and headers."""

    url: str
    trusted: ssl.SSLContext
    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    came: list[tuple[str, Mapping[str, str], bytes]] = field(default_factory=list)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@contextmanager
def wallet(authority: trustme.CA, name: str = "localhost") -> Iterator[Wallet]:
    app = Flask(__name__)

    @app.post("/<path:path>")
    def receive(path: str) -> Response:
        opened.came.append((request.full_path, dict(request.headers.items()), request.get_data()))
        return Response(b"x" * 100_000, opened.status, headers=opened.headers)

    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(tls)
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)
    listener = Listener(app, tls=tls)
    with listening(listener):
        opened = Wallet(f"https://localhost:{listener.port}/feee-cancel?from=stack", trusted)
        yield opened


def leading_to(*addresses: str) -> Lookup:
    """The name leads there."""
    return lambda _, port: [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (address, port)) for address in addresses]


HERE = leading_to("127.0.0.1")
"""This machine; only the receivers of these tests may be there."""


def receiver(at: Wallet, *secrets: str, lookup: Lookup = HERE) -> Subscriber:
    senders = [Sender(None, Webhook(secret)) for secret in secrets or (SECRET,)]
    return Subscriber(at.url, senders=lambda: senders, trusted=at.trusted, lookup=lookup)


def test_an_event_is_posted_once_and_verifies_with_the_library(authority: trustme.CA) -> None:
    with wallet(authority) as there:
        assert receiver(there).post(EVENT, BODY) is PostResult.ACCEPTED
    ((path, headers, body),) = there.came
    assert (path, body) == ("/feee-cancel?from=stack", BODY)
    assert headers["Host"] == there.url.split("/")[2]
    assert headers["Content-Type"] == "application/json"
    Webhook(SECRET).verify(body, {name.lower(): value for name, value in headers.items()})
    assert headers["Webhook-Id"] == EVENT


def test_no_wait_for_a_receiver_is_longer_than_its_limit(authority: trustme.CA) -> None:
    with wallet(authority) as there, waits() as seen:
        assert receiver(there).post(EVENT, BODY) is PostResult.ACCEPTED
    assert {one.name for one in seen} == WAITS
    assert all(one.looked and one.most <= 10 for one in seen), seen


def test_each_secret_signs_while_one_replaces_another(authority: trustme.CA) -> None:
    with wallet(authority) as there:
        receiver(there, OTHER, SECRET).post(EVENT, BODY)
    ((_, headers, body),) = there.came
    for secret in (OTHER, SECRET):
        Webhook(secret).verify(body, {name.lower(): value for name, value in headers.items()})


@pytest.mark.parametrize(
    ("status", "reply"),
    [
        (200, PostResult.ACCEPTED),
        (202, PostResult.ACCEPTED),
        (301, PostResult.TRY_AGAIN),
        (307, PostResult.TRY_AGAIN),
        (400, PostResult.TRY_AGAIN),
        (401, PostResult.TRY_AGAIN),
        (410, PostResult.GONE),
        (429, PostResult.TRY_AGAIN),
        (500, PostResult.TRY_AGAIN),
        (599, PostResult.TRY_AGAIN),
    ],
)
def test_what_an_answer_means(authority: trustme.CA, status: int, reply: PostResult) -> None:
    with wallet(authority) as there:
        there.status = status
        assert receiver(there).post(EVENT, BODY) is reply


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_event_goes_to_a_redirects_target(authority: trustme.CA, status: int) -> None:
    with wallet(authority) as there, wallet(authority) as other:
        there.status, there.headers = status, {"Location": other.url}
        assert receiver(there).post(EVENT, BODY) is PostResult.TRY_AGAIN
    assert (len(there.came), other.came) == (1, [])


def test_a_certificate_for_another_name_gets_no_event(authority: trustme.CA) -> None:
    with wallet(authority, name="other.example") as there:
        assert receiver(there).post(EVENT, BODY) is PostResult.TRY_AGAIN
    assert there.came == []


def test_a_certificate_that_nobody_vouches_for_gets_no_event(authority: trustme.CA) -> None:
    with wallet(authority) as there:
        there.trusted = ssl.create_default_context()
        assert receiver(there).post(EVENT, BODY) is PostResult.TRY_AGAIN
    assert there.came == []


def test_a_private_address_gets_no_event(authority: trustme.CA) -> None:
    with wallet(authority) as there:
        public_alone = partial(look_up_public, lookup=HERE)
        assert receiver(there, lookup=public_alone).post(EVENT, BODY) is PostResult.TRY_AGAIN
    assert there.came == []


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("127.0.0.1", False),
        ("10.0.0.1", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("169.254.100.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("fd00:ec2::254", False),
        ("ff02::1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:93.184.216.34", False),
        ("64:ff9b::a9fe:a9fe", False),
        ("2002:a00:1::", False),
        ("2001:0:a00:1::", False),
    ],
)
def test_which_addresses_are_public(address: str, *, public: bool) -> None:
    assert is_public(address) is public


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0", "localhost", "::1", "::ffff:127.0.0.1", "::"],
)
def test_no_way_to_write_a_private_address_leads_there(host: str) -> None:
    """As the system's own resolver reads it."""
    with pytest.raises(PrivateAddressError):
        look_up_public(host, 443)


def test_the_address_that_was_checked_is_the_one_that_is_connected_to(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No second look-up, which could lead elsewhere (DNS rebinding)."""
    with wallet(authority) as there:
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("looked up again"))
        assert receiver(there).post(EVENT, BODY) is PostResult.ACCEPTED
    assert len(there.came) == 1


def test_a_name_that_turns_private_isnt_followed_there(authority: trustme.CA) -> None:
    with wallet(authority) as there, wallet(authority) as inside:
        lookups: Iterator[Lookup] = iter([HERE, partial(look_up_public, lookup=leading_to("10.0.0.1"))])

        def moving(host: str, port: int) -> Sequence[Address]:
            return next(lookups)(host, port)

        moved = receiver(there, lookup=moving)
        assert moved.post(EVENT, BODY) is PostResult.ACCEPTED
        assert moved.post(EVENT, BODY) is PostResult.ACCEPTED, "at the address that was checked"
    assert (len(there.came), inside.came) == (2, [])


def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    with pytest.raises(PrivateAddressError):
        look_up_public("wallet.example", 443, leading_to("93.184.216.34", "10.0.0.1"))
    public = leading_to("93.184.216.34")
    assert look_up_public("wallet.example", 443, public) == public("wallet.example", 443)


def test_nothing_is_posted_without_a_secret(authority: trustme.CA) -> None:
    def none() -> list[Sender]:
        raise SecretUnavailableError("empty")

    with wallet(authority) as there:
        unset = Subscriber(there.url, senders=none, trusted=there.trusted, lookup=HERE)
        assert unset.post(EVENT, BODY) is PostResult.TRY_AGAIN
    assert there.came == []


@contextmanager
def raw(handle: Callable[[socket.socket], None]) -> Iterator[tuple[str, threading.Event]]:
    """A server that does as it likes with one connection: its URL, and whether somebody came."""
    came = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            try:
                connection, _ = server.accept()
            except OSError:
                return  # nobody came
            came.set()
            with connection:
                handle(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}/", came
        finally:
            server.shutdown(socket.SHUT_RDWR)  # or who waits in vain is not woken
            thread.join()


def silent(connection: socket.socket) -> None:
    while connection.recv(65_536):
        pass


def dripping(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    try:
        for number in range(1000):
            connection.sendall(f"x-{number}: 1\r\n".encode())
            time.sleep(0.05)
    except OSError:
        return


def garbage(connection: socket.socket) -> None:
    connection.recv(65_536)
    connection.sendall(b"\x00\xff\r\n\r\n")


@pytest.mark.parametrize("server", [silent, dripping, garbage, socket.socket.close])
def test_a_receiver_that_never_answers_rightly_is_left_in_time(
    server: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CALL_SECONDS", 0.5)
    with raw(server) as (url, came):
        posting = Subscriber(url, senders=lambda: [Sender(None, Webhook(SECRET))])
        for _ in range(5):  # again if the machine stood still before it had connected
            with Stopwatch() as watch:
                assert posting.post(EVENT, BODY) is PostResult.TRY_AGAIN
            assert watch.seconds < 1.5
            if came.wait(1):
                break
        assert came.is_set()


@pytest.mark.parametrize("url", ["http://wallet.example/x", "ftp://wallet.example", "https://", "wallet.example"])
def test_a_url_that_is_not_https_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(ValueError, match="must be https"):
        Subscriber(url, senders=list)
