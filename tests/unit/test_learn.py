"""What is learned of the live feee.io: here the simulator stands for it, and has other ways."""

import json
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from cli.learn import UNKNOWN_ORDER, Lesson, learn
from cli.learned import ASSUMED, MEMBERS, choices, differences
from cli.outcome import Exit, TroubleError
from cli.text import Words
from feee_cancel.adapters.diagnosis import diagnose
from feee_cancel.adapters.feee_client import FeeeClient
from local.simulator.choices import Choices
from local.simulator.detail import KNOWN
from local.simulator.server import RunningSimulator, running
from tests.cli import stack

AGENT = "Feee.io Client/1.0.0 (https://feee.io)"
ENDED, OPEN, RECLAIMED = "2304170329503866885309", "2304170329503866885310", "2304170329503866885311"
OTHER_WAYS: dict[str, Any] = {
    "not_found": 20404,
    "already_cancelled": 20417,
    "already_filled": 20416,
    "business_error_status": 400,
    "chinese": True,
    "request_id": "hex",
    "without_business_status": True,
    "address_list": "ip_limit",
    "user_agent_list": "",
}


class Function:
    """The drain's function, as far as it answers to the doctor."""

    def __init__(self, url: str) -> None:
        self._feee = FeeeClient(url, user_agent=AGENT, key=lambda *, refresh=False: "simulated-key")
        self.asked: list[Any] = []

    def invoke(self, *, FunctionName: str, Payload: bytes) -> Any:  # noqa: N803 - boto3's names
        assert FunctionName == "schedule"
        wanted = json.loads(Payload)["diagnose"]
        self.asked.append(wanted)
        deadline = time.monotonic() + 5
        found = diagnose(self._feee, wanted, user_agent=AGENT, now=time.time(), deadline=deadline)
        return {"Payload": BytesIO(json.dumps(found).encode())}


@pytest.fixture(scope="module")
def server() -> Iterator[RunningSimulator]:
    with running(rate_limit=1_000) as simulator:
        yield simulator


@pytest.fixture
def simulator(server: RunningSimulator) -> RunningSimulator:
    server.client.reset()
    created = int(time.time()) - 200_000
    paid: dict[str, Any] = {"create_time": created, "pay_time": created}
    server.client.create_order(order_no=ENDED, status=12, refund_time=created + 700, **paid)
    server.client.create_order(order_no=OPEN, status=4, **paid)
    gone: dict[str, Any] = {"freeze_time": created, "rent_expire_time": created + 600, "business_status": 3}
    server.client.create_order(order_no=RECLAIMED, status=9, **paid, **gone)
    return server


def learned(simulator: RunningSimulator, file: Path, *order_nos: str, cancel: bool = False) -> dict[str, Any]:
    function = Function(simulator.url)
    wanted = Lesson(order_nos, cancel, file / "learned.json")
    outcome = learn(stack(lambda_=function), wanted, agree=lambda _: True, now=1_800_000_000)
    assert outcome.exit is Exit.DONE
    found: dict[str, Any] = json.loads(wanted.file.read_text())
    assert found == json.loads(json.dumps(outcome.document))
    assert not any(secret in wanted.file.read_text() for secret in (*order_nos, "simulated-key", "TR7NHq", "TXYZop"))
    assert all(line in outcome.text for line in found["differences"])
    return found


def test_a_feee_io_like_the_simulator_has_no_differences(simulator: RunningSimulator, tmp_path: Path) -> None:
    found = learned(simulator, tmp_path, ENDED, RECLAIMED, cancel=True)
    assert (found["differences"], found["choices"]) == ([], dict(ASSUMED))
    assert found["day"] == "2027-01-15"


def test_other_ways_are_told_and_the_simulator_has_them_from_the_file(
    simulator: RunningSimulator, tmp_path: Path
) -> None:
    simulator.client.choose(**OTHER_WAYS)
    found = learned(simulator, tmp_path, ENDED, RECLAIMED, cancel=True)
    told = found["differences"]
    assert "not_found is 20404, not 20004" in told
    assert "chinese is True, not False" in told
    assert "an order has no business_status" in told
    assert found["choices"] == {"ended_cancel_succeeds": False, **OTHER_WAYS}
    with running(choices=Choices.learned(found)) as other:
        other.client.reset()
        again = learned(other, tmp_path)
        assert again["choices"].items() <= found["choices"].items()
        assert again["choices"]["not_found"] == 20404


def test_a_cancel_that_succeeds_on_an_order_that_has_ended_is_told(simulator: RunningSimulator, tmp_path: Path) -> None:
    simulator.client.choose(ended_cancel_succeeds=True)
    found = learned(simulator, tmp_path, ENDED, cancel=True)
    assert found["differences"] == ["ended_cancel_succeeds is True, not False"]
    assert simulator.client.order(ENDED).accepted_cancels == 0


def test_an_order_that_hasnt_ended_is_never_cancelled(simulator: RunningSimulator, tmp_path: Path) -> None:
    found = learned(simulator, tmp_path, OPEN, cancel=True)
    assert found["answers"][2]["not_cancelled"] == "its status is 4, its business_status 1"
    assert simulator.client.order(OPEN).status == 4


def test_each_call_is_told_with_the_order_that_it_was_about(simulator: RunningSimulator, tmp_path: Path) -> None:
    wanted = Lesson([ENDED, OPEN], True, tmp_path / "x.json")
    text = learn(stack(lambda_=Function(simulator.url)), wanted, agree=lambda _: True, now=0).text
    assert "cancel of an order 1: HTTP 200, code 20017" in text
    assert "no cancel of an order 2: its status is 4" in text
    assert text.count("no cancel of") == 1
    assert "As the simulator assumes." in text


def test_where_nothing_answers_that_is_told(tmp_path: Path) -> None:
    wanted = Lesson([], False, tmp_path / "x.json")
    text = learn(stack(lambda_=Function("http://127.0.0.1:1")), wanted, agree=lambda _: True, now=0).text
    assert "query of an unknown order: no answer, ConnectionRefusedError" in text


@pytest.mark.parametrize("agrees", [True, False])
def test_what_a_cancel_does_is_said_before_it_is_asked_for(
    simulator: RunningSimulator, tmp_path: Path, *, agrees: bool
) -> None:
    function, questions = Function(simulator.url), list[Words]()

    def _agree(question: Words) -> bool:
        questions.append(question)
        return agrees

    for cancel in (False, True):
        wanted = Lesson([ENDED], cancel, tmp_path / "x.json")
        learn(stack(lambda_=function), wanted, agree=_agree, now=0)
    (question,) = questions
    assert ENDED in question
    assert "only if feee.io shows that the order ended at least a day ago" in " ".join(question)
    asked = {"account": True}, {"order_no": UNKNOWN_ORDER}
    also = {"cancel": True} if agrees else {}
    assert function.asked == [*asked, {"order_no": ENDED}, *asked, {"order_no": ENDED, **also}]


def test_members_that_are_new_or_of_another_type_are_told(simulator: RunningSimulator, tmp_path: Path) -> None:
    simulator.client.change_order(ENDED, settle_time=5, pay_symbol="TRX", is_lock=True, order_type="0")
    assert learned(simulator, tmp_path, ENDED)["differences"] == [
        "an order's order_type is text, not number",
        "an order's is_lock is true or false, not number",
        "an order has settle_time (number)",
        "an order has pay_symbol (text)",
    ]


def test_without_an_answer_nothing_is_learned(simulator: RunningSimulator, tmp_path: Path) -> None:
    simulator.client.misbehave("html", times=None)
    found = learned(simulator, tmp_path, ENDED)
    assert (found["choices"], found["differences"]) == ({}, [])


def test_an_order_that_was_changed_by_its_cancel_would_be_told() -> None:
    before, after = ({"members": {"data": {"status": f"whole number {status}"}}} for status in (9, 12))
    recorded = [before, {"detail": "TimeoutError"}, after]
    assert "an order looked different after the cancel" in differences([{"about": "an order", "recorded": recorded}])
    odd: list[Any] = [{"members": None}, {"members": {"data": [1]}}, {"members": {"data": {"a": {}}}}]
    for one in odd:
        assert choices([{"about": "account", "recorded": [one]}]).keys() <= {"address_list", "user_agent_list"}
    assert "an order has a (object)" in differences([{"about": "an order", "recorded": [odd[2]]}])


def test_the_one_order_of_a_list_is_compared_as_well() -> None:
    """An attempt understands such an answer, too."""
    recorded = [{"members": {"data": [{"settle_time": "whole number"}]}}]
    told = differences([{"about": "an order", "recorded": recorded}])
    assert {"an order has settle_time (number)", "without_business_status is True, not False"} <= set(told)


def test_an_order_in_a_list_is_no_answer_that_the_simulator_assumes() -> None:
    """Nor are several orders, of which the record has one if they have the same members."""
    shapes = {"number": "whole number", "text": "text", "list": []}
    order = {name: shapes[kind] for name, kind in MEMBERS.items()}
    for data, told in ((order, []), ([order], ["an order is in a list"])):
        assert differences([{"about": "an order", "recorded": [{"members": {"data": data}}]}]) == told


@pytest.mark.parametrize("answer", [b'{"errorType": "InvalidRequestError"}', b"null", b"{}"])
def test_a_function_that_doesnt_know_the_question_is_trouble(answer: bytes, tmp_path: Path) -> None:
    class _Older:
        def invoke(self, **_: Any) -> Any:
            return {"Payload": BytesIO(answer), **({"FunctionError": "Unhandled"} if b"error" in answer else {})}

    (tmp_path / "x.json").write_text("an earlier record")
    with pytest.raises(TroubleError, match="Deploy this version"):
        learn(stack(lambda_=_Older()), Lesson([], False, tmp_path / "x.json"), agree=lambda _: True, now=0)
    assert (tmp_path / "x.json").read_text() == "an earlier record"


@pytest.mark.parametrize("name", [".", "none/x.json"])
def test_a_file_that_cannot_be_written_is_known_before_feee_io_is_asked(name: str, tmp_path: Path) -> None:
    wanted = Lesson([ENDED], True, tmp_path / name)
    with pytest.raises(TroubleError, match="Nothing was asked"):
        learn(stack(), wanted, agree=lambda _: pytest.fail("asked"), now=0)


def test_what_is_no_order_number_is_a_usage_error(tmp_path: Path) -> None:
    outcome = learn(stack(), Lesson(["x"], True, tmp_path / "x.json"), agree=lambda _: True, now=0)
    assert outcome.exit is Exit.USAGE
    assert "string of 1 to 32 digits" in outcome.text


def test_what_is_assumed_is_the_simulators() -> None:
    assert {name: getattr(Choices(), name) for name in ASSUMED} == dict(ASSUMED)
    assert MEMBERS.keys() == KNOWN | {"sub_order"}


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"choices": []},
        {"choices": {"x": 1}},
        {"choices": {"chinese": 1}},
        {"choices": {"request_id": "x"}},
    ],
)
def test_what_isnt_learned_isnt_loaded(document: object) -> None:
    with pytest.raises(ValueError, match=r"choice|valid RequestId"):
        Choices.learned(document)
