"""Every call is over by its deadline, whatever it is that takes so long, and says whether anything was sent."""

import logging
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trustme

from feee_cancel.adapters import connection, feee_client
from feee_cancel.adapters.connection import Call
from feee_cancel.adapters.feee_client import FeeeClient
from feee_cancel.adapters.resolver import Address, Resolver, look_up
from feee_cancel.domain.answer import Answer, AnswerKind
from tests.builders import ORDER_NO
from tests.deadlines import WAITS, in_time, sent_in_time, soon, waits
from tests.odd_server import End, OddServer, Step, chunked, drip, framed, odd_server, order_body

KEY = "8a63d52f-1dcd-4c5e-9e3d-1f0b8f3ea2d4"
SECONDS = 1.0
"""How long a call may take: a busy machine connects within it, and what drips below takes longer."""
GOOD = order_body(ORDER_NO)
WHOLE = framed(GOOD)


def client(url: str, **options: Any) -> FeeeClient:
    def key(*, refresh: bool = False) -> str:
        return KEY

    return FeeeClient(url, **{"user_agent": "Feee.io Client/1.0.0", "key": key, **options})


@pytest.fixture
def server() -> Iterator[OddServer]:
    """One of the test's own: what another test scripted, and may not have asked for, isn't played here."""
    with odd_server() as running:
        yield running


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def identity(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def secure(identity: ssl.SSLContext) -> Iterator[OddServer]:
    with odd_server(identity) as running:
        yield running


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))


def cancel(feee: FeeeClient) -> Callable[..., Answer]:
    return partial(feee.cancel, ORDER_NO)


HEAD = WHOLE[: -len(GOOD)]
SLOW: dict[str, Sequence[Step]] = {
    "the head, steadily": drip(WHOLE, seconds=0.005),
    "the body, steadily": [HEAD, *drip(GOOD, seconds=0.004)],
    "chunks, steadily": drip(chunked(*(GOOD[at : at + 1] for at in range(len(GOOD)))), seconds=0.004),
    "blanks before a body": [
        WHOLE[: -len(GOOD)].replace(b"Length: ", b"Length: 9"),
        *drip(b" " * 5_000, seconds=0.0005),
    ],
    "interim answers": drip(b"HTTP/1.1 103 -\r\n\r\n" * 500, seconds=0.002, step=9),
    "trailers": [chunked(GOOD)[:-2], *drip(b"X-A: b\r\n" * 1_000, seconds=0.001, step=4)],
    "headers": [b"HTTP/1.1 200 OK\r\nX-A: ", *drip(b"b" * 5_000, seconds=0.0005)],
    "chunk extensions": [chunked()[:-5], b"5;", *drip(b"x" * 5_000, seconds=0.0005)],
    "nothing": [End.HOLD],
}


@pytest.mark.parametrize("steps", SLOW.values(), ids=SLOW.keys())
def test_a_steady_drip_is_over_by_the_deadline(server: OddServer, steps: Sequence[Step]) -> None:
    server.play(ORDER_NO, *steps, End.CLOSE)
    answer = sent_in_time(cancel(client(server.url)), SECONDS)
    assert (answer.kind, answer.detail) == (AnswerKind.NO_USABLE_ANSWER, "TimeoutError")


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("steps", SLOW.values(), ids=SLOW.keys())
def test_a_steady_drip_is_over_by_the_deadline_under_tls(secure: OddServer, steps: Sequence[Step]) -> None:
    secure.play(ORDER_NO, *steps, End.CLOSE)
    answer = sent_in_time(cancel(client(secure.url)), SECONDS)
    assert (answer.kind, answer.detail) == (AnswerKind.NO_USABLE_ANSWER, "TimeoutError")


@pytest.mark.usefixtures("trusted")
def test_a_connection_is_kept_under_tls_too_unless_something_came_unasked(secure: OddServer) -> None:
    feee, before = client(secure.url), secure.connections
    for number in ("1", "2", "3"):
        assert feee.query(number, deadline=soon()).request_id == f"r-{number}"
    assert secure.connections == before + 1
    secure.play("4", framed(order_body("4")), framed(order_body("9")), unasked := threading.Event())
    assert feee.query("4", deadline=soon()).request_id == "r-4"
    assert unasked.wait(60)
    assert [feee.query(number, deadline=soon()).request_id for number in ("5", "6")] == ["r-5", "r-6"]
    assert secure.connections == before + 2


@pytest.mark.usefixtures("trusted")
def test_a_tls_handshake_that_never_comes_is_over_by_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        answer = in_time(cancel(client(f"https://127.0.0.1:{silent.getsockname()[1]}")), SECONDS)
    assert (answer.kind, answer.detail) == (AnswerKind.NOT_SENT, "TimeoutError")


def test_a_peer_that_takes_no_connection_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        answer = in_time(cancel(client(f"http://127.0.0.1:{port}")), SECONDS)
        for one in waiting:
            one.close()
    assert (answer.kind, answer.detail) == (AnswerKind.NOT_SENT, "TimeoutError")


class Names:
    """A resolver that answers when the test lets it."""

    def __init__(self) -> None:
        self.answer = threading.Event()
        self.asked = 0

    def __call__(self, host: str, port: int) -> Sequence[Address]:
        self.asked += 1
        assert self.answer.wait(120)
        return look_up(host, port)


def test_a_name_that_cannot_be_looked_up_in_time_is_given_up_and_asked_for_once(server: OddServer) -> None:
    names = Names()
    feee = client(server.url, lookup=names)
    for _ in range(3):
        answer = in_time(cancel(feee), SECONDS)
        assert (answer.kind, answer.detail) == (AnswerKind.NOT_SENT, "TimeoutError")
    assert names.asked == 1
    names.answer.set()
    assert in_time(cancel(feee)).kind is AnswerKind.ORDER


def test_the_addresses_of_before_do_while_the_name_cannot_be_looked_up(server: OddServer) -> None:
    names = Names()
    names.answer.set()
    feee = client(server.url, lookup=names)
    assert in_time(cancel(feee)).kind is AnswerKind.ORDER
    names.answer.clear()
    server.play(ORDER_NO, End.CLOSE)
    assert in_time(cancel(feee)).kind is AnswerKind.NO_USABLE_ANSWER
    assert in_time(cancel(feee), at_once=0.5).kind is AnswerKind.ORDER
    names.answer.set()


def test_a_name_that_does_not_exist_is_told() -> None:
    def no_such_name(host: str, port: int) -> Sequence[Address]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    answer = in_time(cancel(client("https://feee.invalid/open", lookup=no_such_name)))
    assert (answer.kind, answer.detail) == (AnswerKind.NOT_SENT, "gaierror")


def test_a_name_without_an_address_is_told() -> None:
    answer = in_time(cancel(client("http://localhost:1", lookup=lambda host, port: [])))
    assert (answer.kind, answer.detail) == (AnswerKind.NOT_SENT, "OSError")


def test_the_next_address_is_tried_where_one_does_not_answer(server: OddServer) -> None:
    def two(host: str, port: int) -> Sequence[Address]:
        return [*look_up("127.0.0.1", 1), *look_up(host, port)]

    assert in_time(cancel(client(server.url, lookup=two))).kind is AnswerKind.ORDER


def _fails(*_: Any, **__: Any) -> Any:
    raise LookupError(f"unknown encoding {KEY}")


def test_an_error_that_nobody_expected_is_an_answer_and_loud(
    server: OddServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(feee_client, "interpret", _fails)
    answer = in_time(cancel(client(server.url)))
    assert (answer.kind, answer.detail) == (AnswerKind.NO_USABLE_ANSWER, "LookupError")
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert vars(record)["error"] == "LookupError"
    assert any(where.startswith("_fails:") for where in vars(record)["where"])
    assert KEY not in caplog.text + repr(vars(record))


def test_an_error_before_anything_was_sent_is_not_sent(server: OddServer, caplog: pytest.LogCaptureFixture) -> None:
    for feee in (client(server.url, key=_fails), client(server.url, lookup=_fails)):
        assert in_time(cancel(feee)).kind is AnswerKind.NOT_SENT
    assert caplog.text.count("an error that nobody expected") == 2
    assert KEY not in caplog.text


def test_an_answer_is_not_lost_because_it_could_not_be_counted(
    server: OddServer, caplog: pytest.LogCaptureFixture
) -> None:
    assert in_time(cancel(client(server.url, answered=_fails))).kind is AnswerKind.ORDER
    assert "an error that nobody expected" in caplog.text


def test_a_key_that_cannot_be_read_again_leaves_the_first_answer(server: OddServer) -> None:
    def key(*, refresh: bool = False) -> str:
        return str(_fails()) if refresh else KEY

    server.play(ORDER_NO, framed(b'{"code": 10001, "msg": "no such key"}'))
    answer = in_time(cancel(client(server.url, key=key)))
    assert (answer.kind, answer.code) == (AnswerKind.MISCONFIGURED, 10001)


def test_an_answer_to_a_request_that_was_cut_off_is_read(server: OddServer) -> None:
    """A peer that has read enough answers and closes; what was still to be sent goes nowhere."""
    server.play(ORDER_NO, framed(b'{"code": 20003}', "Connection: close"), End.CLOSE)
    assert in_time(cancel(client(server.url))).kind is AnswerKind.REFUSED


@pytest.fixture
def without_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call's only limit is its deadline."""
    monkeypatch.setattr(connection, "_CONNECT_SECONDS", 1_000)
    monkeypatch.setattr(feee_client, "_CALL_SECONDS", 1_000)


@pytest.mark.usefixtures("trusted", "without_limits")
def test_no_wait_is_longer_than_what_is_left(secure: OddServer) -> None:
    """For a name, a connection, a handshake, sending and each read; with a fresh key, too."""
    keys = iter(["an-old-one", KEY])
    feee = client(secure.url, key=lambda *, refresh=False: next(keys))
    secure.play(ORDER_NO, framed(b'{"code": 10001, "msg": "no such key"}'))
    with waits() as seen:
        assert feee.cancel(ORDER_NO, deadline=soon(60)).kind is AnswerKind.ORDER
    assert {one.name for one in seen} == WAITS
    assert all(one.looked and one.most <= 60 for one in seen), seen


@pytest.mark.usefixtures("trusted")
def test_no_wait_is_longer_than_its_own_limit(secure: OddServer) -> None:
    with waits() as seen:
        assert sent_in_time(cancel(client(secure.url)), 1_000).kind is AnswerKind.ORDER
    assert {one.name for one in seen} == WAITS
    for one in seen:
        assert one.most <= (2 if one.name in {"look up", "connect", "do_handshake"} else 7), one


@pytest.mark.usefixtures("trusted", "without_limits")
def test_what_is_asked_for_to_be_shown_waits_no_longer_either(secure: OddServer) -> None:
    feee = client(secure.url)
    with waits() as seen:
        response, document, _ = feee.received("GET", f"/v2/order/query?order_no={ORDER_NO}", deadline=soon(60))
    assert (response.status, isinstance(document, dict)) == (200, True)
    assert all(one.looked and one.most <= 60 for one in seen), seen
    before = secure.connections
    with pytest.raises(TimeoutError):
        feee.received("GET", "/v2/order/query", deadline=soon(0.1))
    assert secure.connections == before


def test_addresses_that_are_known_are_renewed_for_half_a_second() -> None:
    found = Resolver("localhost", 1)
    with waits() as seen:
        for seconds in (2.0, 2.0, 0.3):
            found.addresses(seconds)
    assert [one.most for one in seen] == [2.0, 0.5, 0.3]


@pytest.mark.parametrize("error", [TimeoutError, BrokenPipeError, ConnectionResetError])
def test_what_was_sent_in_part_may_have_been_acted_on(
    server: OddServer, monkeypatch: pytest.MonkeyPatch, error: type[OSError]
) -> None:
    def cut(sock: socket.socket, data: bytes) -> None:
        sock.send(data[:-1])
        raise error

    monkeypatch.setattr(socket.socket, "sendall", cut)
    assert sent_in_time(cancel(client(server.url)), SECONDS).kind is AnswerKind.NO_USABLE_ANSWER


def test_what_is_over_before_it_is_sent_was_not_sent(server: OddServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time is up between the connection and the first byte."""
    feee, left = client(server.url), Call.left

    def none_left(call: Call, *bounds: float, **least: float) -> float:
        if not bounds and not least:
            raise TimeoutError
        return left(call, *bounds, **least)

    monkeypatch.setattr(Call, "left", none_left)
    answer = feee.cancel(ORDER_NO, deadline=soon())
    assert (answer.kind, answer.detail) == (AnswerKind.NOT_SENT, "TimeoutError")
