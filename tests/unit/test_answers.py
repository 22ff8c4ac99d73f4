"""docs/answers.md says what each answer of feee.io means; here its tables are played against the code."""

import re
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from feee_cancel.domain.answer import Answer, AnswerKind
from feee_cancel.domain.cancellation import Cancellation, State, StateReason
from feee_cancel.domain.decision import Policy, decide, must_cancel_again
from feee_cancel.domain.order import Status
from feee_cancel.domain.outlook import outlook
from tests.builders import NOW, answer, order, refused, row, shown

PAGE = Path(__file__).parents[2] / "docs" / "answers.md"
PAID = Decimal("3.92")
HAPPENED: list[dict[str, Any]] = [{"refund_time": NOW - 5}, {"refund_time": None}]
ANNOUNCED: list[dict[str, Any]] = [{"refund_time": 0}, {"refund_time": -1}]
MONEY: dict[str, list[dict[str, Any]]] = {
    "none": [{"refund_amount": amount} | at for amount in (0, None, -PAID) for at in HAPPENED + ANNOUNCED],
    "part": [
        {"refund_amount": amount} | at for amount in ("0.000001", "1.96", "3.919999") for at in HAPPENED + ANNOUNCED
    ]
    + [{"pay_amount": paid, "refund_amount": PAID} | at for paid in (None, -1) for at in HAPPENED + ANNOUNCED],
    "all, announced": [{"refund_amount": amount} | at for amount in (PAID, "4.00") for at in ANNOUNCED],
    "all": [{"refund_amount": amount} | at for amount in (PAID, "4.00") for at in HAPPENED],
}
UNPAID: list[dict[str, Any]] = [{"pay_amount": 0}, {"pay_time": 0}, {"pay_amount": "0.00"}]
UNKNOWN = [-1, 0, 18, 99, 10**9]
ACCEPTED = answer(AnswerKind.ACCEPTED, code=0)
KINDS = {
    "accepted": ACCEPTED,
    "refused": refused(),
    "no usable answer": answer(AnswerKind.NO_USABLE_ANSWER),
    "misconfigured": answer(AnswerKind.MISCONFIGURED, code=10001),
    "rate exceeded": answer(AnswerKind.RATE_EXCEEDED, code=11001),
    "nothing sent": answer(AnswerKind.NOT_SENT),
    "not asked": None,
}


def table(heading: str) -> list[list[str]]:
    """The rows of the table below a heading, the first one its columns."""
    section = PAGE.read_text().partition(f"## {heading}")[2].partition("\n## ")[0]
    lines = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip().strip("`") for cell in line] for line in lines if not line[0].startswith("---")]


def statuses(cell: str) -> list[int]:
    return [status for word in cell.split(", ") for status in (UNKNOWN if word == "unknown" else [int(word)])]


def cases(heading: str) -> list[tuple[int, str, str]]:
    """Status, how much is back, and where it leads."""
    (_, *columns), *lines = table(heading)
    return [
        (status, column, leads_to)
        for first, *cells in lines
        for status, (column, leads_to) in product(statuses(first), zip(columns, cells, strict=True))
    ]


def said(decided: Cancellation) -> str:
    final = decided.state in {State.CANCELLED, State.REJECTED}
    return f"{decided.state}: {decided.state_reason}" if final else decided.state


def after(cancel: Answer | None, query: Answer | None, **fields: Any) -> Cancellation:
    return decide(row(**fields), cancel, query, now=NOW, policy=Policy(), jitter=0)


NOT_ACCEPTED = cases("The order was seen, and the cancel wasn't accepted")
WAS_ACCEPTED = cases("The order was seen, and the cancel was accepted, now or before")


def test_the_tables_have_every_status() -> None:
    for played in (NOT_ACCEPTED, WAS_ACCEPTED):
        assert {status for status, *_ in played} == {*Status, *UNKNOWN}
        assert len(played) == len({(status, money) for status, money, _ in played}) == (17 + len(UNKNOWN)) * 4


@pytest.mark.parametrize(("status", "money", "leads_to"), NOT_ACCEPTED)
def test_an_order_seen_after_a_cancel_that_was_not_accepted(status: int, money: str, leads_to: str) -> None:
    for fields in MONEY[money]:
        seen = shown(status=status, **fields)
        for cancel in (refused(), answer(AnswerKind.NO_USABLE_ANSWER)):
            decided = after(cancel, seen)
            assert said(decided) == leads_to, fields
            assert decided.refund_amount == (seen.order and seen.order.refund_amount), "word for word"
            if leads_to == "waiting":
                refusal = cancel.kind is AnswerKind.REFUSED
                assert decided.state_reason == ("cancel_refused" if refusal else "outcome_unknown")
                young = after(cancel, shown(status=status, create_time=NOW - 9, **fields))
                assert young.state_reason is StateReason.TOO_EARLY


@pytest.mark.parametrize(("status", "money", "leads_to"), WAS_ACCEPTED)
def test_an_order_seen_after_a_cancel_that_was_accepted(status: int, money: str, leads_to: str) -> None:
    for fields in MONEY[money]:
        seen = shown(status=status, **fields)
        ways = [after(ACCEPTED, seen), after(seen, None), after(None, seen, state=State.REFUNDING)]
        assert [said(decided) for decided in ways] == [leads_to] * 3, fields


@pytest.mark.parametrize(
    ("status", "money", "leads_to"), cases("Nothing had been paid (`pay_amount` or `pay_time` is 0)")
)
def test_an_order_for_which_nothing_was_paid(status: int, money: str, leads_to: str) -> None:
    for fields, unpaid in product(MONEY[money], UNPAID):
        assert said(after(refused(), shown(status=status, **(fields | unpaid)))) == leads_to


def test_where_nothing_was_paid_an_order_that_has_not_ended_goes_on_as_any_other() -> None:
    for status, money, leads_to in NOT_ACCEPTED:
        if money == "none" and status not in {2, 12, 14}:
            assert said(after(refused(), shown(status=status, pay_amount=0, pay_time=0))) == leads_to


@pytest.mark.parametrize(("cancels", "queries", "leads_to"), table("No order was seen")[1:])
def test_what_follows_where_no_order_was_seen(cancels: str, queries: str, leads_to: str) -> None:
    queried = list(KINDS) if queries == "anything" else re.split(", ", queries)
    for cancel, query in product(cancels.split(", "), queried):
        decided = after(KINDS[cancel], KINDS[query])
        assert f"{decided.state}: {decided.state_reason}" == leads_to, (cancel, query)


def test_what_the_parts_of_an_order_show_decides_nothing() -> None:
    back = {"status": 14, "refund_amount": PAID, "refund_time": NOW}
    parts = [{"order_no": "1", "create_time": 1, **back}]
    assert said(after(refused(), shown(status=15, sub_order=parts))) == "waiting"
    assert said(after(refused(), shown(status=12, sub_order=parts))) == "refunding"


def test_a_look_up_agrees_with_the_tables() -> None:
    for status, money, leads_to in NOT_ACCEPTED:
        for fields in MONEY[money]:
            told = outlook(order(status=status, **fields), now=NOW, policy=Policy())
            reason = leads_to.partition(": ")[2] or {"refunding": "refund_pending", "waiting": None}[leads_to]
            assert told.why_not == reason


def test_a_part_that_is_back_does_not_keep_the_rest_from_being_cancelled_again() -> None:

    refunding = row(state=State.REFUNDING, since=NOW - 60)
    for status in (1, 3, 4, 7, 15, 16, 99):
        part = shown(status=status, refund_amount="1.96", refund_time=NOW)
        assert must_cancel_again(refunding, part, now=NOW, policy=Policy())
