"""The client against the simulator, over real sockets: what it sends, and what every misbehaviour comes to."""

import json
import logging
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trustme

from feee_cancel.adapters.feee_answer import interpret
from feee_cancel.adapters.feee_client import FeeeClient
from feee_cancel.domain.answer import AnswerKind
from feee_cancel.domain.order import Order
from feee_cancel.usecases.errors import SecretUnavailableError
from layers import authorities
from local.simulator.server import RunningSimulator, running
from tests.builders import DOCUMENTED
from tests.deadlines import sent_in_time, soon
from tests.fakes import Clock

KEY = "8a63d52f-1dcd-4c5e-9e3d-1f0b8f3ea2d4"
USER_AGENT = "Feee.io Client/1.0.0 (https://feee.io)"


@pytest.fixture(scope="module")
def server() -> Iterator[RunningSimulator]:
    with running(key=KEY, rate_limit=10_000) as simulator:
        yield simulator


@pytest.fixture
def simulator(server: RunningSimulator) -> RunningSimulator:
    server.client.reset()
    server.client.set_access(rate_limit=10_000)
    return server


def client(url: str, key: Callable[..., str] = lambda *, refresh=False: KEY) -> FeeeClient:
    return FeeeClient(url, user_agent=USER_AGENT, key=key)


def test_a_cancel_is_exactly_the_documented_request(simulator: RunningSimulator) -> None:
    order = simulator.client.create_order(age=743)
    answer = client(simulator.url).cancel(order.order_no, deadline=soon())
    assert answer.kind is AnswerKind.ORDER
    assert answer.order is not None
    assert answer.order.refund_amount == Decimal("3.92")
    (request,) = simulator.client.requests()
    assert (request.method, request.path, request.query) == ("POST", "/open/v2/order/cancel", "")
    assert json.loads(request.body) == {"order_no": order.order_no}
    headers = {name.lower(): value for name, value in request.headers}
    assert {name: headers[name] for name in ("key", "user-agent", "content-type")} == {
        "key": KEY,
        "user-agent": USER_AGENT,
        "content-type": "application/json",
    }
    assert set(headers) == {"key", "user-agent", "content-type", "content-length", "host", "accept-encoding"}


def test_the_documented_answer_is_read_field_by_field(simulator: RunningSimulator) -> None:
    order = simulator.client.create_order(**{**DOCUMENTED, "age": 743, "status": 4, "refund_amount": 0})
    answer = client(simulator.url).cancel(order.order_no, deadline=soon())
    given = simulator.client.order(order.order_no).detail
    assert answer.order == Order.parse(given)
    assert set(DOCUMENTED) <= set(given)
    assert (answer.http_status, answer.code, answer.msg) == (200, 0, "ok")
    assert answer.request_id


def test_a_query_is_exactly_the_documented_request(simulator: RunningSimulator) -> None:
    order = simulator.client.create_order(age=60, is_split=1)
    answer = client(simulator.url).query(order.order_no, deadline=soon())
    assert answer.kind is AnswerKind.ORDER
    (request,) = simulator.client.requests()
    assert (request.method, request.path, request.query) == (
        "GET",
        "/open/v2/order/query",
        f"order_no={order.order_no}",
    )
    assert "content-type" not in {name.lower() for name, _ in request.headers}


def test_a_request_is_sent_in_one_piece() -> None:
    """In two, the peer is woken for a head that it can do nothing with, and over TLS there are two records."""
    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor(1) as calling:
        call = calling.submit(client(f"http://127.0.0.1:{listening.getsockname()[1]}").cancel, "1", deadline=soon())
        listening.settimeout(60)
        connection, _ = listening.accept()
        with connection:
            received = connection.recv(65_536)
        assert received.endswith(b'\r\n\r\n{"order_no": "1"}')
        assert call.result().kind is AnswerKind.NO_USABLE_ANSWER


def test_connections_are_kept_between_calls(simulator: RunningSimulator) -> None:
    order = simulator.client.create_order(age=743)
    feee = client(simulator.url)
    for _ in range(5):
        assert feee.query(order.order_no, deadline=soon()).kind is AnswerKind.ORDER
    assert len({request.port for request in simulator.client.requests()}) == 1


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize(("moved", "connections"), [(0, 1), (29, 1), (31, 2), (-3600, 2)])
def test_a_connection_that_rested_long_by_either_clock_is_not_trusted(
    simulator: RunningSimulator, which: int, moved: float, connections: int
) -> None:
    order = simulator.client.create_order(age=743)
    clocks = [Clock(), Clock()]
    feee = FeeeClient(simulator.url, user_agent=USER_AGENT, key=lambda *, refresh=False: KEY, clocks=clocks)
    feee.query(order.order_no, deadline=soon())
    clocks[which].time += moved
    feee.query(order.order_no, deadline=soon())
    assert len({request.port for request in simulator.client.requests()}) == connections


def test_what_feee_io_refuses_is_told_word_for_word(simulator: RunningSimulator) -> None:
    simulator.client.choose(chinese=True)
    answer = client(simulator.url).cancel("1", deadline=soon())
    assert answer.kind is AnswerKind.REFUSED
    assert (answer.code, answer.http_status) == (20004, 200)
    assert answer.msg
    assert not answer.msg.isascii()


def test_an_accepted_cancel_may_come_without_an_order(simulator: RunningSimulator) -> None:
    simulator.client.choose(cancel_without_data=True)
    order = simulator.client.create_order(age=743)
    assert client(simulator.url).cancel(order.order_no, deadline=soon()).kind is AnswerKind.ACCEPTED


UNUSABLE = AnswerKind.NO_USABLE_ANSWER


@pytest.mark.parametrize(
    ("kind", "options", "expected", "detail"),
    [
        ("delay", {"seconds": 0.2}, AnswerKind.ORDER, None),
        ("gzip", {}, AnswerKind.ORDER, None),
        ("message", {"msg": "系统繁忙"}, AnswerKind.ORDER, None),
        ("wrong_type", {"variant": "pay_amount_text"}, AnswerKind.ORDER, None),
        ("wrong_type", {"variant": "refund_amount_null"}, AnswerKind.ORDER, None),
        ("wrong_type", {"variant": "data_null"}, AnswerKind.ACCEPTED, None),
        ("wrong_type", {"variant": "data_list"}, AnswerKind.ACCEPTED, None),
        ("error_code", {"code": 99999}, AnswerKind.REFUSED, None),
        ("error_code", {"code": 99999, "status": 400}, AnswerKind.REFUSED, None),
        ("error_code", {"code": 0, "status": 400}, UNUSABLE, None),
        ("error_code", {"code": 7, "status": 500}, UNUSABLE, None),
        ("error_code", {"code": 7, "status": 302}, UNUSABLE, None),
        ("error_code", {"code": 10**20}, UNUSABLE, "no code"),
        ("error_code", {"code": 10001}, AnswerKind.MISCONFIGURED, None),
        ("error_code", {"code": 20012}, AnswerKind.MISCONFIGURED, None),
        ("error_code", {"code": 20013}, AnswerKind.MISCONFIGURED, None),
        ("error_code", {"code": 11001}, AnswerKind.RATE_EXCEEDED, None),
        ("http_error", {"status": 401}, UNUSABLE, "not JSON"),
        ("http_error", {"status": 403}, UNUSABLE, "not JSON"),
        ("http_error", {"status": 429}, AnswerKind.RATE_EXCEEDED, "not JSON"),
        ("http_error", {"status": 404}, UNUSABLE, "not JSON"),
        ("http_error", {"status": 503}, UNUSABLE, "not JSON"),
        ("html", {"status": 200}, UNUSABLE, "not JSON"),
        ("html", {"status": 502}, UNUSABLE, "not JSON"),
        ("reset", {"acts": False}, UNUSABLE, "ConnectionResetError"),
        ("reset", {"acts": True}, UNUSABLE, "ConnectionResetError"),
        ("truncated", {}, UNUSABLE, "IncompleteRead"),
        ("huge", {}, UNUSABLE, "longer than 1 MiB"),
        ("gzip_bomb", {}, UNUSABLE, "longer than 1 MiB"),
        ("empty", {}, UNUSABLE, "not JSON"),
        ("not_utf8", {}, AnswerKind.ORDER, None),
        ("nan", {}, UNUSABLE, "not JSON"),
        ("no_code", {}, UNUSABLE, "no code"),
        ("text_code", {}, AnswerKind.ORDER, None),
        ("wrong_order", {}, UNUSABLE, "data is another order"),
        ("wrong_type", {"variant": "status_text"}, UNUSABLE, "status is missing or not as documented"),
        ("wrong_type", {"variant": "status_null"}, UNUSABLE, "status is missing or not as documented"),
        ("wrong_type", {"variant": "create_time_null"}, AnswerKind.ORDER, None),
        ("wrong_type", {"variant": "order_no_number"}, UNUSABLE, "data is another order"),
        ("wrong_type", {"variant": "data_text"}, UNUSABLE, "data is not an object"),
        ("wrong_type", {"variant": "data_number"}, UNUSABLE, "data is not an object"),
    ],
)
def test_what_each_misbehaviour_comes_to(
    simulator: RunningSimulator, kind: str, options: dict[str, Any], expected: AnswerKind, detail: str | None
) -> None:
    order = simulator.client.create_order(age=743)
    simulator.client.misbehave(kind, **options)
    feee = client(simulator.url)
    answer = feee.cancel(order.order_no, deadline=soon())
    assert (answer.kind, answer.detail) == (expected, detail)
    assert (answer.order is not None) == (expected is AnswerKind.ORDER)
    assert len(simulator.client.requests()) == 1
    assert feee.query(order.order_no, deadline=soon()).kind is AnswerKind.ORDER, "the next call is none the worse"


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("hang", {}),
        ("delay", {"seconds": 30}),
        ("drip", {"part": "header", "interval": 0.05}),
        ("drip", {"part": "body", "interval": 0.05}),
    ],
)
def test_whatever_feee_io_does_the_call_is_over_by_its_deadline(
    simulator: RunningSimulator, kind: str, options: dict[str, Any]
) -> None:
    order = simulator.client.create_order(age=743)
    simulator.client.misbehave(kind, **options)
    started = time.monotonic()
    answer = sent_in_time(partial(client(simulator.url).cancel, order.order_no), 1.5)
    assert answer.kind is UNUSABLE
    assert time.monotonic() - started > 1.4


def test_a_call_with_no_time_left_is_not_made(simulator: RunningSimulator) -> None:
    assert client(simulator.url).cancel("1", deadline=soon(0.1)).kind is AnswerKind.NOT_SENT
    assert simulator.client.requests() == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_the_key_goes_nowhere(simulator: RunningSimulator, status: int) -> None:
    order = simulator.client.create_order(age=743)
    simulator.client.misbehave("redirect", status=status, times=None)
    answer = client(simulator.url).cancel(order.order_no, deadline=soon())
    assert (answer.kind, answer.http_status) == (UNUSABLE, status)
    assert simulator.client.foreign_requests() == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/open", "https://feee.invalid/open"])
def test_where_nobody_listens_nothing_was_sent(url: str) -> None:
    assert client(url).cancel("1", deadline=soon()).kind is AnswerKind.NOT_SENT


@pytest.mark.parametrize(
    ("msg", "kept"),
    [
        (f"key {KEY}", "key [key]"),
        (f"key \\u{ord(KEY[0]):04x}{KEY[1:]}", "key [key]"),
        ("\\u4f59\\u989d \\\\ \\/", "余额 \\ /"),
    ],
)
def test_the_key_is_found_behind_an_escape_too(msg: str, kept: str) -> None:
    body = f'{{"code": 1, "msg": "{msg}"}}'.encode()
    assert interpret(200, body, "1", KEY, seconds=0.0).msg == kept


def test_the_key_that_feee_io_echoes_is_blotted_out(
    simulator: RunningSimulator, caplog: pytest.LogCaptureFixture
) -> None:
    order = simulator.client.create_order(age=743, note=f"key {KEY}")
    simulator.client.misbehave("echo_key", times=None)
    with caplog.at_level(logging.DEBUG):
        answer = client(simulator.url).cancel(order.order_no, deadline=soon())
    assert answer.kind is AnswerKind.ORDER
    assert answer.order is not None
    assert answer.order.refund_amount == Decimal("3.92")
    assert answer.msg == "key [key] is in use"
    assert KEY not in repr(answer) + answer.order.text
    assert KEY not in caplog.text + repr([vars(record) for record in caplog.records])


class Keys:
    """A key source that changes when it is read again."""

    def __init__(self, *keys: str) -> None:
        self.keys = list(keys)
        self.refreshed = 0

    def __call__(self, *, refresh: bool = False) -> str:
        if refresh:
            self.refreshed += 1
            self.keys = self.keys[1:] or self.keys
        return self.keys[0]


def test_a_key_that_is_refused_is_read_afresh_once_and_the_call_made_again(simulator: RunningSimulator) -> None:
    order = simulator.client.create_order(age=743)
    keys = Keys("an-old-key", KEY)
    assert client(simulator.url, keys).cancel(order.order_no, deadline=soon()).kind is AnswerKind.ORDER
    assert (keys.refreshed, len(simulator.client.requests())) == (1, 2)


def test_a_key_that_is_still_the_same_is_not_tried_again(simulator: RunningSimulator) -> None:
    keys = Keys("a-wrong-key")
    answer = client(simulator.url, keys).cancel("1", deadline=soon())
    assert (answer.kind, answer.code) == (AnswerKind.MISCONFIGURED, 10001)
    assert (keys.refreshed, len(simulator.client.requests())) == (1, 1)


def test_without_a_key_nothing_is_sent_and_the_answer_says_what_to_do(simulator: RunningSimulator) -> None:
    def no_key(*, refresh: bool = False) -> str:
        raise SecretUnavailableError("set it")

    answer = client(simulator.url, no_key).cancel("1", deadline=soon())
    assert answer.kind is AnswerKind.MISCONFIGURED
    assert "set it" not in repr(answer), "the words name the secret; they are for the log alone"
    assert simulator.client.requests() == []


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def secure(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningSimulator, Path]]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    pem = tmp_path_factory.mktemp("tls") / "authority.pem"
    authority.cert_pem.write_to_path(pem)
    with running(key=KEY, tls=context, ca_certs=str(pem)) as simulator:
        yield simulator, pem


def test_a_peer_that_is_not_trusted_gets_nothing(secure: tuple[RunningSimulator, Path]) -> None:
    simulator, _ = secure
    simulator.client.forget_requests()
    answer = client(simulator.url).cancel("1", deadline=soon())
    assert (answer.kind, answer.detail) == (AnswerKind.NOT_SENT, "SSLCertVerificationError")
    assert simulator.client.requests() == []


def test_a_peer_that_is_trusted_is_spoken_to_over_tls(
    secure: tuple[RunningSimulator, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    simulator, pem = secure
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    order = simulator.client.create_order(age=743)
    feee = client(simulator.url)
    assert feee.cancel(order.order_no, deadline=soon()).kind is AnswerKind.ORDER
    simulator.client.misbehave("drip", part="body", interval=0.05)
    assert sent_in_time(partial(feee.query, order.order_no), 1.5).kind is UNUSABLE


def test_authorities_in_a_directory_are_looked_up_there(secure: tuple[RunningSimulator, Path], tmp_path: Path) -> None:
    simulator, pem = secure
    order_no = simulator.client.create_order(age=743).order_no
    found = {}
    for name, bundle in {"its own": pem, "another": tmp_path / "another.pem"}.items():
        if name == "another":
            trustme.CA().cert_pem.write_to_path(bundle)
        authorities.main(bundle, tmp_path / name)
        feee = FeeeClient(
            simulator.url, user_agent=USER_AGENT, key=lambda *, refresh=False: KEY, authorities=str(tmp_path / name)
        )
        found[name] = feee.query(order_no, deadline=soon()).kind
    assert found == {"its own": AnswerKind.ORDER, "another": AnswerKind.NOT_SENT}


def test_who_is_trusted_is_read_once_for_all_connections(
    secure: tuple[RunningSimulator, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    simulator, pem = secure
    simulator.client.forget_requests()
    clock = Clock()
    with monkeypatch.context() as while_made:
        while_made.setenv("SSL_CERT_FILE", str(pem))
        feee = FeeeClient(simulator.url, user_agent=USER_AGENT, key=lambda *, refresh=False: KEY, clocks=[clock])
    order_no = simulator.client.create_order(age=743).order_no
    assert feee.query(order_no, deadline=soon()).kind is AnswerKind.ORDER
    clock.time += 60
    assert feee.query(order_no, deadline=soon()).kind is AnswerKind.ORDER
    assert len({request.port for request in simulator.client.requests(order_no)}) == 2
    assert client(simulator.url).query(order_no, deadline=soon()).detail == "SSLCertVerificationError"


def test_a_peer_that_goes_by_another_name_gets_nothing(
    secure: tuple[RunningSimulator, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    simulator, pem = secure
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    simulator.client.forget_requests()
    not_in_its_certificate = simulator.url.replace("127.0.0.1", "127.1")
    answer = client(not_in_its_certificate).cancel("1", deadline=soon())
    assert (answer.kind, answer.detail) == (AnswerKind.NOT_SENT, "SSLCertVerificationError")
    assert simulator.client.requests() == []
