"""Requests that are taken down for the drain, taken back, listed, and what a cancel would do."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from feee_cancel.domain.cancellation import Cancellation, State, StateReason
from feee_cancel.domain.decision import Policy
from feee_cancel.domain.documents import CancellationRequest, parse_batch
from feee_cancel.domain.due import Due
from feee_cancel.domain.faults import InvalidRequestError
from feee_cancel.domain.outlook import Outlook, outlook
from feee_cancel.usecases.enqueue import enqueue, enqueue_all
from feee_cancel.usecases.errors import TableUnavailableError
from feee_cancel.usecases.listing import list_page
from feee_cancel.usecases.withdraw import withdraw
from tests.builders import NOW, ORDER_NO, order, row, waiting
from tests.fakes import FakeFeee, FakeTable, InlineExecutor, ports

WAITING = waiting(200)


def taken(table: FakeTable, not_before: int | None = None) -> Cancellation:
    asked = CancellationRequest(order_no=ORDER_NO, not_before=not_before)
    return enqueue(asked, ports(FakeFeee(), table), requested_by="me")


@pytest.mark.parametrize(
    ("not_before", "due_at", "reason"),
    [(None, NOW, "queued"), (NOW - 9, NOW, "queued"), (NOW + 9, NOW + 9, "not_before")],
)
def test_a_new_request_waits_for_the_drain(not_before: int | None, due_at: int, reason: str) -> None:
    new = taken(FakeTable(), not_before)
    assert (new.state, new.due_at, new.state_reason, new.attempt) == ("waiting", due_at, reason, 0)
    assert new.gives_up_at == due_at + 86_400


@pytest.mark.parametrize(
    ("there", "not_before", "becomes"),
    [
        (WAITING, None, WAITING),
        (replace(WAITING, eligible_at=NOW - 5), None, replace(WAITING, eligible_at=NOW - 5, due_at=NOW)),
        (
            replace(WAITING, eligible_at=None, state_reason=StateReason.NOT_BEFORE, not_before=NOW + 200),
            None,
            replace(WAITING, eligible_at=None, state_reason=StateReason.QUEUED, due_at=NOW),
        ),
        (replace(WAITING, due_at=NOW - 3, eligible_at=None), None, replace(WAITING, due_at=NOW - 3, eligible_at=None)),
        (  # a time of eligibility that nobody believes
            waiting(9_999_999),
            None,
            replace(waiting(9_999_999), due_at=NOW + 305, gives_up_at=NOW + 305 + 86_400),
        ),
        (
            WAITING,
            NOW + 900,
            replace(
                WAITING,
                state_reason=StateReason.NOT_BEFORE,
                due_at=NOW + 900,
                not_before=NOW + 900,
                gives_up_at=NOW + 900 + 86_400,
            ),
        ),
        (row(), None, row()),
        (row(state=State.REFUNDING), NOW + 5, row(state=State.REFUNDING)),
        (row(state=State.CANCELLED), None, row(state=State.CANCELLED)),
    ],
)
def test_a_request_for_what_is_there_moves_what_waits_and_nothing_else(
    there: Cancellation, not_before: int | None, becomes: Cancellation
) -> None:
    table = FakeTable(there)
    moved = taken(table, not_before)
    assert replace(moved, requests=()) == becomes
    assert table.rows[ORDER_NO] == moved
    assert taken(table, not_before) == moved
    assert table.writes == (becomes != there), "a duplicate changes nothing"


def test_what_was_just_rejected_is_answered_from_the_table() -> None:
    rejected = row(state=State.REJECTED, due_at=NOW - 59)
    assert taken(FakeTable(rejected)) == rejected
    assert taken(FakeTable(replace(rejected, due_at=NOW - 60))).state is State.WAITING


def test_one_bad_order_number_spoils_no_other() -> None:
    table = FakeTable(row(order_no="2", state=State.CANCELLED))
    woken: list[int] = []
    asked = parse_batch({"order_nos": ["1", 2, "2", "", "1"]}, now=NOW)
    results = enqueue_all(asked, ports(FakeFeee(), table, woken=woken), InlineExecutor(), requested_by="me")
    assert [getattr(result, "state", type(result)) for result in results] == [
        "waiting",
        InvalidRequestError,
        "cancelled",
        InvalidRequestError,
        "waiting",
    ]
    assert (table.writes, woken) == (1, [NOW + 2])


def test_an_order_that_cannot_be_written_is_said_so() -> None:
    table = FakeTable()
    table.trouble = {"start"}
    asked = [CancellationRequest(order_no="1")]
    (result,) = enqueue_all(asked, ports(FakeFeee(), table), InlineExecutor(), requested_by=None)
    assert isinstance(result, TableUnavailableError)


@pytest.mark.parametrize(
    ("document", "member"),
    [
        ({}, "order_nos"),
        ({"order_nos": []}, "order_nos"),
        ({"order_nos": ["1"] * 101}, "order_nos"),
        ({"order_nos": "1"}, "order_nos"),
        ({"order_nos": ["1"], "not_before": -1}, "not_before"),
        ({"order_nos": ["1"], "order_no": "1"}, "order_no"),
        ([], None),
    ],
)
def test_a_document_that_is_no_batch_is_refused_whole(document: object, member: str | None) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        parse_batch(document, now=NOW)
    assert caught.value.member == member


@pytest.mark.parametrize("reason", [reason for reason in StateReason if reason is not StateReason.OUTCOME_UNKNOWN])
def test_what_waits_is_withdrawn_and_stays_so(reason: StateReason) -> None:
    table = FakeTable(replace(WAITING, state_reason=reason))
    final = withdraw(ORDER_NO, ports(FakeFeee(), table))
    assert final is not None
    assert (final.state, final.state_reason, final.settled_at) == ("withdrawn", "taken_back", NOW)
    assert final.expires_at == NOW + 400 * 86_400
    assert withdraw(ORDER_NO, ports(FakeFeee(), table)) == final
    assert table.writes == 1


@pytest.mark.parametrize(
    "there",
    [
        row(),
        row(state=State.REFUNDING),
        row(state=State.CANCELLED),
        replace(WAITING, in_doubt_after=0),
        replace(WAITING, state_reason=StateReason.OUTCOME_UNKNOWN),
    ],
)
def test_what_is_under_way_or_final_is_not_withdrawn(there: Cancellation) -> None:
    table = FakeTable(there)
    assert withdraw(ORDER_NO, ports(FakeFeee(), table)) == there
    assert table.rows[ORDER_NO] == there


def test_a_withdrawal_that_a_claim_overtakes_is_none() -> None:
    class Raced(FakeTable):
        def reschedule(self, row: Cancellation, **was: Any) -> tuple[Cancellation, bool]:
            self.rows[row.order_no] = claimed
            return super().reschedule(row, **was)

    claimed = row(attempt=2)
    assert withdraw(ORDER_NO, ports(FakeFeee(), Raced(WAITING))) == claimed


def test_the_pages_of_a_list_go_through_the_states_and_miss_nothing() -> None:
    rows = [row(order_no=str(n), state=[*State][n % 3], due_at=NOW + n % 5) for n in range(40)]
    table, after, seen, pages = FakeTable(*rows), None, list[Cancellation](), 0
    while pages == 0 or after:
        page, after = list_page(table, [*State], limit=7, after=after)
        seen += page
        pages += 1
    assert (len(seen), {found.order_no for found in seen}, pages) == (40, {str(n) for n in range(40)}, 6)
    assert [found.state for found in seen] == sorted((found.state for found in seen), key=[*State].index)


def test_a_page_that_ends_with_the_list_leads_nowhere() -> None:
    rows = [row(order_no=str(n)) for n in range(3)]
    assert list_page(FakeTable(*rows), [State.CANCELLING], limit=3, after=None)[1] is None
    assert list_page(FakeTable(*rows), [State.CANCELLING], limit=2, after=None)[1] == Due(
        "1", State.CANCELLING, NOW + 30
    )


CREATED = 1_724_318_708


@pytest.mark.parametrize(
    ("fields", "now", "expected"),
    [
        ({}, CREATED + 305, Outlook(None, CREATED + 305)),
        ({}, CREATED + 304, Outlook(StateReason.TOO_EARLY, CREATED + 305)),
        ({"status": 99}, NOW, Outlook(None, CREATED + 305)),
        ({"status": 6}, NOW, Outlook(StateReason.FILLED, None)),
        ({"status": 2}, NOW, Outlook(StateReason.NEVER_PAID, None)),
        ({"status": 11}, NOW, Outlook(StateReason.REFUND_PENDING, None)),
        ({"status": 12}, NOW, Outlook(StateReason.REFUND_PENDING, None)),
        ({"status": 12, "refund_amount": Decimal(1)}, NOW, Outlook(StateReason.REFUNDED, None)),
        ({"status": 12, "pay_amount": 0}, NOW, Outlook(StateReason.NOTHING_PAID, None)),
    ],
)
def test_what_a_cancel_would_do_is_told_from_the_order(fields: dict[str, int], now: int, expected: Outlook) -> None:
    assert outlook(order(**fields), now=now, policy=Policy()) == expected
