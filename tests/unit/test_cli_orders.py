"""What the commands about orders say, and their exit statuses."""

import json
from decimal import Decimal
from typing import Any

import pytest
import yaml

from cli import orders, words
from cli.outcome import Exit
from feee_cancel.domain.cancellation import StateReason
from feee_cancel_client import ApiAnswer, ForeignAnswerError
from tests.cli import NOW, ORDER_NO, FakeApi, problem, row
from tests.template import ROOT

PROBLEM = {"type": "urn:feee-cancel:problem:x"}


def answered(status: int, body: dict[str, Any]) -> FakeApi:
    return FakeApi([ApiAnswer(status, {}, body)])


@pytest.mark.parametrize(
    ("status", "body", "expected", "said"),
    [
        (200, row("cancelled", "refunded", refund_amount=Decimal("3.92")), Exit.DONE, "the refund shows, 3.92 TRX"),
        (202, row("waiting", "too_early", due_at=NOW + 246), Exit.PENDING, "Next step in 4 min."),
        (202, row("cancelling", due_at=NOW + 30), Exit.PENDING, "is cancelling: an attempt is under way."),
        (202, row("cancelling", due_at=NOW - 1), Exit.PENDING, "an attempt is under way. Next step now."),
        (202, row("waiting", "cancel_refused") | {"in_doubt": True}, Exit.PENDING, "unseen; until that is known, it"),
        (202, row("waiting", "too_early") | {"in_doubt": True}, Exit.PENDING, "minutes only; a cancel may have taken"),
        (202, row("refunding", "refund_pending", due_at=NOW - 1), Exit.PENDING, "Next step now."),
        (409, PROBLEM | {"detail": "The order was filled."}, Exit.NO, "The order was filled."),
        (400, PROBLEM | {"detail": "order_no must be digits"}, Exit.USAGE, "order_no must be digits"),
        (403, {"detail": "Forbidden"}, Exit.TROUBLE, "execute-api:Invoke"),
        (403, {"message": "The security token is expired"}, Exit.TROUBLE, "token is expired The credentials"),
        (429, {"detail": "Too many."}, Exit.TROUBLE, "Try again in a moment."),
        (503, {"detail": "Not written."}, Exit.TROUBLE, "Not written. Try again in a moment."),
        (500, {}, Exit.TROUBLE, "HTTP status 500"),
        (418, {}, Exit.TROUBLE, "HTTP status 418"),
    ],
)
def test_a_cancel_says_what_became_of_it(status: int, body: dict[str, Any], expected: Exit, said: str) -> None:
    outcome = orders.cancel(answered(status, body), ORDER_NO, not_before=None, reason=None, now=NOW)
    assert (outcome.exit, outcome.document) == (expected, body)
    assert said in outcome.text


def test_a_cancel_sends_what_it_was_given_and_nothing_else() -> None:
    api = FakeApi([ApiAnswer(200, {}, row("cancelled"))] * 2)
    orders.cancel(api, ORDER_NO, not_before=None, reason=None, now=NOW)
    orders.cancel(api, ORDER_NO, not_before=5, reason="unfilled", now=NOW)
    sent = [json.loads(body or b"") for _, _, body in api.asked]
    assert sent == [{"order_no": ORDER_NO}, {"order_no": ORDER_NO, "not_before": 5, "reason": "unfilled"}]


@pytest.mark.parametrize("state", ["waiting", "rejected", "failed"])
def test_a_cancellation_is_shown_whatever_its_state(state: str) -> None:
    assert orders.show(answered(200, row(state, due_at=NOW)), ORDER_NO, now=NOW).exit is Exit.DONE


def test_one_that_was_never_asked_for_is_not_shown() -> None:
    outcome = orders.show(FakeApi([problem(404, "No cancellation of this order.")]), ORDER_NO, now=NOW)
    assert (outcome.exit, outcome.text) == (Exit.NO, "No cancellation of this order.")


def test_all_that_is_known_of_a_cancellation_is_in_its_words() -> None:
    answer = {"answer": "refused", "code": 20015, "msg": "too early", "request_id": "a-1"}
    shown = words.cancellation(
        row("failed", "gave_up", requested_by="arn:me", not_before=NOW, eligible_at=NOW, settled_at=NOW,
            partly_filled=True, last_answer=answer) | {"reason": "unfilled"},
        now=NOW,
    )  # fmt: skip
    said = "\n".join(shown)
    for part in (
        "by arn:me, unfilled",
        "won't be tried again",
        "only the rest is refunded",
        "code 20015, too early, a-1",
    ):
        assert part in said
    assert "gives up" not in said
    assert "gives up" in "\n".join(words.cancellation(row("waiting", due_at=NOW), now=NOW))


def test_what_nobody_knows_of_a_cancellation_has_no_line() -> None:
    bare = {"order_no": ORDER_NO, "state": "waiting"}
    assert words.cancellation(bare, now=NOW) == [f"{ORDER_NO} is waiting."]


@pytest.mark.parametrize(
    ("state", "more", "said"),
    [
        ("refunding", {}, "announced as a refund"),
        ("failed", {"refund_time": NOW}, "came back"),
        ("cancelled", {}, "came back"),
    ],
)
def test_money_came_back_once_that_shows(state: str, more: dict[str, Any], said: str) -> None:
    assert f"3.92 TRX {said}" in words.headline(row(state, refund_amount=Decimal("3.92"), **more), now=NOW)


def test_the_wide_list_has_the_name_of_who_asked_without_the_arn_before_it() -> None:
    asked = row("failed", "gave_up", requested_by="arn:aws:iam::123456789012:user/op", settled_at=NOW)
    (_, line) = words.table([asked], now=NOW, wide=True)
    assert " user/op " in line
    assert "arn:" not in line


@pytest.mark.parametrize("seconds", [1e300, -1e300, 1e18, -(10**12), float("nan"), float("inf")])
def test_a_time_that_is_in_no_year_is_said_to_be_so(seconds: float) -> None:
    assert words.at(seconds) == "an impossible time"


def test_an_order_number_stays_one_part_of_the_path() -> None:
    api = FakeApi([problem(404)] * 3)
    orders.show(api, "1/../2?x", now=NOW)
    orders.withdraw(api, "1/../2?x", now=NOW)
    orders.lookup(api, "1/../2?x", now=NOW)
    assert [path.rpartition("/")[2] for _, path, _ in api.asked] == ["1%2F..%2F2%3Fx"] * 3


@pytest.mark.parametrize(
    ("status", "body", "expected", "said"),
    [
        (200, row("withdrawn", "taken_back"), Exit.DONE, "the request was withdrawn"),
        (409, PROBLEM | {"detail": "The cancellation is under way."}, Exit.NO, "under way"),
        (404, PROBLEM | {"detail": "No cancellation."}, Exit.NO, "No cancellation."),
    ],
)
def test_taking_back_says_whether_it_was(status: int, body: dict[str, Any], expected: Exit, said: str) -> None:
    outcome = orders.withdraw(answered(status, body), ORDER_NO, now=NOW)
    assert outcome.exit is expected
    assert said in outcome.text


@pytest.mark.parametrize(
    ("status", "body", "expected", "said"),
    [
        (200, {"cancellable": True, "since": NOW}, Exit.DONE, "can be cancelled, since"),
        (200, {"cancellable": False, "from": NOW + 200, "why_not": "too_early"}, Exit.PENDING, "(in 3 min)"),
        (200, {"cancellable": False, "why_not": "filled"}, Exit.NO, "the energy was delegated"),
        (404, PROBLEM | {"detail": "feee.io didn't show it.", "last_answer": {"code": 1}}, Exit.NO, "didn't show"),
        (503, {"detail": "Too many.", "last_answer": {"code": 11001}}, Exit.TROUBLE, "Too many."),
    ],
)
def test_a_look_up_says_what_a_cancel_would_do(status: int, body: dict[str, Any], expected: Exit, said: str) -> None:
    outcome = orders.lookup(answered(status, {"order_no": ORDER_NO, **body}), ORDER_NO, now=NOW)
    assert outcome.exit is expected
    assert said in outcome.text


def test_a_list_takes_as_many_pages_as_it_needs() -> None:
    pages = [
        ApiAnswer(200, {}, {"cancellations": [row("waiting", "queued", due_at=NOW)] * 100, "next_cursor": "abc"}),
        ApiAnswer(200, {}, {"cancellations": [row("cancelled", "refunded", settled_at=NOW)] * 20, "next_cursor": "d"}),
    ]
    api = FakeApi([*pages])
    outcome = orders.listed(api, state="waiting", limit=120, now=NOW)
    assert [path for _, path, _ in api.asked] == [
        "/cancellations?state=waiting&limit=100",
        "/cancellations?state=waiting&limit=20&cursor=abc",
    ]
    assert (len(outcome.document["cancellations"]), outcome.document["more"]) == (120, True)
    assert outcome.text.count("\n") == 121
    assert "There are more" in outcome.text


def test_a_list_may_be_empty_and_may_be_refused() -> None:
    empty = orders.listed(answered(200, {"cancellations": []}), state=None, limit=25, now=NOW)
    assert (empty.exit, empty.text, empty.document) == (Exit.DONE, "None.", {"cancellations": [], "more": False})
    assert orders.listed(FakeApi([problem(403)]), state=None, limit=25, now=NOW).exit is Exit.TROUBLE


def test_an_answer_of_somebody_else_is_told_as_such() -> None:
    with pytest.raises(ForeignAnswerError, match="407"):
        orders.show(FakeApi([ForeignAnswerError("HTTP status 407", status=407)]), ORDER_NO, now=NOW)


def test_every_reason_has_words() -> None:
    assert words.WHY.keys() == {str(reason) for reason in StateReason}
    contract = yaml.safe_load((ROOT / "openapi.yaml").read_text())["components"]["schemas"]
    assert words.WHY_NOT.keys() == set(contract["Lookup"]["properties"]["why_not"]["enum"])


@pytest.mark.parametrize(
    ("ahead", "said"),
    [(0, "now"), (1, "in 1 s"), (119, "in 119 s"), (120, "in 2 min"), (7_200, "in 2 h"), (172_800, "in 2 d")],
)
def test_how_far_ahead_a_time_is(ahead: int, said: str) -> None:
    assert words.until(NOW + ahead, now=NOW) == said
