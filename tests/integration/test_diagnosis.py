"""What the functions tell the doctor of feee.io, over real sockets."""

import json
import socket
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from feee_cancel.adapters.diagnosis import account_facts, diagnose
from feee_cancel.adapters.feee_client import FeeeClient
from feee_cancel.bootstrap.cancelling import bootstrap
from feee_cancel.domain.faults import InvalidRequestError
from feee_cancel.usecases.errors import SecretUnavailableError
from local.simulator.server import RunningSimulator, running
from tests.deadlines import soon

KEY = "8a63d52f-1dcd-4c5e-9e3d-1f0b8f3ea2d4"
AGENT = "Feee.io Client/1.0.0 (https://feee.io)"
NOW = 1_800_000_000.5


@pytest.fixture(scope="module")
def server() -> Iterator[RunningSimulator]:
    with running(key=KEY) as simulator:
        yield simulator


@pytest.fixture
def simulator(server: RunningSimulator) -> RunningSimulator:
    server.client.reset()
    return server


def asked(url: str, key: Callable[..., str] = lambda *, refresh: KEY, wanted: object = True) -> dict[str, Any]:
    feee = FeeeClient(url, user_agent=AGENT, key=key)
    found = diagnose(feee, wanted, user_agent=AGENT, now=NOW, deadline=soon())
    assert KEY not in json.dumps(found), "and it is JSON"
    assert (found["now"], found["user_agent"]) == (1_800_000_000, AGENT)
    answer: dict[str, Any] = found["feee"]
    return answer


def test_an_accepted_key_is_told_with_its_balance_its_rate_and_no_lists(simulator: RunningSimulator) -> None:
    assert asked(simulator.url) == {
        "kind": "accepted",
        "http_status": 200,
        "code": 0,
        "msg": "ok",
        "balance": "1000000",
        "rate_limit": "10",
        "address_list": 0,
        "user_agent_list": 0,
        "user_agent_is_listed": None,
    }
    (request,) = simulator.client.requests()
    assert (request.method, request.path, request.body) == ("GET", "/open/v2/api/query", "")


@pytest.mark.parametrize("as_text", [False, True])
def test_of_allow_lists_the_length_is_told_and_whether_the_user_agent_is_on_it(
    simulator: RunningSimulator, *, as_text: bool
) -> None:
    simulator.client.choose(lists_as_text=as_text)
    simulator.client.set_access(addresses=["127.0.0.1", "198.51.100.7"], user_agents=[AGENT, "shop"])
    found = asked(simulator.url)
    assert (found["address_list"], found["user_agent_list"], found["user_agent_is_listed"]) == (2, 2, True)
    assert "198.51.100.7" not in json.dumps(found)


def test_lists_that_arent_shown_are_unknown(simulator: RunningSimulator) -> None:
    simulator.client.choose(address_list="", user_agent_list="")
    found = asked(simulator.url)
    assert (found["address_list"], found["user_agent_list"]) == (None, None)


@pytest.mark.parametrize(
    ("access", "code", "kind"),
    [
        ({"keys": ["another"]}, 10001, "misconfigured"),
        ({"addresses": ["198.51.100.7"]}, 20012, "misconfigured"),
        ({"user_agents": ["shop"]}, 20013, "misconfigured"),
        ({"rate_limit": 0}, 11001, "rate_exceeded"),
    ],
)
def test_a_refusal_is_told_by_its_code(simulator: RunningSimulator, access: Any, code: int, kind: str) -> None:
    simulator.client.set_access(**access)
    found = asked(simulator.url)
    assert (found["kind"], found["code"]) == (kind, code)
    assert "balance" not in found


def test_the_key_is_nowhere_in_what_is_told(simulator: RunningSimulator) -> None:
    simulator.client.misbehave("echo_key")
    assert asked(simulator.url)["msg"] == "key [key] is in use"


def test_what_is_no_answer_of_feee_io_is_told_as_such(simulator: RunningSimulator) -> None:
    simulator.client.misbehave("http_error")
    assert asked(simulator.url)["kind"] == "no_usable_answer"


def test_no_connection_and_no_key_are_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/open"
        assert asked(url)["kind"] == "not_sent"

        def _no_key(*, refresh: bool) -> str:
            raise SecretUnavailableError("secret x holds nothing usable")

        assert asked(url, _no_key) == {"kind": "no_key", "detail": "secret x holds nothing usable"}


@pytest.mark.parametrize(
    "wanted",
    [
        False,
        None,
        "true",
        {},
        {"account": 1},
        {"order_no": "x"},
        {"order_no": "1", "cancel": 1, "x": 1},
        {"order_no": "1", "cancel": 1},
        {"order_no": "1", "cancel": 1.0},
        {"order_no": "1", "cancel": False},
        {"cancel": True},
    ],
)
def test_nothing_else_can_be_asked_for(wanted: object, simulator: RunningSimulator) -> None:
    with pytest.raises(InvalidRequestError, match=r"must be|is required"):
        asked(simulator.url, wanted=wanted)
    assert simulator.client.requests() == []


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (None, {"balance": None, "rate_limit": None, "address_list": None, "user_agent_list": None}),
        ({"trx_money": Decimal("12.5"), "qps": "5"}, {"balance": "12.5", "rate_limit": "5"}),
        ({"trx_money": True, "qps": "many"}, {"balance": None, "rate_limit": None}),
        ({"api": {"qps": 5, "trx_money": 1}, "trx_money": 2}, {"balance": "2", "rate_limit": "5"}),
        ({"ip": "1.1.1.1, 2.2.2.2"}, {"address_list": 2}),
        ({"whiteIps": [{"ip": "1.1.1.1"}]}, {"address_list": 1}),
        ({"allow_ip": None}, {"address_list": 0}),
        ({"reg_ip": "1.1.1.1", "last_ip": "1.1.1.1", "description": "x"}, {"address_list": None}),
        ({"ip_white_status": 1, "bandwidth_price": 2}, {"address_list": None}),
        ({"userAgent": f"shop\n{AGENT}"}, {"user_agent_list": 2, "user_agent_is_listed": True}),
        ({"ua_list": [AGENT.lower()]}, {"user_agent_list": 1, "user_agent_is_listed": False}),
    ],
)
def test_what_an_account_shows_is_understood_as_far_as_it_goes(data: object, told: dict[str, Any]) -> None:
    found = account_facts(data, AGENT)
    assert found | told == found


def test_the_service_is_wired_to_it() -> None:
    with pytest.raises(InvalidRequestError, match=r"must be|is required"):
        bootstrap().diagnose("all", seconds_left=20)
