"""Settled events: each once at least, in order for each order, in the shape that the schema says."""

import copy
import json
from itertools import pairwise
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from feee_cancel.adapters.announcer import Announcer
from feee_cancel.bootstrap.notifying import bootstrap
from feee_cancel.domain.cancellation import FINAL, State, StateReason
from functions.notify.app import create
from tests.builders import ORDER_NO
from tests.events import Context, sample
from tests.template import ROOT

SCHEMA = json.loads((ROOT / "docs/settled-event.schema.json").read_text())
RECORD = sample("notify-settled")["Records"][0]
TABLE = "arn:aws:dynamodb:us-east-1:000000000000:table/cancellations"


MOST = 256 * 1024
"""The total of a call's entries must be less (EventBridge: Calculating PutEvents event entry size)."""


def documented_size(entry: dict[str, Any]) -> int:
    """Of an entry: 14 bytes for its time, and its source, type and detail in UTF-8 (the same page)."""
    return 14 + sum(len(entry[member].encode()) for member in ("Source", "DetailType", "Detail"))


class FakeEvents:
    """EventBridge's client. Refuses the events of the orders in `refused`, and a call that is too large whole.

    `poisoned`: an order whose event makes the whole call fail.
    """

    def __init__(self, *refused: str, down: bool = False, poisoned: str | None = None) -> None:
        self.refused = set(refused)
        self.down = down
        self.poisoned = poisoned
        self.calls: list[list[dict[str, Any]]] = []
        self.tried = 0

    def put_events(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - boto3's name
        self.tried += 1
        if self.down:
            raise EndpointConnectionError(endpoint_url="https://events")
        named = [json.loads(entry["Detail"])["order_no"] for entry in Entries]
        if self.poisoned in named or sum(map(documented_size, Entries)) >= MOST:
            words = "Total size of the entries in the request is over the limit."
            raise ClientError({"Error": {"Code": "ValidationException", "Message": words}}, "PutEvents")
        self.calls.append(Entries)
        return {"Entries": [self._result(entry) for entry in Entries]}

    def _result(self, entry: dict[str, Any]) -> dict[str, str]:
        failed = json.loads(entry["Detail"])["order_no"] in self.refused
        return {"ErrorCode": "InternalFailure"} if failed else {"EventId": "1"}

    @property
    def orders(self) -> list[str]:
        return [json.loads(entry["Detail"])["order_no"] for call in self.calls for entry in call]


def record(sequence: int, order_no: str = ORDER_NO, was: str = "cancelling", now: str = "cancelled") -> dict[str, Any]:
    made: dict[str, Any] = copy.deepcopy(RECORD)
    change = made["dynamodb"]
    change["SequenceNumber"] = str(sequence)
    for image, state in (("OldImage", was), ("NewImage", now)):
        change[image] |= {"order_no": {"S": order_no}, "state": {"S": state}}
    return made


def announced(client: FakeEvents, records: list[dict[str, Any]]) -> list[dict[str, str]]:
    """The failures that the handler names."""
    announcer = Announcer(client, "the-bus", TABLE)  # type: ignore[arg-type] # a fake of the client
    failures: list[dict[str, str]] = create(announcer.announce)({"Records": records}, Context())["batchItemFailures"]
    return failures


def test_the_sample_record_is_an_event_as_the_schema_has_it() -> None:
    client = FakeEvents()
    assert announced(client, [RECORD]) == []
    ((event,),) = client.calls
    assert (event["Source"], event["DetailType"], event["EventBusName"]) == (
        "feee-cancel",
        "Order Cancellation Settled",
        "the-bus",
    )
    assert event["Resources"] == [TABLE], "a rule tells the stacks on one bus apart by it"
    assert event["Time"].timestamp() == 1724319451
    detail = json.loads(event["Detail"])
    Draft202012Validator(SCHEMA).validate(detail)
    assert (detail["version"], detail["state"], detail["refund_amount"]) == ("1", "cancelled", 3.92)
    assert set(detail) <= set(SCHEMA["properties"]), "every member is documented"


def test_the_schema_knows_every_final_state_and_reason() -> None:
    assert set(SCHEMA["properties"]["state"]["enum"]) == FINAL
    waits = {"queued", "not_before", "too_early", "cancel_refused", "order_refused", "misconfigured", "rate_exceeded"}
    waits |= {"unreachable", "outcome_unknown", "refund_pending"}
    assert set(SCHEMA["properties"]["state_reason"]["enum"]) == set(StateReason) - waits


@pytest.mark.parametrize(
    "change",
    [
        {"NewImage": {"order_no": {"S": "drain"}, "holder": {"S": "x"}}},
        {"NewImage": {"order_no": {"S": "message webhook:1"}}},
        {"OldImage": {"state": {"S": "cancelled"}}},
        {"OldImage": RECORD["dynamodb"]["NewImage"]},
    ],
)
def test_what_settled_nothing_is_no_event(change: dict[str, Any]) -> None:
    client = FakeEvents()
    new = copy.deepcopy(RECORD)
    if "NewImage" in change and "OldImage" not in change:
        del new["dynamodb"]["OldImage"]
    new["dynamodb"] |= change
    assert (announced(client, [new]), client.calls) == ([], [])


def test_a_row_that_is_gone_is_no_event() -> None:
    client = FakeEvents()
    removed = copy.deepcopy(RECORD)
    del removed["dynamodb"]["NewImage"]
    assert (announced(client, [removed]), client.calls) == ([], [])


def test_the_events_of_one_order_are_never_in_one_call() -> None:
    client = FakeEvents()
    records = [record(1, "1"), record(2, "2"), record(3, "1", now="rejected"), record(4, "3")]
    assert announced(client, records) == []
    assert [len(call) for call in client.calls] == [2, 2]
    assert client.orders == ["1", "2", "1", "3"]


def test_ten_events_go_in_one_call() -> None:
    client = FakeEvents()
    announced(client, [record(n, str(n)) for n in range(25)])
    assert [len(call) for call in client.calls] == [10, 10, 5]


def large(sequence: int, order_no: str, size: int) -> dict[str, Any]:
    """A record whose order has an unknown field of so many bytes, at three bytes a character."""
    made = record(sequence, order_no)
    made["dynamodb"]["NewImage"]["order"] = {"S": json.dumps({"order_no": order_no, "memo": "订" * (size // 3)})}
    return made


@given(st.lists(st.integers(0, 200_000), max_size=30))
def test_no_call_is_larger_than_eventbridge_accepts(sizes: list[int]) -> None:
    """EventBridge: the entries of a call may total less than 256 KB; a larger call is refused whole."""
    client = FakeEvents()
    assert announced(client, [large(n, str(n), size) for n, size in enumerate(sizes)]) == []
    assert client.orders == [str(n) for n in range(len(sizes))]
    assert client.tried == len(client.calls), "none was refused"
    for call, after in pairwise(client.calls):
        assert len(call) == 10 or sum(map(documented_size, [*call, after[0]])) > 200_000, "none is made in vain"


def test_an_event_that_is_too_large_by_itself_goes_without_its_order() -> None:
    client = FakeEvents()
    assert announced(client, [large(1, "1", 300_000)]) == []
    detail = json.loads(client.calls[0][0]["Detail"])
    Draft202012Validator(SCHEMA).validate(detail)
    assert "order" not in detail
    assert detail["refund_amount"] == 3.92


def test_a_call_that_is_refused_whole_is_made_again_event_by_event() -> None:
    client = FakeEvents(poisoned="3")
    assert announced(client, [record(n, str(n)) for n in range(1, 6)]) == [{"itemIdentifier": "3"}]
    assert client.orders == ["1", "2"], "nothing of what comes later is announced before it is its turn"


def test_a_bus_that_is_down_isnt_asked_for_each_event() -> None:
    client = FakeEvents(down=True)
    announced(client, [record(n, str(n)) for n in range(10)])
    assert client.tried == 2


def test_a_record_that_comes_twice_is_the_same_event_twice() -> None:
    client = FakeEvents()
    assert announced(client, [RECORD]) == announced(client, [RECORD]) == []
    assert client.calls[0] == client.calls[1], "order_no and settled_at tell that it is one"


def test_what_the_bus_does_not_take_is_delivered_again_and_nothing_of_that_order_goes_before_it() -> None:
    client = FakeEvents("2")
    records = [record(1, "1"), record(2, "2"), record(3, "3"), record(4, "2", now="failed"), record(5, "5")]
    assert announced(client, records) == [{"itemIdentifier": "2"}]
    assert client.orders == ["1", "2", "3"]
    client.refused.clear()
    assert announced(client, records[1:]) == []
    assert client.orders == ["1", "2", "3", "2", "3", "2", "5"]


def test_a_bus_that_is_down_fails_the_batch_from_its_first_record() -> None:
    assert announced(FakeEvents(down=True), [record(7), record(8)]) == [{"itemIdentifier": "7"}]
    assert announced(FakeEvents(down=True), [record(7), record(8, "1")]) == [{"itemIdentifier": "7"}]


@pytest.mark.parametrize("order_no", [{}, {"order_no": {"N": "2"}}, {"order_no": None}])
def test_a_record_that_cannot_be_read_fails_alone_and_after_those_before_it(order_no: dict[str, Any]) -> None:
    client = FakeEvents()
    records = [record(1, "1"), record(2, "2"), record(3, "3")]
    del records[1]["dynamodb"]["NewImage"]["order_no"]
    records[1]["dynamodb"]["NewImage"] |= order_no
    assert announced(client, records) == [{"itemIdentifier": "2"}]
    assert client.orders == ["1"]
    assert announced(FakeEvents("1"), records) == [{"itemIdentifier": "1"}]


def test_what_a_newer_version_settled_is_announced_as_it_is() -> None:
    client = FakeEvents()
    states = ("expired", "failed", "paused", "cancelled")
    records = [record(n, str(n), now=state) for n, state in enumerate(states, 1)]
    otherwise = {"settled_at": {"N": "5"}, "state_reason": {"S": "too_old"}, "code": {"S": "x"}}
    records[0]["dynamodb"]["NewImage"] |= otherwise
    del records[2]["dynamodb"]["NewImage"]["settled_at"]
    records[1]["dynamodb"]["OldImage"] = records[0]["dynamodb"]["NewImage"]
    assert announced(client, records) == []
    assert client.orders == ["1", "4"]
    (first, *_) = client.calls[0]
    detail = json.loads(first["Detail"])
    assert (detail["state"], detail["state_reason"], "code" in detail["last_answer"]) == ("expired", "too_old", False)


def test_every_final_state_is_announced() -> None:
    client = FakeEvents()
    announced(client, [record(n, str(n), now=state) for n, state in enumerate(sorted(FINAL))])
    assert len(client.orders) == len(FINAL) == 4
    announced(client, [record(9, "9", was="waiting", now=State.WITHDRAWN)])
    assert client.orders[-1] == "9"


def test_it_is_wired_from_the_templates_settings() -> None:
    assert bootstrap().__self__._bus == "default"  # type: ignore[attr-defined] # the announcer's method
