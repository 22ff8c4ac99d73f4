"""What feee.io answers, recorded for everybody to see: over real sockets."""

import json
import socket
import time
from collections.abc import Iterator
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from feee_cancel.adapters.diagnosis import diagnose
from feee_cancel.adapters.feee_client import FeeeClient
from feee_cancel.adapters.recording import anonymous, record_account, shape
from local.simulator.fault_kinds import JSON
from local.simulator.server import RunningSimulator, running
from tests.deadlines import soon

KEY = "8a63d52f-1dcd-4c5e-9e3d-1f0b8f3ea2d4"
AGENT = "Feee.io Client/1.0.0 (https://feee.io)"
UNKNOWN = "0000000000000000000001"
LONG_AGO = 200_000


@pytest.fixture(scope="module")
def server() -> Iterator[RunningSimulator]:
    with running(key=KEY, rate_limit=1_000) as simulator:
        yield simulator


@pytest.fixture
def simulator(server: RunningSimulator) -> RunningSimulator:
    server.client.reset()
    return server


def recorded(url: str, **wanted: object) -> dict[str, Any]:
    feee = FeeeClient(url, user_agent=AGENT, key=lambda *, refresh=False: KEY)
    found = diagnose(feee, wanted, user_agent=AGENT, now=time.time(), deadline=soon())
    assert KEY not in json.dumps(found), "and it is JSON"
    return found


def calls(simulator: RunningSimulator) -> list[str]:
    return [f"{one.method} {one.path.removeprefix('/open')}" for one in simulator.client.requests()]


def ended(simulator: RunningSimulator, **fields: Any) -> str:
    created = int(time.time()) - LONG_AGO
    times = {"create_time": created, "pay_time": created, "refund_time": created + 700}
    return simulator.client.create_order(**{"status": 12, **times, **fields}).order_no


def test_an_unknown_order_is_recorded_by_code_msg_and_headers(simulator: RunningSimulator) -> None:
    (answer,) = recorded(simulator.url, order_no=UNKNOWN)["recorded"]
    assert {name: answer[name] for name in ("call", "http_status", "code", "msg", "request_id", "content_type")} == {
        "call": "query",
        "http_status": 200,
        "code": 20004,
        "msg": "order not found",
        "request_id": "uuid",
        "content_type": JSON,
    }
    assert {"content-type", "date"} <= set(answer["headers"])
    assert answer["members"] == {"pagination": "null"}


def test_an_orders_members_and_types_are_recorded_and_nothing_of_whose_it_is(simulator: RunningSimulator) -> None:
    secret = "TLyqzVGLV1srkB7dToTAEqgDSfPtXRJZYH"
    order_no = ended(simulator, receive_address=secret, is_split=1, pay_amount="3.92")
    found = recorded(simulator.url, order_no=order_no)
    assert order_no not in json.dumps(found)
    assert secret not in json.dumps(found)
    assert "not_cancelled" not in found
    data = found["recorded"][0]["members"]["data"]
    assert {name: data[name] for name in ("order_no", "receive_address", "status", "create_time", "pay_amount")} == {
        "order_no": "text, 22 digits",
        "receive_address": "text, TRON address",
        "status": "whole number 12",
        "create_time": "whole number",
        "pay_amount": "decimal, 2 places",
    }
    assert data["sub_order"][0]["order_no"] == "text, 22 digits"
    assert calls(simulator) == ["GET /v2/order/query"]


def test_an_order_that_ended_long_ago_is_cancelled_if_that_is_wanted_and_looked_at_again(
    simulator: RunningSimulator,
) -> None:
    found = recorded(simulator.url, order_no=ended(simulator), cancel=True)
    assert [(one["call"], one["code"]) for one in found["recorded"]] == [("query", 0), ("cancel", 20017), ("query", 0)]
    assert calls(simulator) == ["GET /v2/order/query", "POST /v2/order/cancel", "GET /v2/order/query"]


@pytest.mark.parametrize(
    "fields",
    [{"status": 4}, {"status": 15}, {"status": 13}, {"status": 6}, {"refund_amount": 0}, {"business_status": 1}],
)
def test_an_order_that_may_still_change_is_never_cancelled(simulator: RunningSimulator, fields: dict[str, Any]) -> None:
    found = recorded(simulator.url, order_no=ended(simulator, **fields), cancel=True)
    assert found["not_cancelled"]
    assert calls(simulator) == ["GET /v2/order/query"]


@pytest.mark.parametrize("kind", ["http_error", "wrong_order", "empty", "no_code", "html", "reset"])
def test_what_isnt_seen_to_have_ended_is_never_cancelled(simulator: RunningSimulator, kind: str) -> None:
    simulator.client.misbehave(kind, endpoint="query")
    assert "not_cancelled" in recorded(simulator.url, order_no=ended(simulator), cancel=True)
    assert calls(simulator) == ["GET /v2/order/query"]


def test_the_account_is_recorded_without_its_values(simulator: RunningSimulator) -> None:
    simulator.client.set_access(addresses=["127.0.0.1"], user_agents=[AGENT])
    (answer,) = recorded(simulator.url, account=True)["recorded"]
    assert answer["members"]["data"] == {
        "trx_money": "whole number",
        "trx_address": "text, TRON address",
        "recharge_address": "text, TRON address",
        "today_energy_value": "whole number 0",
        "today_consume_trx_amount": "whole number 0",
        "qps": "whole number 1000",
        "ip_white_list": ["text, IP address"],
        "user_agent_white_list": ["text"],
    }


def test_what_is_no_answer_is_recorded_as_such(simulator: RunningSimulator) -> None:
    simulator.client.misbehave("html")
    assert recorded(simulator.url, account=True)["recorded"][0]["detail"] == "not JSON"
    simulator.client.misbehave("text_code")
    simulator.client.choose(request_id="empty")
    text = recorded(simulator.url, order_no=UNKNOWN)["recorded"][0]
    assert (text["code"], text["request_id"]) == ("text, 5 digits", "empty")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        (none,) = recorded(f"http://127.0.0.1:{taken.getsockname()[1]}/open", account=True)["recorded"]
    assert set(none) == {"call", "detail"}


def test_an_answer_that_is_no_object_is_recorded_by_its_shape() -> None:
    response = SimpleNamespace(status=200, headers={"Content-Type": "text/x y"})
    odd: Any = SimpleNamespace(received=lambda *_, deadline: (response, ["198.51.100.7"], None))
    (answer,) = record_account(odd, deadline=0)["recorded"]
    assert (answer["content_type"], answer["detail"]) == (None, "not an object: ['text, IP address']")


@pytest.mark.parametrize(("form", "told"), [("hex", "hex"), ("missing", "missing"), ("uuid", "uuid")])
def test_the_form_of_the_request_id_is_recorded(simulator: RunningSimulator, form: str, told: str) -> None:
    simulator.client.choose(request_id=form)
    assert recorded(simulator.url, order_no=UNKNOWN)["recorded"][0]["request_id"] == told


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("order not found", "order not found"),
        ("订单不存在", "订单不存在"),
        ("orders can be cancelled 5 minutes after creation", "orders can be cancelled 5 minutes after creation"),
        ("order 2304170329503866885309 not found", "order […] not found"),
        ("订单2304170329503866885309不存在", "订单[…]不存在"),
        ("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t isn't active", "[…] isn't active"),
        ("ip 198.51.100.7 not allowed", "ip […] not allowed"),
        ("ip 2001:db8::7 not allowed", "ip […] not allowed"),
        ("IP【198.51.100.7】不在白名单", "IP[…]不在白名单"),
        ("user alice@shop.example, 3.92 TRX", "user […], […] TRX"),
        ("user 'alice' (@alice)", "user […] ([…])"),
        ("call +86 138-0013-8000", "call […]"),
        ("see https://feee.io/u/alice", "see […]"),
    ],
)
def test_words_are_kept_without_what_identifies_anybody(said: str, kept: str) -> None:
    assert anonymous(said) == kept


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t": 1}, {"[…]": "whole number"}),
        ({"id_12345": None, "a": True}, {"[…]": "null", "a": "true or false"}),
        ({"rent_time_unit": "m", "status": 123456}, {"rent_time_unit": "text m", "status": "whole number"}),
        ([1, 2, "x", "", "198.51.100.7"], ["whole number", "text", "text, empty", "text, IP address"]),
        ([Decimal("1.50"), Decimal("1E+2")], ["decimal, 2 places", "decimal, 0 places"]),
        ("ab" * 32, "text, 64 hexadecimal digits"),
        (KEY, "text, UUID"),
    ],
)
def test_a_shape_has_no_values(value: object, told: object) -> None:
    assert shape(value) == told
