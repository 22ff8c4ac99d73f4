import json
import socket
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import trustme

from local.simulator.server import RunningSimulator, running
from tests.deadlines import Stopwatch
from tests.simulator.buyer import USER_AGENT, Buyer, body
from tests.simulator.clock import Clock


def test_a_cancel_over_http_writes_amounts_exactly(simulator: RunningSimulator, buyer: Buyer) -> None:
    order = simulator.client.create_order(age=743, pay_amount="4.26127")
    response = buyer.cancel(order.order_no)
    assert response.status == 200
    assert b'"pay_amount": 4.26127, "refund_amount": 4.26127,' in response.data
    assert json.loads(response.data, parse_float=Decimal)["data"]["refund_amount"] == Decimal("4.26127")


def test_a_whole_amount_is_an_integer(simulator: RunningSimulator, buyer: Buyer) -> None:
    assert b'"pay_amount": 24,' in buyer.query(simulator.client.create_order(pay_amount=24).order_no).data


def test_each_endpoint_answers(simulator: RunningSimulator, buyer: Buyer) -> None:
    rental = {"receive_address": "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "resource_value": 32000}
    length = {"resource_type": 1, "rent_duration": 1, "rent_time_unit": "h", "rent_time_second": 3600}
    assert body(buyer.post("/v2/order/submit", json.dumps(rental | length).encode()))["data"]["status"] == 4
    assert body(buyer.post("/v3/order/create", json.dumps(rental).encode()))["data"]["rent_time_second"] == 300
    assert body(buyer.get("/v2/api/query"))["data"]["trx_money"] < 1_000_000
    assert [entry.endpoint for entry in simulator.client.requests()] == ["submit", "create", "api"]


@pytest.mark.parametrize("sent", [b"", b"{", b"[]", b'{"order_no": 1}', b"\xff", b"{}"])
def test_a_body_without_an_order_number_is_refused(buyer: Buyer, sent: bytes) -> None:
    assert body(buyer.post("/v2/order/cancel", sent))["code"] == 10003


def test_a_body_that_is_not_declared_as_json_is_refused(simulator: RunningSimulator, buyer: Buyer) -> None:
    order_no = simulator.client.create_order(age=600).order_no
    buyer.headers["Content-Type"] = "text/plain"
    assert body(buyer.cancel(order_no))["code"] == 10003


def test_the_key_counts_and_can_be_changed(simulator: RunningSimulator, buyer: Buyer) -> None:
    simulator.client.set_key("new")
    assert body(buyer.query("1"))["code"] == 10001
    buyer.headers["key"] = "new"
    assert body(buyer.query("1"))["code"] == 20004


def test_the_eleventh_call_in_a_second_is_refused(clock: Clock) -> None:
    with running(key="a-key", clock=clock) as simulator, Buyer(simulator.url, "a-key") as buyer:
        assert [body(buyer.query("1"))["code"] for _ in range(11)] == [20004] * 10 + [11001]
        clock.now += 1
        assert body(buyer.query("1"))["code"] == 20004


def test_a_connection_is_kept_alive_and_answers_without_delay(simulator: RunningSimulator, buyer: Buyer) -> None:
    simulator.client.set_access(rate_limit=1000)
    order_no = simulator.client.create_order(age=600).order_no
    took = [_seconds(buyer, order_no) for _ in range(50)]
    assert min(took[25:]) < 0.03  # a delayed acknowledgement takes 0.04, each time once the connection is old
    assert len({entry.port for entry in simulator.client.requests(order_no)}) == 1


def _seconds(buyer: Buyer, order_no: str) -> float:
    began = time.perf_counter()
    assert buyer.cancel(order_no).status == buyer.query(order_no).status == 200
    return time.perf_counter() - began


def test_fifty_connections_at_once_are_served_and_an_order_is_cancelled_once(simulator: RunningSimulator) -> None:
    simulator.client.set_access(rate_limit=1000)
    order_no = simulator.client.create_order(age=600).order_no

    def cancel(_: int) -> int:
        with Buyer(simulator.url, "a-key") as buyer:
            return int(body(buyer.cancel(order_no))["code"])

    with ThreadPoolExecutor(50) as pool:
        codes = list(pool.map(cancel, range(50)))
    assert sorted(codes) == [0] + [20017] * 49
    assert simulator.client.order(order_no).accepted_cancels == 1
    assert len({entry.port for entry in simulator.client.requests(order_no)}) == 50


def test_a_request_is_on_record_word_for_word(simulator: RunningSimulator, buyer: Buyer) -> None:
    began = time.time()
    buyer.cancel("77")
    buyer.query("78")
    entry, other = simulator.client.requests()
    assert (entry.method, entry.path, entry.query) == ("POST", "/open/v2/order/cancel", "")
    assert (entry.body, entry.order_no, entry.code, entry.status) == ('{"order_no": "77"}', "77", 20004, 200)
    assert (entry.header("KEY"), entry.header("user-agent")) == ("a-key", USER_AGENT)
    assert entry.header("X-Missing") is None
    assert began <= entry.at <= time.time()
    assert (other.query, simulator.client.requests("78")) == ("order_no=78", [other])


def test_a_path_that_feee_does_not_have_is_on_record_too(simulator: RunningSimulator, buyer: Buyer) -> None:
    assert buyer.get("/v9/nothing").status == 404
    assert [(entry.path, entry.status) for entry in simulator.client.requests()] == [("/open/v9/nothing", 404)]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_certs(authority: trustme.CA, tmp_path: Path) -> str:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return str(tmp_path / "ca.pem")


@pytest.fixture
def secure(authority: trustme.CA, ca_certs: str) -> Iterator[RunningSimulator]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with running(key="a-key", tls=context, ca_certs=ca_certs) as simulator:
        yield simulator


def test_tls_works_and_keeps_connections_alive(secure: RunningSimulator, ca_certs: str) -> None:
    order_no = secure.client.create_order(age=600).order_no
    with Buyer(secure.url, "a-key", ca_certs=ca_certs) as buyer:
        assert secure.url.startswith("https://127.0.0.1:")
        assert body(buyer.cancel(order_no))["data"]["status"] == 12
        assert body(buyer.query(order_no))["data"]["status"] == 12
    assert len({entry.port for entry in secure.client.requests()}) == 1


def test_a_client_that_never_shakes_hands_keeps_nobody_waiting(secure: RunningSimulator, ca_certs: str) -> None:
    silent = socket.create_connection(("127.0.0.1", urlsplit(secure.url).port or 0))
    with silent, Buyer(secure.url, "a-key", ca_certs=ca_certs) as buyer:
        assert buyer.query("1").status == 200


@pytest.mark.parametrize(("kind", "options"), [("reset", {}), ("truncated", {}), ("hang", {"seconds": 0.01})])
def test_connections_break_under_tls_too(
    secure: RunningSimulator, ca_certs: str, kind: str, options: dict[str, Any]
) -> None:
    secure.client.misbehave(kind, **options)
    with Buyer(secure.url, "a-key", ca_certs=ca_certs) as buyer:
        with pytest.raises(Exception, match="Connection"):
            buyer.query("1")
        assert buyer.query("1").status == 200


def test_the_end_does_not_wait_for_connections_that_hang() -> None:
    with (
        Stopwatch() as watch,
        ThreadPoolExecutor(1) as pool,
        running(key="a-key") as simulator,
        Buyer(simulator.url, "a-key") as buyer,
    ):
        simulator.client.misbehave("hang")
        hanging = pool.submit(buyer.query, "1")
        while not simulator.client.requests():
            time.sleep(0.001)
    assert hanging.exception() is not None
    assert watch.seconds < 10
