"""The API's other routes, from event to answer, over the fakes: batch, list, look-up, taking back."""

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feee_cancel.domain.answer import AnswerKind
from feee_cancel.domain.cancellation import ON_ITS_WAY_SECONDS, Cancellation, State, StateReason
from tests.builders import NOW, ORDER_NO, answer, order_data, refused, row, shown
from tests.events import at, sample
from tests.fakes import FakeFeee, FakeTable
from tests.unit.test_api import call


def test_the_sample_batch_says_of_each_what_became_of_it() -> None:
    table = FakeTable(row(order_no="2408228772142551040101", state=State.CANCELLED, state_reason=StateReason.REFUNDED))
    status, body, _ = call(sample("api-batch"), table=table)
    assert (status, body) == (
        202,
        {
            "results": [
                {"order_no": ORDER_NO, "result": "taken", "state": "waiting", "why": "queued"},
                {"order_no": "2408228772142551040101", "result": "final", "state": "cancelled", "why": "refunded"},
                {
                    "order_no": "24082x",
                    "result": "refused",
                    "detail": "order_no is required: a string of 1 to 32 digits, as feee.io gave it",
                },
            ]
        },
    )
    assert table.rows[ORDER_NO].requested_by == "arn:aws:iam::123456789012:user/treasury"


def batch(body: object) -> dict[str, Any]:
    return sample("api-batch") | {"body": json.dumps(body)}


def test_what_is_no_string_or_could_not_be_written_is_refused_by_itself() -> None:
    table = FakeTable()
    table.trouble = {"start"}
    status, body, _ = call(batch({"order_nos": [5, None, "1"]}), table=table)
    assert (status, [result["result"] for result in body["results"]]) == (202, ["refused", "refused", "unknown"])
    assert [result.get("order_no") for result in body["results"]] == [None, None, "1"]
    assert "Ask again" in body["results"][2]["detail"]


@pytest.mark.parametrize(
    ("body", "status"), [({}, 400), ({"order_nos": []}, 400), ({"order_nos": ["1"] * 101}, 400), ("x" * 16_383, 413)]
)
def test_what_is_no_batch_is_refused_whole(body: object, status: int) -> None:
    assert call(batch(body))[0] == status


def test_a_hundred_of_the_longest_order_numbers_fit() -> None:
    body = {"order_nos": [str(10**31 + n) for n in range(100)], "reason": "理" * 200}
    assert len(call(batch(body))[1]["results"]) == 100


ROWS = [row(order_no=str(n), state=State.WAITING, due_at=NOW + n) for n in range(30)]


def listing(**parameters: str | list[str]) -> dict[str, Any]:
    values = {name: [value] if isinstance(value, str) else value for name, value in parameters.items()}
    return sample("api-list") | {"queryStringParameters": None, "multiValueQueryStringParameters": values or None}


def test_the_sample_list_is_a_page_with_a_cursor_to_the_next() -> None:
    table = FakeTable(*ROWS, row(order_no="99", state=State.FAILED))
    status, first, _ = call(sample("api-list"), table=table)
    assert (status, [one["order_no"] for one in first["cancellations"]]) == (200, [str(n) for n in range(29, 19, -1)])
    second = call(listing(state="waiting", cursor=first["next_cursor"]), table=table)[1]
    assert [one["order_no"] for one in second["cancellations"]] == [str(n) for n in range(19, -1, -1)]
    assert "next_cursor" not in second


def test_without_a_state_every_state_is_listed() -> None:
    table = FakeTable(*(row(order_no=str(n), state=state) for n, state in enumerate(State)))
    listed = call(listing(), table=table)[1]["cancellations"]
    assert [one["state"] for one in listed] == [
        "cancelling",
        "waiting",
        "refunding",
        "failed",
        "rejected",
        "withdrawn",
        "cancelled",
    ]


def test_what_became_final_in_a_period_is_listed_the_earliest_first_page_by_page() -> None:
    rows = [row(order_no=str(n), state=State.CANCELLED, due_at=NOW + n, settled_at=NOW + n) for n in range(5)]
    table = FakeTable(*rows, row(order_no="9", state=State.FAILED, due_at=NOW + 2), *ROWS[10:])
    asked = {"since": str(NOW + 1), "until": str(NOW + 4), "limit": "2"}
    first = call(listing(**asked), table=table)[1]
    assert [one["order_no"] for one in first["cancellations"]] == ["9", "1"]
    second = call(listing(**asked, cursor=first["next_cursor"]), table=table)[1]
    assert [one["order_no"] for one in second["cancellations"]] == ["2", "3"]
    assert "next_cursor" not in second
    since = call(listing(since=str(NOW + 3), state="cancelled"), table=table)[1]
    assert [one["order_no"] for one in since["cancellations"]] == ["3", "4"]
    elsewhere = listing(since=str(NOW + 2), state="cancelled", cursor=first["next_cursor"])
    assert call(elsewhere, table=table)[1]["errors"][0]["pointer"] == "#/cursor"


@pytest.mark.parametrize(
    "parameters", [{"state": "", "limit": "", "cursor": "", "since": "", "until": ""}, {"limit": ["", ""]}]
)
def test_a_parameter_without_a_value_is_absent(parameters: dict[str, Any]) -> None:
    """As `?state=&limit=&cursor=`, which a form or a template leaves behind."""
    assert call(listing(**parameters), table=FakeTable(*ROWS))[1] == call(listing(), table=FakeTable(*ROWS))[1]


@pytest.mark.parametrize("several", [None, {}])
def test_parameters_may_come_with_single_values_alone(several: object) -> None:
    event = listing() | {"queryStringParameters": {"state": "open"}, "multiValueQueryStringParameters": several}
    assert call(event)[0] == 400
    del event["multiValueQueryStringParameters"]
    assert call(event)[0] == 400


@pytest.mark.parametrize(
    ("parameters", "member"),
    [
        ({"state": "open"}, "state"),
        ({"state": ["waiting", "failed"]}, "state"),
        ({"limit": "0"}, "limit"),
        ({"limit": "101"}, "limit"),
        ({"limit": "ten"}, "limit"),
        ({"limit": "\uff11"}, "limit"),
        ({"sate": "waiting"}, "sate"),
        ({"": "waiting"}, ""),
        ({"cursor": "x"}, "cursor"),
        ({"cursor": "ÿ"}, "cursor"),
        ({"since": "2026-11-01"}, "since"),
        ({"since": "-1"}, "since"),
        ({"until": "\uff11"}, "until"),
        ({"until": "0"}, "until"),
        ({"since": "5", "until": "5"}, "until"),
        ({"since": "5", "state": "waiting"}, "state"),
    ],
)
def test_a_parameter_that_is_none_is_named(parameters: dict[str, Any], member: str) -> None:
    status, problem, _ = call(listing(**parameters))
    assert (status, problem["errors"][0]["pointer"]) == (400, f"#/{member}")


@pytest.mark.parametrize("order_no", ["\n", "/", "//", "/\n", "1/", "%31", "1%2F", "..", "1\x00", "\uff11", "batch"])
def test_what_is_no_order_number_is_a_400(order_no: str) -> None:
    status, problem, _ = call(at(f"/cancellations/{order_no}", order_no=order_no))
    assert (status, problem["errors"][0]["pointer"]) == (400, "#/order_no")


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


CURSORS = st.one_of(
    st.text(max_size=60),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    ).map(encoded),
    st.tuples(
        st.sampled_from([*State, "drain", ""]), st.integers(), st.sampled_from(["1", "drain", "message 1", ""])
    ).map(encoded),
)


@given(CURSORS)
def test_whatever_is_done_to_a_cursor_it_leads_nowhere_but_into_the_same_list(cursor: str) -> None:
    table = FakeTable(*ROWS, row(order_no="99", state=State.FAILED))
    status, body, _ = call(listing(state="waiting", cursor=cursor), table=table)
    if status == 200:
        assert {one["state"] for one in body["cancellations"]} <= {"waiting"}
    else:
        assert (status, body["errors"][0]["pointer"]) == (400, "#/cursor")


def test_the_sample_withdrawal_takes_back_what_waits() -> None:
    table = FakeTable(row(state=State.WAITING, state_reason=StateReason.TOO_EARLY))
    status, body, _ = call(sample("api-withdraw"), table=table)
    assert (status, body["state"], body["state_reason"], body["settled_at"]) == (200, "withdrawn", "taken_back", NOW)
    assert call(sample("api-withdraw"), table=table)[:2] == (200, body), "a duplicate changes nothing"


@pytest.mark.parametrize(
    ("there", "status", "name"),
    [
        (None, 404, "not-found"),
        (row(), 409, "under-way"),
        (row(state=State.REFUNDING), 409, "under-way"),
        (row(state=State.WAITING, in_doubt_after=0), 409, "under-way"),
        (row(state=State.CANCELLED), 409, "final"),
        (row(state=State.FAILED), 409, "final"),
    ],
)
def test_what_cannot_be_taken_back_is_a_problem(there: Cancellation | None, status: int, name: str) -> None:
    answered, problem, _ = call(sample("api-withdraw"), table=FakeTable(*([there] if there else [])))
    assert (answered, problem["type"]) == (status, f"urn:feee-cancel:problem:{name}")
    assert there is None or problem["cancellation"]["state"] == there.state


def test_a_request_in_doubt_says_when_it_can_be_withdrawn() -> None:
    doubtful = row(state=State.WAITING, state_reason=StateReason.CANCEL_REFUSED, in_doubt_after=0)
    _, problem, _ = call(sample("api-withdraw"), table=FakeTable(doubtful))
    assert (problem["type"], problem["cancellation"]["in_doubt"]) == ("urn:feee-cancel:problem:under-way", True)
    assert f"{ON_ITS_WAY_SECONDS // 60} minutes" in problem["detail"]


@pytest.mark.parametrize("not_before", [None, NOW + 900])
def test_a_request_that_a_withdrawal_overtakes_is_told_so(not_before: int | None) -> None:
    class Raced(FakeTable):
        def start(self, row: Cancellation, **named: Any) -> tuple[Cancellation, bool]:
            found, begun = super().start(row, **named)
            self.rows[row.order_no] = replace(found, state=State.WITHDRAWN, state_reason=StateReason.TAKEN_BACK)
            return found, begun

    waits = row(state=State.WAITING, state_reason=StateReason.NOT_BEFORE, due_at=NOW + 500)
    body = {"order_no": ORDER_NO} | ({} if not_before is None else {"not_before": not_before})
    status, problem, _ = call(sample("api-request") | {"body": json.dumps(body)}, table=Raced(waits))
    assert (status, problem["type"]) == (409, "urn:feee-cancel:problem:taken-back")
    assert problem["cancellation"]["state"] == "withdrawn"


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, {"cancellable": True, "since": 1724318708 + 305}),
        ({"create_time": NOW - 9}, {"cancellable": False, "from": NOW + 296, "why_not": "too_early"}),
        ({"status": 6}, {"cancellable": False, "why_not": "filled"}),
    ],
)
def test_the_sample_look_up_tells_what_a_cancel_would_do(fields: dict[str, Any], told: dict[str, Any]) -> None:
    feee, table = FakeFeee(query=[shown(**fields)]), FakeTable()
    status, body, _ = call(sample("api-lookup"), feee, table)
    assert (status, body) == (200, {"order_no": ORDER_NO, "order": order_data(**fields), **told})
    assert (feee.calls, table.rows) == (["query"], {})


@pytest.mark.parametrize(
    ("said", "status", "name"),
    [
        (refused(20004), 404, "order-not-shown"),
        (answer(AnswerKind.ACCEPTED, code=0), 404, "order-not-shown"),
        (answer(AnswerKind.MISCONFIGURED, code=10001), 502, "misconfigured"),
        (answer(AnswerKind.NOT_SENT), 502, "unreachable"),
        (answer(AnswerKind.NO_USABLE_ANSWER), 502, "no-usable-answer"),
        (answer(AnswerKind.RATE_EXCEEDED, code=11001), 503, "rate-exceeded"),
    ],
)
def test_a_look_up_that_shows_no_order_says_what_feee_io_said(said: Any, status: int, name: str) -> None:
    answered, problem, headers = call(sample("api-lookup"), FakeFeee(query=[said]))
    assert (answered, problem["type"]) == (status, f"urn:feee-cancel:problem:{name}")
    assert problem["last_answer"]["answer"] == said.kind
    assert ("Retry-After" in headers) == (status == 503)


@pytest.mark.parametrize(
    ("resource", "method", "allow"),
    [
        ("/cancellations", "PUT", "GET, POST"),
        ("/cancellations/batch", "GET", "POST"),
        ("/cancellations/{order_no}", "POST", "DELETE, GET"),
        ("/orders/{order_no}", "DELETE", "GET"),
        ("/cancellations", "HEAD", "GET, POST"),
        ("/cancellations", "post", "GET, POST"),
    ],
)
def test_another_method_is_a_405_that_says_which_are_accepted(resource: str, method: str, allow: str) -> None:
    path = resource.replace("{order_no}", ORDER_NO)
    order_no = ORDER_NO if "{" in resource else None
    status, problem, headers = call(at(path, order_no=order_no, resource=resource, method=method))
    assert (status, headers["Allow"]) == (405, allow)
    assert problem["type"] == "urn:feee-cancel:problem:method-not-allowed"
