"""The table's contract: the fake that the unit tests rest on and DynamoDB, in two emulators, keep the same one."""

import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import fields, replace
from decimal import Decimal
from itertools import product
from typing import Any
from unittest.mock import ANY
from uuid import uuid4

import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import ClientError, ReadTimeoutError
from botocore.httpsession import URLLib3Session

from feee_cancel.adapters.items import to_item
from feee_cancel.adapters.lease import TableLease
from feee_cancel.adapters.messages import HandledMessages
from feee_cancel.adapters.table import CancellationTable
from feee_cancel.domain.answer import AnswerKind
from feee_cancel.domain.cancellation import ON_ITS_WAY_SECONDS, Cancellation, Requested, State, StateReason
from feee_cancel.domain.documents import CancellationRequest
from feee_cancel.domain.due import Due, Period
from feee_cancel.domain.rank import Lane
from feee_cancel.usecases.attempt import contained_attempt
from feee_cancel.usecases.enqueue import enqueue
from feee_cancel.usecases.errors import TableUnavailableError, UnknownWriteError
from feee_cancel.usecases.ports import Cancellations, DrainLease, Ports
from feee_cancel.usecases.request import request_cancellation
from feee_cancel.usecases.withdraw import withdraw
from functions.api.app import create
from local.aws import at_emulator
from local.stack import LocalStack
from tests.builders import NOW, answer, refused, row, shown
from tests.events import Context, post, sample
from tests.events import at as request_at
from tests.fakes import Clock, FakeFeee, FakeLease, FakeTable, ports, service
from tests.moto import moto
from tests.template import resources

AS_DEPLOYED = resources("AWS::DynamoDB::Table")["CancellationTable"]
FULL = row(
    state=State.CANCELLED,
    state_reason=StateReason.REFUNDED,
    requested_by="arn:aws:iam::123456789012:user/treasury",
    asker="webhook:shop",
    reason="退款 🙂",
    not_before=NOW - 5,
    eligible_at=NOW - 438,
    seen_at=NOW - 9,
    paid=True,
    in_doubt_after=0,
    in_doubt_until=NOW + 300,
    requests=(
        Requested(
            requested_by="webhook:shop:1", asker="webhook:shop", requested_at=NOW, not_before=NOW + 1, reason="x"
        ),
        Requested(requested_at=NOW + 1),
    ),
    ended_before=NOW - 99,
    tries=1,
    since=NOW,
    refusals="1/1",
    settled_at=NOW,
    expires_at=NOW + 1,
    answer=AnswerKind.ORDER,
    http_status=200,
    code=0,
    msg="",
    request_id="r-1",
    detail="words",
    status=12,
    pay_amount=Decimal("3.920000"),
    refund_amount=Decimal("0.000001"),
    refund_time=NOW,
    partly_filled=False,
    order='{"order_no": "1", "pay_amount": 3.92}',
)


@contextmanager
def empty_table(client: Any) -> Iterator[tuple[Any, str]]:
    """The client, and the name of an empty table as the template has it, which no drain looks at."""
    made = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
    name = f"contract-{uuid4()}"
    client.create_table(TableName=name, **{member: AS_DEPLOYED[member] for member in made})
    yield client, name
    client.delete_table(TableName=name)


@pytest.fixture(scope="session")
def ministack_client(deployed: LocalStack) -> Any:
    return called(deployed.client("dynamodb"))


@pytest.fixture
def in_ministack(ministack_client: Any) -> Iterator[tuple[Any, str]]:
    with empty_table(ministack_client) as table:
        yield table


@pytest.fixture(scope="session")
def moto_client() -> Iterator[Any]:
    with moto() as endpoint, at_emulator(endpoint) as client:
        yield called(client("dynamodb"))


def called(client: Any) -> Any:
    """The client, once it has read all that it and what it calls read at the first call."""
    client.list_tables()
    return client


@pytest.fixture
def in_moto(moto_client: Any) -> Iterator[tuple[Any, str]]:
    with empty_table(moto_client) as table:
        yield table


MOTO = pytest.param("moto", marks=pytest.mark.no_cover)  # it runs in this process, where counting lines slows it
EMULATORS = ("MiniStack", MOTO)


@pytest.fixture(params=EMULATORS)
def dynamodb(request: pytest.FixtureRequest) -> tuple[Any, str]:
    """A client, and the name of a table of the test's own."""
    found: tuple[Any, str] = request.getfixturevalue(f"in_{request.param.lower()}")
    return found


@pytest.fixture(params=["fake", *EMULATORS])
def table(request: pytest.FixtureRequest) -> Cancellations:
    if request.param == "fake":
        return FakeTable()
    return CancellationTable(*request.getfixturevalue(f"in_{request.param.lower()}"))


@pytest.fixture
def new() -> Callable[..., Cancellation]:
    """Rows of an order that no other test knows."""
    order_no = str(int.from_bytes(os.urandom(8)))
    return lambda **values: row(order_no=order_no, **values)


Rows = Callable[..., Cancellation]


def test_what_was_begun_is_found(table: Cancellations, new: Rows) -> None:
    assert table.find(new().order_no) is None
    begun, written = table.start(new(), rejected_by=NOW)
    assert (begun, written) == (new(attempt=1), True)
    assert table.find(new().order_no) == begun


def test_every_field_survives_the_table(table: Cancellations, new: Rows) -> None:
    begun, _ = table.start(new(), rejected_by=NOW)
    full = replace(FULL, order_no=begun.order_no, attempt=begun.attempt)
    assert table.settle(full) == full
    assert table.find(full.order_no) == full
    assert all(getattr(full, field.name) not in (None, {}) or field.name == "unread" for field in fields(full))


@pytest.mark.parametrize("state", [State.WAITING, State.CANCELLING, State.REFUNDING, State.CANCELLED])
def test_what_is_under_way_or_cancelled_is_not_begun_again(table: Cancellations, new: Rows, state: State) -> None:
    table.start(new(), rejected_by=NOW)
    there = table.settle(new(state=state, code=5))
    assert table.start(new(), rejected_by=NOW) == (there, False)
    assert table.find(there.order_no) == there


@pytest.mark.parametrize("state", [State.REJECTED, State.WITHDRAWN, State.FAILED])
def test_what_ended_otherwise_begins_afresh_and_its_attempts_go_on(
    table: Cancellations, new: Rows, state: State
) -> None:
    table.start(new(), rejected_by=NOW)
    table.settle(
        new(state=state, due_at=NOW, code=5, msg="no", settled_at=NOW, expires_at=NOW, state_reason=StateReason.FILLED)
    )
    again = new(attempt=2, in_doubt_after=1, ended_before=NOW)
    assert table.start(new(), rejected_by=NOW) == (again, True)
    assert table.find(new().order_no) == again


def test_what_begins_afresh_no_longer_expires(dynamodb: tuple[Any, str], new: Rows) -> None:
    """DynamoDB goes by the attribute, whatever a row of ours says."""
    client, name = dynamodb
    table = CancellationTable(client, name)

    def expiry() -> object:
        item = client.get_item(TableName=name, Key={"order_no": {"S": new().order_no}})["Item"]
        return item.get("expires_at")

    table.start(new(), rejected_by=NOW)
    assert expiry() is None
    table.settle(new(state=State.FAILED, expires_at=NOW + 5))
    assert expiry() == {"N": str(NOW + 5)}
    table.start(new(), rejected_by=NOW)
    assert expiry() is None


def test_what_was_just_rejected_is_not_begun_again(table: Cancellations, new: Rows) -> None:
    table.start(new(), rejected_by=NOW)
    there = table.settle(new(state=State.REJECTED, due_at=NOW))
    assert table.start(new(), rejected_by=NOW - 1) == (there, False)
    assert table.start(new(), rejected_by=NOW) == (new(attempt=2, in_doubt_after=1), True)


def test_of_those_that_begin_it_afresh_at_once_one_does(dynamodb: tuple[Any, str], new: Rows) -> None:
    table = CancellationTable(*dynamodb)
    table.start(new(), rejected_by=NOW)
    table.settle(new(state=State.FAILED))
    with ThreadPoolExecutor(8) as executor:
        begun = list(executor.map(lambda _: table.start(new(), rejected_by=NOW), range(8)))
    assert sorted(written for _, written in begun) == [False] * 7 + [True]
    assert {row for row, _ in begun} == {new(attempt=2, in_doubt_after=1)}


@pytest.mark.parametrize("meanwhile", [{"state": State.CANCELLED}, {"attempt": 3}, {"due_at": NOW + 1}], ids=str)
def test_what_ended_is_not_begun_afresh_if_it_changed_since_it_was_found(
    dynamodb: tuple[Any, str], new: Rows, meanwhile: dict[str, Any]
) -> None:
    client, name = dynamodb
    ended = new(state=State.FAILED, due_at=NOW, attempt=2)
    rows = iter([ended, replace(ended, **meanwhile)])

    def change(**_: Any) -> None:
        client.put_item(TableName=name, Item=to_item(next(rows)))

    with at_emulator(client.meta.endpoint_url) as clients:
        slow = clients("dynamodb")
        slow.meta.events.register("provide-client-params.dynamodb.PutItem", change)
        there, started = CancellationTable(slow, name).start(new(), rejected_by=NOW)
    assert (there, started) == (replace(ended, **meanwhile), False)
    assert CancellationTable(client, name).find(ended.order_no) == there


def test_what_waits_begins_without_an_attempt(table: Cancellations, new: Rows) -> None:
    waiting = new(state=State.WAITING, attempt=0)
    assert table.start(waiting, rejected_by=NOW) == (waiting, True)


@pytest.mark.parametrize(
    ("state", "claimed"),
    [
        (State.WAITING, State.CANCELLING),
        (State.CANCELLING, State.CANCELLING),
        (State.REFUNDING, State.REFUNDING),
    ],
)
def test_what_is_due_is_claimed_by_one_alone(table: Cancellations, new: Rows, state: State, claimed: State) -> None:
    table.start(new(), rejected_by=NOW)
    due = table.settle(new(state=state, due_at=NOW, state_reason=StateReason.TOO_EARLY))
    assert table.claim(due.order_no, state, due_by=NOW - 0.1, lease_until=NOW + 30) == (due, False)
    taken, won = table.claim(due.order_no, state, due_by=NOW, lease_until=NOW + 30)
    doubt = (1, None) if state is State.WAITING else (0, NOW + 30 + ON_ITS_WAY_SECONDS)
    due = replace(due, in_doubt_after=doubt[0], in_doubt_until=doubt[1])
    assert (taken, won) == (replace(due, state=claimed, due_at=NOW + 30, attempt=2), True)
    assert table.claim(due.order_no, state, due_by=NOW, lease_until=NOW + 30) == (taken, False)


@pytest.mark.parametrize("state", [State.WAITING, State.CANCELLING, State.REFUNDING])
def test_a_claim_keeps_the_doubt_that_was_there(table: Cancellations, new: Rows, state: State) -> None:
    table.start(new(), rejected_by=NOW)
    due = table.settle(new(state=state, due_at=NOW, in_doubt_after=0, in_doubt_until=NOW + 9))
    taken, _ = table.claim(due.order_no, state, due_by=NOW, lease_until=NOW + 30)
    assert (taken.attempt, taken.in_doubt_after) == (2, 0)
    # Nobody knows when an attempt called whose lease ran out.
    assert taken.in_doubt_until == (NOW + 9 if state is State.WAITING else NOW + 30 + ON_ITS_WAY_SECONDS)


@pytest.mark.parametrize(("attempt", "there_after", "after"), [(0, None, None), (0, 1, 1), (1, None, 3), (1, 1, 1)])
def test_what_starts_again_keeps_its_doubt(
    table: Cancellations, new: Rows, attempt: int, there_after: int | None, after: int | None
) -> None:
    table.start(new(attempt=3), rejected_by=NOW)
    table.settle(new(attempt=3, state=State.FAILED, in_doubt_after=there_after))
    again = new(state=State.CANCELLING if attempt else State.WAITING, attempt=attempt)
    started, written = table.start(again, rejected_by=NOW)
    assert (written, started.attempt, started.in_doubt_after) == (True, 3 + attempt, after)


def test_a_row_that_moved_on_is_not_claimed(table: Cancellations, new: Rows) -> None:
    seen, _ = table.start(new(), rejected_by=NOW)
    final = table.settle(new(state=State.REJECTED, due_at=NOW))
    assert table.claim(seen.order_no, seen.state, due_by=NOW + 100, lease_until=NOW + 130) == (final, False)


def test_what_waits_is_moved_unless_it_moved_on(table: Cancellations, new: Rows) -> None:
    table.start(new(), rejected_by=NOW)
    waiting = table.settle(new(state=State.WAITING, due_at=NOW + 50))
    moved = replace(waiting, due_at=NOW + 90, not_before=NOW + 90, gives_up_at=NOW + 1000)
    assert table.reschedule(moved, due_at=NOW + 40) == (waiting, False)
    assert table.reschedule(moved, due_at=NOW + 50) == (moved, True)
    assert table.find(moved.order_no) == moved
    claimed, _ = table.claim(moved.order_no, State.WAITING, due_by=NOW + 90, lease_until=NOW + 120)
    assert table.reschedule(moved, due_at=NOW + 120) == (claimed, False)


def test_what_was_attempted_since_is_not_moved_though_it_waits_until_the_same_time(
    table: Cancellations, new: Rows
) -> None:
    table.start(new(attempt=2), rejected_by=NOW)
    attempted = table.settle(new(state=State.WAITING, due_at=NOW + 50, attempt=2))
    assert table.reschedule(new(state=State.WITHDRAWN, attempt=1), due_at=NOW + 50) == (attempted, False)


def test_what_was_withdrawn_when_it_was_due_is_not_moved(table: Cancellations, new: Rows) -> None:
    table.start(new(state=State.WAITING, due_at=NOW, attempt=0), rejected_by=NOW)
    withdrawn, _ = table.reschedule(new(state=State.WITHDRAWN, due_at=NOW, attempt=0), due_at=NOW)
    assert table.reschedule(new(state=State.WAITING, attempt=0), due_at=NOW) == (withdrawn, False)


def test_a_row_is_rescheduled_only_if_its_requests_are_as_they_were_seen(table: Cancellations, new: Rows) -> None:
    asked = (Requested(requested_by="a", requested_at=NOW), Requested(requested_by="b", requested_at=NOW, reason="x"))
    waiting = new(state=State.WAITING, due_at=NOW, attempt=0)
    table.start(waiting, rejected_by=NOW)
    noted = replace(waiting, requests=asked)
    assert table.reschedule(noted, due_at=NOW) == (noted, True)
    assert table.reschedule(replace(waiting, due_at=NOW + 1), due_at=NOW) == (noted, False)
    assert table.reschedule(replace(noted, due_at=NOW + 1), due_at=NOW, requests=asked[:1]) == (noted, False)
    moved = replace(noted, due_at=NOW + 1)
    assert table.reschedule(moved, due_at=NOW, requests=asked) == (moved, True)


def test_what_is_due_comes_in_order_and_what_is_final_or_later_does_not_come(table: Cancellations) -> None:
    long_ago = 1_000_000
    states = [State.REFUNDING, State.WAITING, State.CANCELLED, State.CANCELLING, State.WAITING, State.WAITING]
    for place, state in enumerate(states):
        fields = {"order_no": f"9{place}", "due_at": long_ago + place}
        table.start(row(**fields), rejected_by=NOW)
        table.settle(row(**fields, state=state, attempt=1))
    due = table.due(now=0, until=long_ago + 4.5, limit=50)
    assert due == [Due(f"9{n}", states[n], long_ago + n) for n in (0, 1, 3, 4)]
    assert table.due(now=0, until=long_ago + 4.5, limit=2) == due, "of each state"


WEBHOOK, SCHEDULE = "webhook:msg_1", "event:run-1"


def waits(table: Cancellations, order_no: str, due_at: int, **fields: Any) -> None:
    table.start(row(order_no=order_no, attempt=0, state=State.WAITING, due_at=due_at, **fields), rejected_by=NOW)


def test_a_long_line_hides_nobody_not_even_its_own_end(table: Cancellations) -> None:
    for n in range(12):
        waits(table, f"6{n:02}", NOW, requested_by=WEBHOOK)
        waits(table, f"5{n:02}", NOW + n, requested_by=WEBHOOK, refusals="1/1")
    lines: list[dict[str, Any]] = [{"requested_by": SCHEDULE}, {"requested_by": WEBHOOK, "status": 4}, {"status": 4}]
    for n, line in enumerate(lines):
        waits(table, f"7{n}", NOW + 12, **line)
    waits(table, "80", NOW + 13, requested_by=WEBHOOK)
    waits(table, "81", NOW + 14, requested_by=WEBHOOK)
    waits(table, "82", NOW + 99, requested_by="arn:z")
    found = table.due(now=NOW + 13, until=NOW + 14, limit=3)
    assert [due.due_at for due in found] == sorted(due.due_at for due in found)
    of = {due.order_no: due for due in found}
    assert len(of) == len(found)
    assert [order_no for order_no in of if of[order_no].lane is Lane.REFUSED] == ["500", "501", "502"]
    assert of["80"].latest, "the latest that is due"
    assert not {"81", "82"} & of.keys()
    assert {(of[order_no].asker, of[order_no].lane) for order_no in ("70", "71", "72", "80")} == {
        ("schedule", Lane.FIRST),
        ("webhook", Lane.KNOWN),
        ("unknown", Lane.KNOWN),
        ("webhook", Lane.FIRST),
    }


def test_lines_of_what_is_booked_for_later_hide_nobody_either(table: Cancellations) -> None:
    for n in range(12):
        waits(table, f"6{n:02}", NOW + 500, requested_by="arn:a", state_reason=StateReason.NOT_BEFORE)
        waits(table, f"5{n:02}", NOW, requested_by="arn:b")
    waits(table, "7", NOW + 1, requested_by="arn:c")
    found = {due.order_no for due in table.due(now=NOW + 1, until=NOW + 1, limit=3)}
    assert "7" in found
    assert {order_no[0] for order_no in found} == {"5", "7"}


def test_lines_shorter_than_a_page_are_read_to_their_ends(table: Cancellations) -> None:
    for n in range(9):
        waits(table, f"6{n}", NOW, requested_by=f"arn:{n // 2}")
    assert len(table.due(now=NOW, until=NOW, limit=3)) == 9


def test_a_row_that_is_claimed_or_final_stands_in_no_line(dynamodb: tuple[Any, str], new: Rows) -> None:
    client, name = dynamodb
    table = CancellationTable(client, name)

    def ranked() -> bool:
        return "rank" in client.get_item(TableName=name, Key={"order_no": {"S": new().order_no}})["Item"]

    waits(table, new().order_no, NOW, requested_by=WEBHOOK)
    assert ranked()
    claimed, _ = table.claim(new().order_no, State.WAITING, due_by=NOW, lease_until=NOW + 30)
    assert not ranked()
    table.settle(replace(claimed, state=State.WAITING, due_at=NOW))
    assert ranked()
    (due,) = table.due(now=NOW, until=NOW, limit=5)
    assert table.give_up(due, lease_until=NOW, now=claimed.gives_up_at, kept_for=0)
    assert not ranked()


def test_a_row_without_a_rank_is_found_as_it_becomes_due(dynamodb: tuple[Any, str], new: Rows) -> None:
    """One that another version wrote, or a hand."""
    client, name = dynamodb
    table = CancellationTable(client, name)
    waits(table, new().order_no, NOW, requested_by=WEBHOOK)
    client.update_item(
        TableName=name,
        Key={"order_no": {"S": new().order_no}},
        UpdateExpression="REMOVE #rank",
        ExpressionAttributeNames={"#rank": "rank"},
    )
    assert [due.order_no for due in table.due(now=NOW, until=NOW, limit=1)] == [new().order_no]


def test_a_row_is_postponed_as_it_was_seen_or_claimed_and_counted_until_an_attempt_settles(
    table: Cancellations, new: Rows
) -> None:
    due_at = int.from_bytes(os.urandom(2))
    table.start(new(due_at=due_at), rejected_by=NOW)
    table.settle(new(state=State.WAITING, due_at=due_at, requested_by="me"))

    def seen() -> Due:
        return next(due for due in table.due(now=0, until=due_at + 999, limit=50) if due.order_no == new().order_no)

    first = seen()
    table.postpone(first, lease_until=NOW, until=due_at + 30)
    moved = seen()
    assert (moved.due_at, moved.postponed) == (due_at + 30, 1)
    assert (moved.asker, moved.lane) == (first.asker, first.lane) == ("me", Lane.FIRST)
    for at in (due_at, due_at + 29, due_at + 31):
        table.postpone(replace(first, due_at=at), lease_until=NOW, until=due_at + 40)
        assert seen() == moved, "it isn't as it was seen any more"
    table.claim(new().order_no, State.WAITING, due_by=NOW, lease_until=due_at + 50)
    table.postpone(seen(), lease_until=due_at + 50, until=due_at + 90)
    claimed = seen()
    assert (claimed.state, claimed.due_at, claimed.postponed) == (State.CANCELLING, due_at + 90, 2)
    table.settle(new(state=State.WAITING, due_at=due_at, attempt=2))
    assert seen() == first


@pytest.mark.parametrize(("kept_for", "expires_at"), [(50, NOW + 151), (0, None)])
def test_a_row_whose_time_is_up_is_given_up_as_it_was_seen_or_claimed(
    table: Cancellations, new: Rows, kept_for: int, expires_at: int | None
) -> None:
    table.start(new(due_at=NOW, gives_up_at=NOW + 100), rejected_by=NOW)
    claimed = Due(new().order_no, State.CANCELLING, NOW)
    assert not table.give_up(claimed, lease_until=NOW, now=NOW + 99.5, kept_for=kept_for)
    assert not table.give_up(replace(claimed, due_at=1), lease_until=2, now=NOW + 100, kept_for=kept_for)
    assert table.give_up(replace(claimed, due_at=1), lease_until=NOW, now=NOW + 100.5, kept_for=kept_for)
    failed = table.find(new().order_no)
    assert failed == new(
        state=State.FAILED,
        state_reason=StateReason.GAVE_UP,
        due_at=NOW + 101,
        settled_at=NOW + 101,
        gives_up_at=NOW + 100,
        expires_at=expires_at,
    )
    assert not table.give_up(claimed, lease_until=NOW + 101, now=NOW + 101, kept_for=kept_for)


SPOILT = ("attempt", "tries", "gives_up_at", "requested_at")


@pytest.mark.parametrize(
    ("dynamodb", "attribute"),
    # moto crashes if a condition compares a text with a number; to DynamoDB that condition is false.
    [
        *product(["MiniStack"], SPOILT),
        *(pytest.param("moto", one, marks=pytest.mark.no_cover) for one in SPOILT if one != "gives_up_at"),
    ],
    indirect=["dynamodb"],
)
def test_a_row_that_cannot_be_read_is_postponed_and_given_up_all_the_same(
    dynamodb: tuple[Any, str], new: Rows, attribute: str
) -> None:
    client, name = dynamodb
    table, key = CancellationTable(client, name), {"order_no": {"S": new().order_no}}
    table.start(new(due_at=NOW, gives_up_at=NOW + 100), rejected_by=NOW)
    client.update_item(
        TableName=name,
        Key=key,
        UpdateExpression=f"SET {attribute} = :x",
        ExpressionAttributeValues={":x": {"S": "NaN"}},
    )
    (due,) = table.due(now=0, until=NOW, limit=5)
    with suppress(TableUnavailableError):  # AWS adds nothing to an attempt that is no number
        table.claim(due.order_no, due.state, due_by=NOW, lease_until=NOW + 30)
    table.postpone(due, lease_until=NOW + 30, until=NOW + 60)
    (postponed,) = table.due(now=0, until=NOW + 60, limit=5)
    assert (postponed.due_at, postponed.postponed) == (NOW + 60, 1)
    assert table.give_up(postponed, lease_until=1, now=NOW + 100, kept_for=9) is (attribute != "gives_up_at")


def test_what_is_not_final_is_unsettled_whenever_it_is_due(table: Cancellations) -> None:
    for place, state in enumerate(State):
        fields = {"order_no": f"8{place}", "due_at": NOW + place}
        table.start(row(**fields), rejected_by=NOW)
        table.settle(row(**fields, state=state, attempt=1))
    assert sorted(table.unsettled()) == [NOW, NOW + 1, NOW + 2]


def test_a_page_has_the_latest_due_of_a_state_and_goes_on_after_a_row(table: Cancellations) -> None:
    due_ats = {"51": NOW + 3, "52": NOW + 1, "53": NOW + 2, "54": NOW + 2}
    for order_no, due_at in due_ats.items():
        table.start(row(order_no=order_no, state=State.WAITING, due_at=due_at, attempt=0), rejected_by=NOW)
    table.start(row(order_no="55"), rejected_by=NOW)
    first = table.page(State.WAITING, limit=2, after=None)
    assert [found.due_at for found in first] == [NOW + 3, NOW + 2]
    assert (first[0].requested_at, first[0].gives_up_at) == (NOW, NOW + 86_400)
    rest = table.page(State.WAITING, limit=9, after=Due(first[1].order_no, State.WAITING, first[1].due_at))
    assert [found.due_at for found in rest] == [NOW + 2, NOW + 1]
    assert {found.order_no for found in first + rest} == set(due_ats)
    assert table.page(State.FAILED, limit=9, after=None) == []


def test_what_became_final_in_a_period_comes_the_earliest_first_with_what_an_export_needs(table: Cancellations) -> None:
    paid: dict[str, Any] = {
        "pay_amount": Decimal("3.92"),
        "refund_amount": Decimal("1.234567"),
        "refund_time": NOW,
        "partly_filled": True,
    }
    for order_no, at in {"61": NOW + 3, "62": NOW + 1, "63": NOW + 2, "64": NOW + 2, "65": NOW + 4}.items():
        asked = row(order_no=order_no, requested_by="arn:aws:iam::123456789012:user/treasury")
        table.start(asked, rejected_by=NOW)
        table.settle(replace(asked, state=State.CANCELLED, due_at=at, settled_at=at, **paid))
    period = Period(NOW + 1, NOW + 4)
    first = table.page(State.CANCELLED, limit=2, after=None, period=period)
    last = first[-1]
    rest = table.page(State.CANCELLED, limit=9, after=Due(last.order_no, State.CANCELLED, last.due_at), period=period)
    assert [found.settled_at for found in first + rest] == [NOW + 1, NOW + 2, NOW + 2, NOW + 3]
    assert {found.order_no for found in first + rest} == {"61", "62", "63", "64"}
    assert {name: getattr(last, name) for name in paid} == paid
    assert last.requested_by == "arn:aws:iam::123456789012:user/treasury"


def test_an_attempt_that_was_overtaken_settles_nothing(table: Cancellations, new: Rows) -> None:
    first, _ = table.start(new(due_at=NOW), rejected_by=NOW)
    second, _ = table.claim(first.order_no, first.state, due_by=NOW, lease_until=NOW + 30)
    assert table.settle(replace(first, state=State.REJECTED)) == second
    assert table.find(first.order_no) == second


def test_an_attempt_settles_once(table: Cancellations, new: Rows) -> None:
    table.start(new(), rejected_by=NOW)
    settled = table.settle(new(state=State.REJECTED))
    assert table.settle(new(state=State.WAITING)) == settled


@pytest.fixture(params=[1, 99], ids=["once", "each time"])
def lossy(request: pytest.FixtureRequest, dynamodb: tuple[Any, str]) -> Iterator[tuple[Any, str]]:
    """A table whose writes take effect, and whose answers are lost, once for each call or whenever botocore asks."""
    client, name = dynamodb
    left: list[int] = []

    def lose(request: AWSPreparedRequest, **_: Any) -> None:
        if left.pop():
            wire.send(request)
            raise ReadTimeoutError(endpoint_url=request.url)

    def is_asked(**_: Any) -> None:
        left[:] = [0, *[1] * request.param]

    with at_emulator(client.meta.endpoint_url) as clients:
        unreliable, wire = clients("dynamodb"), URLLib3Session()
        for operation in ("PutItem", "UpdateItem"):
            unreliable.meta.events.register(f"provide-client-params.dynamodb.{operation}", is_asked)
            unreliable.meta.events.register(f"before-send.dynamodb.{operation}", lose)
        yield unreliable, name
        wire.close()


def test_a_write_whose_answer_was_lost_is_recognised_as_our_own(lossy: tuple[Any, str], new: Rows) -> None:
    table = CancellationTable(*lossy)
    started, written = table.start(new(due_at=NOW), rejected_by=NOW)
    assert (started, written) == (new(due_at=NOW), True)
    claimed, won = table.claim(new().order_no, State.CANCELLING, due_by=NOW, lease_until=NOW + 30)
    assert (claimed.attempt, claimed.due_at, won) == (2, NOW + 30, True)
    waiting = replace(claimed, state=State.WAITING, due_at=NOW + 50)
    assert table.settle(waiting) == waiting
    rescheduled = replace(waiting, due_at=NOW + 70)
    assert table.reschedule(rescheduled, due_at=NOW + 50) == (rescheduled, True)
    withdrawn = replace(rescheduled, state=State.WITHDRAWN)
    assert table.reschedule(withdrawn, due_at=NOW + 70) == (withdrawn, True)


@pytest.mark.parametrize("lossy", [1], indirect=True)
def test_a_restart_whose_answers_were_lost_is_recognised_as_our_own(
    lossy: tuple[Any, str], dynamodb: tuple[Any, str], new: Rows
) -> None:
    there = CancellationTable(*dynamodb)
    there.start(new(state=State.WAITING, attempt=0), rejected_by=NOW)
    there.reschedule(new(state=State.WITHDRAWN, attempt=0), due_at=new().due_at)
    restarted, written = CancellationTable(*lossy).start(new(), rejected_by=NOW)
    assert (restarted.state, written) == (State.CANCELLING, True)
    assert there.find(new().order_no) == restarted


@pytest.mark.parametrize("lossy", [1], indirect=True)
def test_a_write_that_somebody_else_was_faster_with_is_not_taken_for_our_own(
    lossy: tuple[Any, str], dynamodb: tuple[Any, str], new: Rows
) -> None:
    table = CancellationTable(*lossy)
    there, _ = CancellationTable(*dynamodb).start(new(due_at=NOW), rejected_by=NOW)
    assert table.start(new(), rejected_by=NOW) == (there, False)
    assert table.claim(new().order_no, State.WAITING, due_by=NOW, lease_until=NOW + 30) == (there, False)
    assert table.settle(new(attempt=7)) == there


@contextmanager
def losing(dynamodb: tuple[Any, str], *, but_first: Callable[[], object]) -> Iterator[CancellationTable]:
    """The table for a writer of whose requests none is answered: they take effect, and then something else happens."""
    client, name = dynamodb

    def lose(request: AWSPreparedRequest, **_: Any) -> None:
        if "GetItem" not in str(request.headers["X-Amz-Target"]):
            wire.send(request)
            but_first()
            raise ReadTimeoutError(endpoint_url=request.url)

    with at_emulator(client.meta.endpoint_url) as clients:
        unreliable, wire = clients("dynamodb"), URLLib3Session()
        unreliable.meta.events.register("before-send.dynamodb", lose)
        yield CancellationTable(unreliable, name)
        wire.close()


def test_a_request_whose_answer_was_lost_and_that_was_attempted_since_is_known_to_be_there(
    dynamodb: tuple[Any, str], new: Rows
) -> None:
    table = CancellationTable(*dynamodb)
    asked = new(state=State.WAITING, due_at=NOW, attempt=0)

    def _attempted() -> None:
        table.claim(asked.order_no, State.WAITING, due_by=NOW, lease_until=NOW + 30)

    with losing(dynamodb, but_first=_attempted) as unreliable:
        there, started = unreliable.start(asked, rejected_by=NOW)
        assert (there.state, there.attempt, started) == (State.CANCELLING, 1, False)


def test_of_a_write_whose_answer_was_lost_and_that_was_overtaken_nobody_knows(
    dynamodb: tuple[Any, str], new: Rows
) -> None:
    table = CancellationTable(*dynamodb)
    asked = new(state=State.WAITING, due_at=NOW, attempt=0)
    table.start(asked, rejected_by=NOW)

    def _attempted() -> None:
        table.claim(asked.order_no, State.WAITING, due_by=NOW + 9, lease_until=NOW + 30)

    with losing(dynamodb, but_first=_attempted) as unreliable, pytest.raises(UnknownWriteError):
        unreliable.reschedule(replace(asked, due_at=NOW + 9), due_at=NOW)


def test_of_a_write_to_a_table_that_cannot_be_read_nobody_knows(new: Rows) -> None:
    with at_emulator("http://127.0.0.1:1") as client, pytest.raises(UnknownWriteError):
        CancellationTable(client("dynamodb"), "cancellations").start(new(), rejected_by=NOW)


def test_a_drains_lease_whose_answer_was_lost_is_held(lossy: tuple[Any, str], dynamodb: tuple[Any, str]) -> None:
    lease, other = TableLease(*lossy), TableLease(*dynamodb)
    with suppress(TableUnavailableError):  # nothing is known of it, if no answer comes at all
        assert lease.acquire(now=NOW, lease_until=NOW + 10, until=0) == 0
    assert other.acquire(now=NOW, lease_until=NOW + 10, until=NOW + 5) is None


def test_a_wake_up_whose_answer_was_lost_starts_the_drain(lossy: tuple[Any, str]) -> None:
    with suppress(TableUnavailableError):  # nothing is known of it, if no answer comes at all
        assert TableLease(*lossy).may_wake(NOW + 5, now=NOW)


LATER: dict[str, Any] = {"later": {"M": {"a": {"L": [{"N": "1.5"}, {"NULL": True}]}}}, "sooner": {"BS": [b"x"]}}
OTHERWISE: dict[str, Any] = {
    "state_reason": {"S": "frozen"},
    "answer": {"S": "shrugged"},
    "reason": {"L": [{"S": "two"}, {"S": "reasons"}]},
    "requested_by": {"M": {"arn": {"S": "x"}}},
    "requested_at": {"S": "2026-11-26"},
    "gives_up_at": {"S": "never"},
    "not_before": {"S": "soon"},
    "tries": {"S": "many"},
    "refund_amount": {"S": "3.92 TRX"},
    "partly_filled": {"N": "1"},
    "order": {"M": {}},
    "settled_at": {"NULL": True},
    "ended_before": {"S": "before"},
}


def _spoil(dynamodb: tuple[Any, str], order_no: str, attributes: dict[str, Any]) -> None:
    """Set attributes as another version would."""
    client, name = dynamodb
    item = client.get_item(TableName=name, Key={"order_no": {"S": order_no}})["Item"]
    client.put_item(TableName=name, Item=item | attributes)


def _item(dynamodb: tuple[Any, str], order_no: str) -> dict[str, Any]:
    client, name = dynamodb
    item: dict[str, Any] = client.get_item(TableName=name, Key={"order_no": {"S": order_no}})["Item"]
    return item


def test_what_a_newer_version_wrote_survives_each_write_of_this_one(dynamodb: tuple[Any, str], new: Rows) -> None:
    table, order_no = CancellationTable(*dynamodb), new().order_no
    wrote = {**LATER, **OTHERWISE}

    def _unread() -> dict[str, Any]:
        item = _item(dynamodb, order_no)
        return {name: item[name] for name in item if name in wrote}

    table.start(new(state=State.WAITING, due_at=NOW, attempt=0), rejected_by=NOW)
    _spoil(dynamodb, order_no, wrote)
    (listed,) = table.page(State.WAITING, limit=5, after=None)
    assert (listed.order_no, listed.state_reason) == (order_no, "frozen")
    found = table.find(order_no)
    assert found
    assert (found.state_reason, found.answer, found.reason, found.refund_amount) == ("frozen", "shrugged", None, None)
    moved, written = table.reschedule(replace(found, due_at=NOW + 1), due_at=NOW)
    assert (moved.due_at, written, _unread()) == (NOW + 1, True, wrote)
    claimed, won = table.claim(order_no, State.WAITING, due_by=NOW + 1, lease_until=NOW + 30)
    assert (claimed.state_reason, won, _unread()) == ("frozen", True, wrote)
    settled = table.settle(replace(claimed, state=State.WITHDRAWN, due_at=NOW, settled_at=NOW))
    assert (settled.state, _unread()) == (State.WITHDRAWN, wrote | {"settled_at": {"N": str(NOW)}})
    restarted, again = table.start(new(attempt=0), rejected_by=NOW)
    assert (restarted.attempt, again, _item(dynamodb, order_no).items() >= LATER.items()) == (1, True, True)


@pytest.mark.parametrize("state", ["paused", "verified"])
def test_a_row_in_an_unknown_state_is_found_and_changed_by_nothing(
    dynamodb: tuple[Any, str], new: Rows, state: str
) -> None:
    table, order_no = CancellationTable(*dynamodb), new().order_no
    table.start(new(due_at=NOW), rejected_by=NOW)
    _spoil(dynamodb, order_no, {"state": {"S": state}})
    there = _item(dynamodb, order_no)
    assert order_no not in {due.order_no for due in table.due(now=NOW, until=NOW, limit=50)}
    row_, started = table.start(new(), rejected_by=NOW)
    assert (row_.state, row_.state.is_known, row_.state.final, started) == (state, False, False, False)
    plain = ports(FakeFeee(), table)
    api = create(service(plain))
    path = f"/cancellations/{order_no}"
    named = {"order_no": order_no, "resource": "/cancellations/{order_no}"}
    answered = [
        api(post(json.dumps({"order_no": order_no})), Context()),
        api(post(json.dumps({"order_no": order_no, "not_before": NOW + 99})), Context()),
        api(request_at(path, **named, method="DELETE"), Context()),
    ]
    assert [one["statusCode"] for one in answered] == [409, 409, 409]
    assert all(json.loads(one["body"])["type"].endswith(":unknown-state") for one in answered)
    found = api(request_at(path, **named), Context())
    assert (found["statusCode"], json.loads(found["body"])["state"]) == (200, state)
    (taken,) = plain_batch(plain, order_no)
    assert taken == {"order_no": order_no, "result": "refused", "state": state, "detail": ANY}
    assert _item(dynamodb, order_no) == there


def plain_batch(plain: Ports, order_no: str) -> list[dict[str, Any]]:
    document = json.dumps({"order_nos": [order_no]})
    answered = create(service(plain))(post(document, path="batch"), Context())
    results: list[dict[str, Any]] = json.loads(answered["body"])["results"]
    return results


SPOILS = [{name: value} for name, value in (OTHERWISE | LATER).items()]
SPOILS += [{"order": {"S": "not json"}}, {"in_doubt_after": {"S": "x"}}, {"postponed": {"S": "x"}}, OTHERWISE | LATER]
SPOILS += [{"requests": {"L": [{"M": {"requested_by": {"N": "1"}, "later": {"S": "x"}}}]}}]
SPOILS += [{"requests": {"S": "x"}}, {"requests": {"M": {}}}, {"requests": {"L": [{"S": "x"}]}}]


@pytest.mark.parametrize("state", [State.WAITING, State.REJECTED, State.FAILED, State.REFUNDING, State.CANCELLED])
def test_no_answer_is_a_500_whatever_another_version_wrote(moto_client: Any, state: State) -> None:
    with empty_table(moto_client) as dynamodb:
        table = CancellationTable(*dynamodb)
        plain = ports(FakeFeee(cancel=[shown(status=6)] * 99, query=[shown(status=6)] * 99), table)
        api = create(service(plain))
        orders = {str(place): spoilt for place, spoilt in enumerate([{}, *SPOILS])}
        for order_no, spoilt in orders.items():
            table.start(row(order_no=order_no, state=state, due_at=NOW), rejected_by=NOW)
            _spoil(dynamodb, order_no, spoilt)
        listed = api(sample("api-list") | {"multiValueQueryStringParameters": {"state": [state]}}, Context())
        assert {one["order_no"] for one in json.loads(listed["body"])["cancellations"]} == orders.keys()
        for order_no, spoilt in orders.items():
            named = {"order_no": order_no, "resource": "/cancellations/{order_no}"}
            answered = [
                api(request_at(f"/cancellations/{order_no}", **named), Context()),
                api(post(json.dumps({"order_no": order_no, "not_before": NOW + 9})), Context()),
                api(request_at(f"/cancellations/{order_no}", **named, method="DELETE"), Context()),
                api(post(json.dumps({"order_no": order_no})), Context()),
            ]
            assert {one["statusCode"] for one in answered} <= {200, 202, 409}, spoilt
        service(plain).tick(seconds_left=100)
        assert [one.order_no for one in table.due(now=NOW, until=NOW, limit=99)] == []


COUNTS: tuple[Any, ...] = (None, {"S": "3"}, {"N": "1.5"}, {"NULL": True}, {"L": []}, {"BS": [b"x"]})
ILL_TIMED: list[dict[str, Any]] = [
    *({"attempt": value} for value in COUNTS),
    *({"due_at": value} for value in (None, {"N": f"{NOW + 5}.5"})),
    {"attempt": None, "due_at": {"N": f"{NOW + 5}.5"}},
]


@pytest.mark.parametrize("spoilt", ILL_TIMED, ids=str)
def test_a_row_whose_count_or_time_another_wrote_is_withdrawn_rescheduled_and_started_again(
    dynamodb: tuple[Any, str], new: Rows, spoilt: dict[str, Any]
) -> None:
    """A condition compares what is there, and what is written next has a number in its place."""
    client, name = dynamodb
    table, order_no = CancellationTable(client, name), new().order_no
    plain = ports(FakeFeee([shown(status=6)] * 9), table)
    api = create(service(plain))

    def spoil(state: State) -> None:
        item = to_item(new(state=state, due_at=NOW + 5, not_before=NOW + 5, attempt=0)) | spoilt
        client.put_item(TableName=name, Item={name: value for name, value in item.items() if value})

    def answered(not_before: int | None = None) -> int:
        document = {"order_no": order_no} | ({"not_before": not_before} if not_before else {})
        return int(api(post(json.dumps(document)), Context())["statusCode"])

    spoil(State.WAITING)
    path = f"/cancellations/{order_no}"
    named = {"order_no": order_no, "resource": "/cancellations/{order_no}"}
    assert api(request_at(path, **named, method="DELETE"), Context())["statusCode"] == 200
    spoil(State.WITHDRAWN)
    assert answered(NOW + 9) == 202
    spoil(State.WAITING)
    assert answered(NOW + 9) == 202
    claimed, won = table.claim(order_no, State.WAITING, due_by=NOW + 9, lease_until=NOW + 39)
    assert (won, claimed.attempt) == (True, 2 if spoilt.get("attempt") == {"N": "1.5"} else 1)
    spoil(State.FAILED)
    assert answered() == 409  # attempted, and seen filled
    assert table.find(order_no).state is State.REJECTED  # type: ignore[union-attr] # it is there


@pytest.mark.parametrize("spoilt", [{"attempt": None}, {"due_at": {"N": f"{NOW}.5"}}], ids=str)
def test_a_row_whose_count_is_missing_or_whose_time_has_a_fraction_is_attempted_and_postponed(
    dynamodb: tuple[Any, str], new: Rows, spoilt: dict[str, Any]
) -> None:
    client, name = dynamodb
    table = CancellationTable(client, name)
    item = to_item(new(state=State.WAITING, due_at=NOW, attempt=1)) | spoilt
    client.put_item(TableName=name, Item={name: value for name, value in item.items() if value})
    (due,) = table.due(now=NOW + 1, until=NOW + 1, limit=5)
    table.postpone(due, lease_until=NOW + 30, until=NOW)
    (due,) = table.due(now=NOW, until=NOW, limit=5)
    assert due.postponed == 1
    claimed, won = table.claim(due.order_no, State.WAITING, due_by=NOW, lease_until=NOW + 30)
    assert (won, table.settle(replace(claimed, state=State.WITHDRAWN)).state) == (True, State.WITHDRAWN)


@pytest.mark.parametrize("state", [State.WAITING, State.CANCELLING, State.REFUNDING])
@pytest.mark.parametrize("count", COUNTS, ids=str)
def test_whatever_is_in_place_of_the_count_the_row_is_attempted_and_settles(
    dynamodb: tuple[Any, str], new: Rows, state: State, count: Any
) -> None:
    """At once, or once it was postponed: and what was sent before isn't taken for the next attempt's own."""
    client, name = dynamodb
    table, clock = CancellationTable(client, name), Clock()
    doubtful = new(state=state, due_at=NOW, attempt=1, in_doubt_after=0, in_doubt_until=NOW + 300)
    item = to_item(doubtful) | {"attempt": count}
    client.put_item(TableName=name, Item={name: value for name, value in item.items() if value})
    wired = ports(FakeFeee([refused()], [shown(order_no=doubtful.order_no)]), table, clock=clock)
    attempted = None
    for _ in range(2):
        (due,) = table.due(now=clock(), until=clock(), limit=5)
        attempted = attempted or contained_attempt(due, wired)
        if attempted:
            break
        clock.time += 30
    assert attempted
    assert attempted.in_doubt
    there = table.find(doubtful.order_no)
    assert there
    assert (there.state, there.due_at, there.answer is None) == (attempted.state, attempted.due_at, False)


@pytest.mark.parametrize("state", [State.CANCELLING, State.REFUNDING, State.FAILED, State.REJECTED])
@pytest.mark.parametrize("doubt", range(4))
@pytest.mark.parametrize("count", COUNTS, ids=str)
def test_whatever_is_in_place_of_the_count_a_limited_rate_ends_no_doubt_of_before(
    dynamodb: tuple[Any, str], new: Rows, state: State, doubt: int, count: Any
) -> None:
    """A cancel that feee.io didn't look at tells nothing of one that was sent before."""
    client, name = dynamodb
    table = CancellationTable(client, name)
    item = to_item(new(state=state, due_at=NOW - 100, in_doubt_after=doubt)) | {"attempt": count}
    client.put_item(TableName=name, Item={name: value for name, value in item.items() if value})
    clock, asked = Clock(), CancellationRequest(order_no=item["order_no"]["S"])
    limited = [answer(AnswerKind.RATE_EXCEEDED, code=11001)]
    wired = ports(FakeFeee(limited, limited), table, clock=clock)
    there = None
    for _ in range(3):
        request_cancellation(asked, wired, requested_by="me", deadline=clock() + 100)
        for due in table.due(now=clock(), until=clock(), limit=5):
            contained_attempt(due, wired)
        there = table.find(asked.order_no)
        if there and there.answer:
            break
        clock.time += 30
    assert there
    assert (there.answer, there.in_doubt) == (AnswerKind.RATE_EXCEEDED, True)


@pytest.mark.parametrize("state", [State.CANCELLING, State.REFUNDING])
def test_a_row_whose_count_is_missing_is_taken_over_at_once_and_is_no_attempts_that_had_a_number(
    dynamodb: tuple[Any, str], new: Rows, state: State
) -> None:
    client, name = dynamodb
    table, item = CancellationTable(client, name), to_item(new(state=state, due_at=NOW))
    del item["attempt"]
    client.put_item(TableName=name, Item=item)
    there = table.settle(new(state=State.REJECTED, attempt=1))
    assert (there.state, there.attempt) == (state, 0)
    claimed, won = table.claim(there.order_no, state, due_by=NOW, lease_until=NOW + 30)
    assert (won, claimed.attempt, claimed.in_doubt_after) == (True, 2, 0)


SPOILT_REQUESTS: list[Any] = [
    {"L": []},
    {"L": [{"M": {"requested_at": {"N": f"{NOW}.5"}}}]},
    {"L": [{"M": {"not_before": {"N": f"{NOW + 5}.5"}}}]},
    {"L": [{"M": {"requested_at": {"N": "1.5"}, "later": {"S": "x"}}}]},
    {"M": {}},
]


@pytest.mark.parametrize("state", [State.WAITING, State.CANCELLING, State.REFUNDING])
@pytest.mark.parametrize("due_at", [f"{NOW}000", "1E+30"])
def test_a_row_that_would_be_due_in_thousands_of_years_is_due_at_the_next_tick(
    dynamodb: tuple[Any, str], new: Rows, state: State, due_at: str
) -> None:
    client, name = dynamodb
    table, spoilt = CancellationTable(client, name), new(state=state, attempt=1)
    booked = row(order_no="7", state=State.WAITING, due_at=NOW + 30 * 86_400, attempt=0)
    for item in (to_item(spoilt) | {"due_at": {"N": due_at}}, to_item(booked)):
        client.put_item(TableName=name, Item=item)
    filled = shown(status=6, order_no=spoilt.order_no)
    service(ports(FakeFeee([filled], [filled]), table)).tick(seconds_left=100)
    there = table.find(spoilt.order_no)
    assert there
    assert (there.state, table.find("7")) == (State.REJECTED, booked)


@pytest.mark.parametrize("spoilt", SPOILT_REQUESTS, ids=str)
def test_a_record_that_another_wrote_keeps_nobody_from_asking_and_withdrawing(
    dynamodb: tuple[Any, str], new: Rows, spoilt: Any
) -> None:
    client, name = dynamodb
    table, asked = CancellationTable(client, name), new(state=State.WAITING, due_at=NOW + 50, attempt=0)
    acts: list[Callable[[Ports], Cancellation | None]] = [
        lambda wired: enqueue(CancellationRequest(order_no=asked.order_no), wired, requested_by="webhook:a:1"),
        lambda wired: withdraw(asked.order_no, wired),
    ]
    for act, state in zip(acts, (State.WAITING, State.WITHDRAWN), strict=True):
        client.put_item(TableName=name, Item=to_item(asked) | {"requests": spoilt})
        act(ports(FakeFeee(), table))
        there = table.find(asked.order_no)
        assert there
        assert (there.state, there.due_at) == (state, NOW)


def test_trouble_at_the_table_is_one_error_with_awss_code_in_it(dynamodb: tuple[Any, str], new: Rows) -> None:
    nowhere = CancellationTable(dynamodb[0], "no-such-table")
    calls: list[Callable[[], object]] = [
        lambda: nowhere.start(new(), rejected_by=NOW),
        lambda: nowhere.settle(new()),
        lambda: nowhere.find("1"),
        lambda: nowhere.due(now=0, until=1, limit=1),
        nowhere.unsettled,
        lambda: nowhere.page(State.WAITING, limit=1, after=None),
        lambda: HandledMessages(dynamodb[0], "no-such-table").seen("m"),
        lambda: HandledMessages(dynamodb[0], "no-such-table").remember("m", now=NOW),
    ]
    for call in calls:
        with pytest.raises(TableUnavailableError, match="ResourceNotFoundException") as caught:
            call()
        assert isinstance(caught.value.__cause__, ClientError)


def test_a_table_that_cannot_be_reached_is_the_same_error(new: Rows) -> None:
    with (
        at_emulator("http://127.0.0.1:9") as client,
        pytest.raises(TableUnavailableError, match="EndpointConnectionError"),
    ):
        CancellationTable(client("dynamodb"), "t").find("1")


@pytest.fixture(params=["fake", *EMULATORS])
def leases(request: pytest.FixtureRequest) -> Iterator[tuple[DrainLease, DrainLease]]:
    """Two drains' leases over the same item."""
    if request.param == "fake":
        held: dict[str, int] = {}
        yield FakeLease(held, 1), FakeLease(held, 2)
        return
    client, name = request.getfixturevalue(f"in_{request.param.lower()}")
    yield TableLease(client, name), TableLease(client, name)


def test_the_lease_is_one_drains_until_it_is_released(leases: tuple[DrainLease, DrainLease]) -> None:
    one, other = leases
    assert one.acquire(now=NOW, lease_until=NOW + 15, until=0) == 0
    assert other.acquire(now=NOW, lease_until=NOW + 15, until=0) is None
    assert one.extend(now=NOW + 5, lease_until=NOW + 20, until=0) == 0
    assert one.release()
    assert other.acquire(now=NOW + 5, lease_until=NOW + 20, until=0) == 0


def test_a_lease_that_ran_out_is_anothers(leases: tuple[DrainLease, DrainLease]) -> None:
    one, other = leases
    one.acquire(now=NOW, lease_until=NOW + 15, until=0)
    assert other.acquire(now=NOW + 15, lease_until=NOW + 30, until=0) == 0
    assert one.extend(now=NOW + 16, lease_until=NOW + 31, until=0) is None
    assert one.release(), "what isn't ours needn't be released"
    assert one.extend(now=NOW + 16, lease_until=NOW + 31, until=0) is None


def test_a_lease_of_a_clock_that_was_an_hour_ahead_keeps_nobody_waiting(leases: tuple[DrainLease, DrainLease]) -> None:
    one, other = leases
    one.acquire(now=NOW + 3600, lease_until=NOW + 3610, until=0)
    assert other.acquire(now=NOW, lease_until=NOW + 10, until=0) == 0


@pytest.mark.parametrize(("seconds", "heeded"), [(120, True), (121, False)])
def test_an_end_that_no_drain_writes_is_not_heeded(
    leases: tuple[DrainLease, DrainLease], seconds: int, *, heeded: bool
) -> None:
    one, other = leases
    one.acquire(now=NOW, lease_until=NOW + seconds, until=0)
    assert (other.acquire(now=NOW, lease_until=NOW + 10, until=0) is None) is heeded


def test_a_requested_end_keeps_the_holder_from_releasing(
    leases: tuple[DrainLease, DrainLease],
) -> None:
    one, other = leases
    one.acquire(now=NOW, lease_until=NOW + 15, until=0)
    assert other.acquire(now=NOW, lease_until=NOW + 15, until=NOW + 9) is None
    assert other.acquire(now=NOW, lease_until=NOW + 15, until=NOW + 7) is None
    assert not one.release()
    assert one.extend(now=NOW + 1, lease_until=NOW + 16, until=0) == NOW + 9
    assert one.release()


def test_a_drain_at_work_is_requested_to_stay_and_no_other_is_started(dynamodb: tuple[Any, str]) -> None:
    lease, other = TableLease(*dynamodb), TableLease(*dynamodb)
    lease.acquire(now=NOW, lease_until=NOW + 10, until=0)
    assert not other.may_wake(NOW + 5, now=NOW)
    assert not other.may_wake(NOW + 4, now=NOW), "it stays longer already"
    assert lease.extend(now=NOW, lease_until=NOW + 10, until=0) == NOW + 5
    assert other.may_wake(NOW + 25, now=NOW + 10), "its lease has ended"


def test_a_lease_whose_item_was_deleted_needs_no_release(dynamodb: tuple[Any, str]) -> None:
    client, name = dynamodb
    lease = TableLease(client, name)
    lease.acquire(now=NOW, lease_until=NOW + 10, until=0)
    client.delete_item(TableName=name, Key={"order_no": {"S": "drain"}})
    assert lease.release()
    assert TableLease(client, name).acquire(now=NOW, lease_until=NOW + 10, until=0) == 0


def test_a_released_lease_wakes_a_drain_at_once(dynamodb: tuple[Any, str]) -> None:
    lease, other = TableLease(*dynamodb), TableLease(*dynamodb)
    assert other.may_wake(NOW + 5, now=NOW), "nobody has ever drained"
    lease.acquire(now=NOW + 1, lease_until=NOW + 10, until=0)
    lease.release()
    assert other.may_wake(NOW + 5, now=NOW + 1), "what was woken has come and gone"


def test_a_burst_starts_one_drain_and_tells_it_how_long_to_stay(dynamodb: tuple[Any, str]) -> None:
    with ThreadPoolExecutor(20) as pool:
        first = pool.map(lambda until: TableLease(*dynamodb).may_wake(until, now=NOW), range(NOW + 20, NOW + 60))
        assert sorted(first) == [False] * 39 + [True]
    woken = TableLease(*dynamodb)
    stay = woken.acquire(now=NOW + 1, lease_until=NOW + 11, until=0)
    assert stay is not None
    assert stay >= NOW + 58, "the last, unless that one came first and hands it over with the invocation"


def test_a_drain_that_was_woken_and_does_not_come_is_woken_again(dynamodb: tuple[Any, str]) -> None:
    lease = TableLease(*dynamodb)
    assert lease.may_wake(NOW + 5, now=NOW + 0.9)
    assert not lease.may_wake(NOW + 5, now=NOW + 3.9)
    assert lease.may_wake(NOW + 5, now=NOW + 4)
    assert lease.may_wake(NOW + 5, now=NOW - 3600), "woken by a clock that was an hour ahead"


def test_a_message_that_was_taken_is_remembered_for_a_week(dynamodb: tuple[Any, str]) -> None:
    messages = HandledMessages(*dynamodb)
    assert not messages.seen("webhook:1")
    messages.remember("webhook:1", now=NOW)
    assert messages.seen("webhook:1")
    assert not messages.seen("event:1")
    client, name = dynamodb
    (item,) = client.scan(TableName=name)["Items"]
    assert item["expires_at"] == {"N": str(NOW + 7 * 86_400)}


def test_a_row_that_is_gone_is_trouble(dynamodb: tuple[Any, str], new: Rows) -> None:
    table = CancellationTable(*dynamodb)
    with pytest.raises(TableUnavailableError, match="gone"):
        table.claim(new().order_no, State.WAITING, due_by=NOW, lease_until=NOW + 30)
