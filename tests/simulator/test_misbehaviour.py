import gzip
import json
import socket
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3
from urllib3.exceptions import HTTPError, ProtocolError, ReadTimeoutError

from local.simulator.fault_kinds import KINDS
from local.simulator.server import RunningSimulator
from tests.e2e.waiting import wait_for
from tests.simulator.buyer import Buyer, body

SHORT: dict[str, dict[str, Any]] = {
    "delay": {"seconds": 0.01},
    "drip": {"interval": 0.001, "step": 100},
    "gzip_bomb": {"size": 1 << 20},
}


@pytest.fixture
def order_no(simulator: RunningSimulator) -> str:
    return simulator.client.create_order(age=600).order_no


def raw_answer(simulator: RunningSimulator, order_no: str) -> bytes:
    """All bytes that a cancel is answered with, until the connection ends."""
    sent = json.dumps({"order_no": order_no})
    head = (
        "POST /open/v2/order/cancel HTTP/1.1\r\nHost: localhost\r\nkey: a-key\r\nUser-Agent: raw\r\n"
        f"Connection: close\r\nContent-Type: application/json\r\nContent-Length: {len(sent)}\r\n\r\n"
    )
    port = urlsplit(simulator.url).port
    with socket.create_connection(("127.0.0.1", port or 0), timeout=20) as connection:
        connection.sendall((head + sent).encode())
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize("acts", [True, False])
def test_a_reset_is_a_reset_before_or_after_the_order_is_cancelled(
    simulator: RunningSimulator, order_no: str, acts: bool
) -> None:
    simulator.client.misbehave("reset", acts=acts)
    with pytest.raises(ConnectionResetError):
        raw_answer(simulator, order_no)
    assert simulator.client.order(order_no).accepted_cancels == acts
    (entry,) = simulator.client.requests(order_no)
    assert (entry.misbehaviour, entry.status) == ("reset", None)


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"hang", "reset"}))
@pytest.mark.parametrize("acts", [True, False])
def test_each_kind_acts_or_not_as_told(simulator: RunningSimulator, order_no: str, kind: str, acts: bool) -> None:
    simulator.client.misbehave(kind, acts=acts, **SHORT.get(kind, {}))
    assert raw_answer(simulator, order_no).startswith(b"HTTP/1.1 ")
    assert simulator.client.order(order_no).accepted_cancels == acts


def test_a_delayed_answer_is_right_but_late(simulator: RunningSimulator, buyer: Buyer, order_no: str) -> None:
    simulator.client.misbehave("delay", seconds=0.1)
    began = time.perf_counter()
    assert body(buyer.cancel(order_no))["data"]["status"] == 12
    assert time.perf_counter() - began >= 0.1


def test_a_client_that_gives_up_sees_no_answer_from_a_hanging_call(simulator: RunningSimulator, order_no: str) -> None:
    simulator.client.misbehave("hang", acts=True)
    with Buyer(simulator.url, "a-key", timeout=0.1) as buyer, pytest.raises(ReadTimeoutError):
        buyer.cancel(order_no)
    wait_for(lambda: simulator.client.order(order_no).status, lambda status: status == 12)


def test_a_hanging_call_ends_without_an_answer_at_last(simulator: RunningSimulator, order_no: str) -> None:
    simulator.client.misbehave("hang", seconds=0.05)
    assert raw_answer(simulator, order_no) == b""
    assert simulator.client.order(order_no).status == 4


@pytest.mark.parametrize("part", ["body", "header"])
def test_an_answer_that_drips_outlasts_a_read_timeout(simulator: RunningSimulator, order_no: str, part: str) -> None:
    simulator.client.misbehave("drip", part=part, interval=0.05, step=10)
    began = time.perf_counter()
    with Buyer(simulator.url, "a-key", timeout=2) as buyer:
        assert body(buyer.cancel(order_no))["data"]["status"] == 12
    assert time.perf_counter() - began > 2


def test_a_truncated_answer_ends_before_its_length(simulator: RunningSimulator, buyer: Buyer, order_no: str) -> None:
    simulator.client.misbehave("truncated")
    with pytest.raises(ProtocolError, match="IncompleteRead"):
        buyer.cancel(order_no)


@pytest.mark.parametrize("status", [401, 403, 429, 500, 502, 503, 504])
def test_an_http_error_has_its_status_and_no_json(simulator: RunningSimulator, buyer: Buyer, status: int) -> None:
    simulator.client.misbehave("http_error", status=status, retry_after=7)
    response = buyer.cancel("1")
    assert (response.status, response.data, response.headers["Retry-After"]) == (status, b"error %d" % status, "7")


@pytest.mark.parametrize("status", [200, 502])
def test_html_comes_instead_of_json(simulator: RunningSimulator, buyer: Buyer, status: int) -> None:
    simulator.client.misbehave("html", status=status)
    response = buyer.cancel("1")
    assert (response.status, response.data[:9]) == (status, b"<!DOCTYPE")


@pytest.mark.parametrize("status", [302, 307, 308])
def test_a_redirect_leads_to_another_host_that_takes_down_what_reaches_it(
    simulator: RunningSimulator, buyer: Buyer, order_no: str, status: int
) -> None:
    simulator.client.misbehave("redirect", status=status)
    response = buyer.cancel(order_no)
    assert response.status == status
    assert simulator.client.foreign_requests() == []
    with urllib3.PoolManager(retries=False) as http:
        answer = http.request("POST", response.headers["Location"], body=b"{}", headers={"key": "leaked"})
    assert body(answer)["code"] == 0
    (entry,) = simulator.client.foreign_requests()
    assert (entry.method, entry.body, entry.header("key")) == ("POST", "{}", "leaked")


def test_a_gzipped_answer_is_the_right_one(simulator: RunningSimulator, buyer: Buyer, order_no: str) -> None:
    simulator.client.misbehave("gzip")
    response = buyer.cancel(order_no)
    assert response.headers["Content-Encoding"] == "gzip"
    assert body(response)["data"]["status"] == 12


def test_a_gzip_bomb_is_small_only_on_the_wire(simulator: RunningSimulator) -> None:
    simulator.client.misbehave("gzip_bomb", size=8 << 20)
    _, _, packed = raw_answer(simulator, "1").partition(b"\r\n\r\n")
    assert len(packed) < 1 << 14
    assert len(gzip.decompress(packed)) == 8 << 20


def test_a_huge_answer_is_more_than_a_mebibyte(simulator: RunningSimulator, buyer: Buyer) -> None:
    simulator.client.misbehave("huge")
    assert len(buyer.cancel("1").data) > 1 << 20


def _data(document: dict[str, Any]) -> Any:
    return document["data"]


@pytest.mark.parametrize(
    ("kind", "options", "seen", "expected"),
    [
        ("wrong_type", {"variant": "status_text"}, lambda document: _data(document)["status"], "abc"),
        ("wrong_type", {"variant": "create_time_null"}, lambda document: _data(document)["create_time"], None),
        ("wrong_type", {"variant": "data_list"}, _data, []),
        ("wrong_type", {"variant": "data_text"}, _data, "ok"),
        ("wrong_order", {}, lambda document: _data(document)["order_no"], "1111111111111111111111"),
        ("no_code", {}, lambda document: "code" in document, False),
        ("text_code", {}, lambda document: document["code"], "0"),
        ("message", {}, lambda document: document["msg"], "系统繁忙"),
        ("error_code", {"code": 5, "status": 400}, lambda document: (document["code"], "data" in document), (5, False)),
        ("echo_key", {}, lambda document: document["msg"], "key a-key is in use"),
    ],
)
def test_the_content_is_wrong_in_one_way(
    simulator: RunningSimulator,
    buyer: Buyer,
    kind: str,
    options: dict[str, Any],
    seen: Callable[[dict[str, Any]], object],
    expected: object,
) -> None:
    order_no = simulator.client.create_order(age=600).order_no
    simulator.client.misbehave(kind, **options)
    assert seen(body(buyer.cancel(order_no))) == expected


def test_bytes_that_are_not_utf_8(simulator: RunningSimulator, buyer: Buyer, order_no: str) -> None:
    simulator.client.misbehave("not_utf8")
    with pytest.raises(UnicodeDecodeError):
        buyer.cancel(order_no).data.decode()


def test_a_number_that_is_none(simulator: RunningSimulator, buyer: Buyer, order_no: str) -> None:
    simulator.client.misbehave("nan")
    assert b'"pay_amount": NaN' in buyer.cancel(order_no).data


def test_a_body_without_a_byte(simulator: RunningSimulator, buyer: Buyer, order_no: str) -> None:
    simulator.client.misbehave("empty")
    response = buyer.cancel(order_no)
    assert (response.status, response.data) == (200, b"")


def _statuses(buyer: Buyer, order_no: str, times: int) -> list[int]:
    return [buyer.query(order_no).status for _ in range(times)]


def test_a_misbehaviour_lasts_as_many_calls_as_told(simulator: RunningSimulator, buyer: Buyer) -> None:
    simulator.client.misbehave("http_error", times=2)
    assert _statuses(buyer, "1", 3) == [503, 503, 200]


def test_misbehaviours_of_one_kind_of_call_follow_each_other(simulator: RunningSimulator, buyer: Buyer) -> None:
    simulator.client.misbehave("http_error", status=500)
    simulator.client.misbehave("http_error", status=502)
    assert _statuses(buyer, "1", 3) == [500, 502, 200]


def test_a_misbehaviour_for_ever_ends_when_told(simulator: RunningSimulator, buyer: Buyer) -> None:
    simulator.client.misbehave("http_error", times=None)
    assert _statuses(buyer, "1", 3) == [503] * 3
    simulator.client.behave()
    assert _statuses(buyer, "1", 1) == [200]


def test_the_misbehaviour_that_says_most_about_a_call_comes_first(simulator: RunningSimulator, buyer: Buyer) -> None:
    simulator.client.misbehave("http_error", times=None, status=500)
    simulator.client.misbehave("http_error", endpoint="query", status=502)
    simulator.client.misbehave("http_error", order_no="1", status=504)
    assert buyer.cancel("2").status == 500
    assert _statuses(buyer, "1", 3) == [504, 502, 500]


def test_another_endpoint_or_order_is_not_concerned(simulator: RunningSimulator, buyer: Buyer) -> None:
    simulator.client.misbehave("http_error", endpoint="cancel", order_no="1", times=None)
    assert (buyer.query("1").status, buyer.cancel("2").status, buyer.cancel("1").status) == (200, 200, 503)


def test_after_a_broken_connection_the_next_call_is_answered(
    simulator: RunningSimulator, buyer: Buyer, order_no: str
) -> None:
    for kind in ("reset", "truncated"):
        simulator.client.misbehave(kind)
        with pytest.raises(HTTPError):
            buyer.query(order_no)
        assert buyer.query(order_no).status == 200
