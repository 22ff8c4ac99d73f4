"""The API's handler, from event to answer, over the fakes."""

import base64
import json
import logging
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from feee_cancel.bootstrap.cancelling import bootstrap
from feee_cancel.domain.answer import AnswerKind
from feee_cancel.domain.cancellation import Cancellation, State, StateReason
from feee_cancel.usecases.errors import TableUnavailableError
from functions.api.app import create
from tests.builders import NOW, ORDER_NO, answer, order_data, refused, row, shown
from tests.events import Context, at, post, sample
from tests.fakes import Clock, FakeFeee, FakeTable, ports, service

CANCELLED = shown(status=12, refund_amount=Decimal("3.92"), refund_time=NOW)


def call(
    event: dict[str, Any], feee: FakeFeee | None = None, table: FakeTable | None = None
) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Status, body and headers of the answer."""
    handler = create(service(ports(feee or FakeFeee(), table or FakeTable())))
    answered = handler(event, Context())
    return answered["statusCode"], json.loads(answered["body"], parse_float=Decimal), answered["headers"]


def test_the_sample_request_is_cancelled_and_the_refund_is_exact() -> None:
    status, body, headers = call(sample("api-request"), FakeFeee(cancel=[CANCELLED]))
    assert status == 200
    assert headers["Content-Type"] == "application/json"
    assert headers["Cache-Control"] == "no-store"
    assert body["refund_amount"] == Decimal("3.92")
    assert body == {
        "order_no": ORDER_NO,
        "state": "cancelled",
        "state_reason": "refunded",
        "requested_at": NOW,
        "requested_by": "arn:aws:iam::123456789012:user/treasury",
        "reason": "unfilled",
        "gives_up_at": NOW + 86_400,
        "eligible_at": 1724318708 + 305,
        "settled_at": NOW,
        "attempt": 1,
        "status": 12,
        "pay_amount": Decimal("3.92"),
        "refund_amount": Decimal("3.92"),
        "refund_time": NOW,
        "partly_filled": False,
        "last_answer": {"answer": "order", "http_status": 200, "code": 0, "msg": "ok", "request_id": "r-1"},
        "order": order_data(status=12, refund_amount=Decimal("3.92"), refund_time=NOW),
    }


def test_the_sample_look_finds_what_is_there() -> None:
    status, body, _ = call(sample("api-get"), table=FakeTable(row(state_reason=StateReason.TOO_EARLY)))
    assert (status, body["state"], body["due_at"]) == (200, "cancelling", NOW + 30)
    assert "state_reason" not in body
    assert "last_answer" not in body


def test_a_look_at_what_was_never_requested_is_a_404() -> None:
    status, problem, headers = call(sample("api-get"))
    assert (status, headers["Content-Type"]) == (404, "application/problem+json")
    assert problem["type"] == "urn:feee-cancel:problem:not-found"
    assert problem["status"] == 404


def test_a_look_with_an_order_number_that_is_none_is_a_400() -> None:
    status, problem, _ = call(at("/cancellations/abc", order_no="abc"))
    assert (status, problem["errors"][0]["pointer"]) == (400, "#/order_no")


@pytest.mark.parametrize(
    ("feee", "state", "retry_after"),
    [
        (FakeFeee(cancel=[refused()], query=[shown(create_time=NOW - 100)]), "waiting", "206"),
        (FakeFeee(cancel=[shown(status=11)]), "refunding", "6"),
        (FakeFeee(cancel=[answer(AnswerKind.NO_USABLE_ANSWER)], query=[refused()]), "waiting", "2"),
    ],
)
def test_what_will_be_settled_is_a_202_that_says_when_and_where(feee: FakeFeee, state: str, retry_after: str) -> None:
    status, body, headers = call(sample("api-request"), feee)
    assert (status, body["state"]) == (202, state)
    assert headers["Retry-After"] == retry_after
    assert headers["Location"] == f"/v1/cancellations/{ORDER_NO}"
    assert body["due_at"] > NOW


def test_what_is_under_way_is_a_202() -> None:
    status, _, headers = call(sample("api-request"), table=FakeTable(row()))
    assert (status, headers["Retry-After"]) == (202, "2")


@pytest.mark.parametrize(
    ("there", "feee", "name"),
    [
        (None, FakeFeee(cancel=[refused()], query=[shown(status=6)]), "filled"),
        (None, FakeFeee(cancel=[refused()], query=[shown(status=2)]), "never-paid"),
        (
            row(
                state=State.WAITING,
                state_reason=StateReason.ORDER_REFUSED,
                due_at=NOW,
                tries=2,
                since=NOW - 6 * 3_600,
                refusals="20003/20003",
            ),
            FakeFeee(cancel=[refused()], query=[refused()]),
            "refused",
        ),
        (
            row(state=State.WAITING, due_at=NOW, gives_up_at=NOW),
            FakeFeee(cancel=[refused()], query=[refused()]),
            "gave-up",
        ),
    ],
)
def test_what_cannot_be_cancelled_any_more_is_a_409_that_says_why(
    there: Cancellation | None, feee: FakeFeee, name: str
) -> None:
    status, problem, _ = call(sample("api-request"), feee, FakeTable(*([there] if there else [])))
    assert (status, problem["type"]) == (409, f"urn:feee-cancel:problem:{name}")
    assert problem["detail"]
    assert problem["cancellation"]["order_no"] == ORDER_NO


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (None, "#"),
        ("", "#"),
        ("{", "#"),
        ("[" * 4000, "#"),
        ('{"order_no": NaN}', "#"),
        ("[]", "#"),
        ("{}", "#/order_no"),
        ('{"order_no": "12a"}', "#/order_no"),
        ('{"order_no": 12}', "#/order_no"),
        ('{"order_no": "12", "not_before": "soon"}', "#/not_before"),
        ('{"order_no": "12", "not_before": 99999999999}', "#/not_before"),
        ('{"order_no": "12", "reason": 1}', "#/reason"),
        ('{"order_no": "12", "a/b~c": 1}', "#/a~1b~0c"),
        ('{"order_no": "12", "not_before": 20261215}', "#/not_before"),
        ('{"order_no": "12", "not_before": 1724319390}', "#/not_before"),
        ('{"order_no": "12", "not_before": 1724319451000}', "#/not_before"),
        ('{"order_no": "12", "not_before": 1e400}', "#/not_before"),
        ('{"order_no": "12", "order_no": "12"}', "#/order_no"),
        ('{"order_no": "12", "\\ud800": 1}', "#/\ufffd"),
        ('{"order_no": "\\u0000"}', "#/order_no"),
        ('{"order_no": "12", "": 1}', "#/"),
        ('{"order_no": "12", "": 1, "": 1}', "#/"),
    ],
)
def test_bad_input_is_a_400_that_names_the_member_and_writes_nothing(body: str | None, pointer: str) -> None:
    table = FakeTable()
    status, problem, headers = call(post(body), table=table)
    assert (status, headers["Content-Type"]) == (400, "application/problem+json")
    assert problem["type"] == "urn:feee-cancel:problem:invalid-request"
    assert problem["errors"][0]["pointer"] == pointer
    assert table.writes == 0


def test_what_an_answer_repeats_can_be_encoded_whatever_it_is() -> None:
    """Half a surrogate pair: JSON can write it, UTF-8 can't, and Lambda sends an answer as UTF-8."""
    handler = create(service(ports(FakeFeee(), FakeTable())))
    for event in (post('{"order_no": "12", "\\ud800": 1}'), post('{"order_nos": ["\\udfff"]}', path="batch")):
        handler(event, Context())["body"].encode()


def test_members_that_are_null_are_absent() -> None:
    body = '{"order_no": "12", "not_before": null, "reason": null}'
    feee = FakeFeee(cancel=[answer(AnswerKind.RATE_EXCEEDED)])
    assert call(post(body), feee)[0] == 202


def test_a_request_that_is_repeated_is_accepted_though_its_time_has_passed() -> None:
    there = row(order_no="12", state=State.WAITING, not_before=NOW - 900, due_at=NOW + 60)
    body = json.dumps({"order_no": "12", "not_before": NOW - 900})
    assert call(post(body), table=FakeTable(row(order_no="12", not_before=NOW - 900)))[0] == 202
    batch = post(json.dumps({"order_nos": ["12"], "not_before": NOW - 900}), path="batch")
    assert call(batch, table=FakeTable(there))[0] == 202
    for table in (FakeTable(), FakeTable(row(order_no="12")), FakeTable(replace(there, state=State.WITHDRAWN))):
        assert [call(event, table=table)[0] for event in (post(body), batch)] == [400, 400]


def test_a_body_in_base64_is_measured_after_decoding() -> None:
    text = json.dumps({"order_nos": [str(10**31 + n) for n in range(100)], "reason": "理" * 200, "x": ""})
    fits = text.replace('"x": ""', f'"x": "{"y" * (16_384 - len(text.encode()))}"')
    encoded = [base64.b64encode(body.encode()).decode() for body in (fits, fits + " ", " " * 900_000)]
    sent = [post(body, path="batch") | {"isBase64Encoded": True} for body in encoded]
    assert [call(event)[0] for event in sent] == [400, 413, 413], "the first is read: it has an unknown member"


def test_a_body_may_come_as_base64() -> None:
    event = post(base64.b64encode(b'{"order_no": "12"}').decode()) | {"isBase64Encoded": True}
    assert call(event, FakeFeee(cancel=[answer(AnswerKind.RATE_EXCEEDED)]))[0] == 202
    assert call(event | {"body": "é"})[0] == 400


@pytest.mark.parametrize("content_type", [None, "", "text/plain", "application/xml", "application/json-patch+json"])
def test_any_other_content_type_is_a_415(content_type: str | None) -> None:
    status, problem, _ = call(post('{"order_no": "12"}', content_type))
    assert (status, problem["type"]) == (415, "urn:feee-cancel:problem:unsupported-media-type")


def test_a_content_type_may_have_parameters() -> None:
    event = post('{"order_no": "x"}', "Application/JSON; charset=utf-8")
    assert call(event)[0] == 400


def test_a_long_body_is_a_413() -> None:
    status, problem, _ = call(post(json.dumps({"order_no": "12", "reason": "x" * 5000})))
    assert (status, problem["type"]) == (413, "urn:feee-cancel:problem:too-large")


@pytest.mark.parametrize(
    ("name", "trouble", "words"),
    [
        ("api-request", "start", "it is unknown whether the request was recorded. Ask again"),
        ("api-withdraw", "reschedule", "it is unknown whether the request was recorded. Ask again"),
        ("api-withdraw", "find", "nothing was changed"),
        ("api-get", "find", "nothing was changed"),
        ("api-list", "page", "nothing was changed"),
    ],
)
def test_a_503_says_what_is_known(name: str, trouble: str, words: str) -> None:
    table = FakeTable(row(state=State.WAITING, state_reason=StateReason.QUEUED))
    table.trouble = {trouble}
    status, problem, headers = call(sample(name), table=table)
    assert (status, headers["Retry-After"]) == (503, "2")
    assert problem["type"] == "urn:feee-cancel:problem:unavailable"
    assert words in problem["detail"]


def test_a_503_blames_no_table_that_answers(caplog: pytest.LogCaptureFixture) -> None:
    table = FakeTable(row(order_no="12", not_before=NOW + 600, in_doubt_after=0, due_at=NOW + 30, requested_by="a"))
    status, problem, _ = call(post('{"order_no": "12"}'), table=table)
    assert (status, problem["type"]) == (503, "urn:feee-cancel:problem:unavailable")
    words = "an attempt is looking at order 12 just now"
    assert problem["detail"] == f"Nothing was changed, because {words}. Try again."
    assert [(one.levelname, one.getMessage()) for one in caplog.records if words in one.getMessage()] == [
        ("WARNING", f"the request couldn't be accepted: {words}")
    ]


def test_an_order_of_a_batch_of_which_nobody_knows_whether_it_was_written_is_unknown() -> None:
    table = FakeTable()
    table.trouble = {"start"}
    status, body, _ = call(sample("api-batch"), table=table)
    (first, *_) = body["results"]
    assert (status, first["result"], "asking again is safe" in first["detail"]) == (202, "unknown", True)


def test_an_order_of_a_batch_that_could_not_be_written_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object, **__: object) -> None:
        raise TableUnavailableError("no-such-table")

    table = FakeTable()
    monkeypatch.setattr(table, "start", gone)
    status, body, _ = call(sample("api-batch"), table=table)
    (first, *_) = body["results"]
    assert (status, first["result"], first["detail"]) == (
        202,
        "refused",
        "couldn't be written, so it wasn't accepted; try again",
    )


def test_an_error_that_nobody_expected_is_a_500_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("feee_cancel").addHandler(caplog.handler)
    status, problem, _ = call(sample("api-lookup"), FakeFeee())  # the fake has no answer: StopIteration
    logging.getLogger("feee_cancel").removeHandler(caplog.handler)
    assert (status, problem["type"]) == (500, "urn:feee-cancel:problem:internal-error")
    assert "StopIteration" in caplog.text
    assert "StopIteration" not in json.dumps(problem)


def test_a_request_whose_first_attempt_crashes_is_accepted_all_the_same() -> None:
    status, row, _ = call(sample("api-request"), FakeFeee())  # the fake has no answer: StopIteration
    assert (status, row["state"]) == (202, "cancelling")


def test_a_route_that_is_not_there_is_a_problem_too() -> None:
    status, problem, _ = call(at("/nowhere", resource="/nowhere"))
    assert (status, problem["type"]) == (404, "urn:feee-cancel:problem:no-such-route")


def test_the_service_is_wired_from_the_environment() -> None:
    assert bootstrap().ports.policy.kept_for == 400 * 86_400


def test_a_call_of_feee_io_ends_while_there_is_time_left_to_answer() -> None:
    clock, feee = Clock(), FakeFeee(query=[shown()])
    service(ports(feee, FakeTable(), clock=clock)).look_up(ORDER_NO, seconds_left=20)
    assert clock() + 15 <= feee.deadlines[0] < clock() + 20
