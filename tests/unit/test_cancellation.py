"""What counts as a request, and what doesn't."""

from typing import Any

import pytest

from feee_cancel.domain.cancellation import State
from feee_cancel.domain.documents import CancellationRequest, EventRequest, parse_batch, parse_event, parse_json
from feee_cancel.domain.faults import InvalidRequestError, PastTimeError
from tests.builders import NOW, ORDER_NO

MONTH = 30 * 86_400


@pytest.mark.parametrize(
    "document",
    [
        {"order_no": ORDER_NO},
        {"order_no": "1", "not_before": NOW - 60, "reason": ""},
        {"order_no": "9" * 32, "not_before": NOW + MONTH, "reason": "x" * 200},
        {"order_no": "1", "reason": "退款 🙂"},
        {"order_no": "1", "not_before": NOW, "reason": "\u0000"},
    ],
)
def test_a_request_is_taken_as_it_is(document: dict[str, Any]) -> None:
    asked = CancellationRequest.parse(document, now=NOW)
    assert {name: value for name in document if (value := getattr(asked, name)) is not None} == document


def test_a_whole_number_may_be_written_as_a_float() -> None:
    assert CancellationRequest.parse({"order_no": "1", "not_before": NOW + 5.0}, now=NOW).not_before == NOW + 5


def test_a_member_that_is_null_is_absent() -> None:
    """As serialisers write what nobody set: Jackson, System.Text.Json, Go's pointers."""
    document = {"order_no": "1", "order_nos": None, "not_before": None, "reason": None}
    assert CancellationRequest.parse(document, now=NOW) == CancellationRequest(order_no="1")
    (one,) = parse_batch({"order_no": None, "order_nos": ["1"], "not_before": None, "reason": None}, now=NOW)
    assert one == CancellationRequest(order_no="1")
    nulls = {"order_no": "1", "order_nos": None, "execution_id": None, "reason": None}
    assert parse_event(nulls, now=NOW) == EventRequest(asked=[CancellationRequest(order_no="1")])


@pytest.mark.parametrize(
    ("not_before", "words"),
    [
        (20261215, "20261215 is 1970-08-23 12:06:55 UTC"),
        (20261215.0, "in unix seconds, such as"),
        (0, "0 is 1970-01-01"),
        (-1, "not negative"),
        (NOW * 1000, "not in milliseconds"),
        (10**400, "not in milliseconds"),
        (1e300, "not in milliseconds"),
        (float("inf"), "whole unix seconds"),
        (float("nan"), "whole unix seconds"),
        (NOW - 61, "must not be in the past; 1724319390 is 2024-08-22 09:36:30 UTC"),
        (NOW - 365 * 86_400, "must not be in the past"),
        (NOW + MONTH + 1, "at most 30 days ahead"),
    ],
)
def test_a_time_that_cannot_be_meant_is_refused_in_words(not_before: float, words: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        CancellationRequest.parse({"order_no": "1", "not_before": not_before}, now=NOW)
    assert caught.value.member == "not_before"
    assert words in caught.value.detail


@pytest.mark.parametrize(
    ("execution_id", "late"),
    [
        (None, 0),
        ("no time in it", 0),
        ("arn:aws:scheduler:us-east-1:123456789012:schedule/default/x 2024-08-22T09:37:31Z", 0),
        ("arn:aws:scheduler:us-east-1:123456789012:schedule/default/x 2024-08-22T08:37:31Z", 3600),
        ("x 2024-08-22T10:37:31Z", 0),
        ("x 2024-99-99T99:99:99Z", 0),
    ],
)
def test_the_time_of_an_event_may_have_passed_since_it_was_due(execution_id: str | None, late: int) -> None:
    """Lambda tries an event again for minutes, EventBridge Scheduler for a day."""
    event = {"order_no": "1", "execution_id": execution_id, "not_before": NOW - late - 600}
    (asked,) = parse_event(event, now=NOW).asked
    assert isinstance(asked, CancellationRequest)
    assert asked.not_before == NOW - late - 600
    with pytest.raises(PastTimeError):
        parse_event(event | {"not_before": NOW - late - 601}, now=NOW)


@pytest.mark.parametrize(
    ("text", "member"),
    [
        (b'{"order_no": "1", "order_no": "2"}', "order_no"),
        (b'{"order_no": "1", "not_before": 1, "not_before": 2}', "not_before"),
        (b'{"order_no": NaN}', None),
        (b'{"order_no": Infinity}', None),
        (b'{"order_no": "\xff"}', None),
        ('{"order_no": "1"}'.encode("utf-16"), None),
        (b"\xef\xbb\xbf\xef\xbb\xbf{}", None),
        (b"[" * 4_000, None),
        (b'{"not_before": ' + b"9" * 5_000 + b"}", None),
        (b"", None),
        (b"\x00", None),
        (b"{'order_no': '1'}", None),
    ],
)
def test_what_readers_of_json_disagree_on_is_refused(text: bytes, member: str | None) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        parse_json(text)
    assert caught.value.member == member


def test_a_byte_order_mark_is_passed_over() -> None:
    assert parse_json(b'\xef\xbb\xbf{"order_no": "1"}') == {"order_no": "1"}


@pytest.mark.parametrize(
    ("document", "member"),
    [
        (None, None),
        ([], None),
        ("x", None),
        ({}, "order_no"),
        ({"order_no": None}, "order_no"),
        ({"order_no": 2304170329503866885309}, "order_no"),
        ({"order_no": ""}, "order_no"),
        ({"order_no": "23041703x"}, "order_no"),
        ({"order_no": "1\n"}, "order_no"),
        ({"order_no": "١٢"}, "order_no"),
        ({"order_no": "1" * 33}, "order_no"),
        ({"order_no": "1", "not_before": "1724319000"}, "not_before"),
        ({"order_no": "1", "not_before": True}, "not_before"),
        ({"order_no": "1", "not_before": 1.5}, "not_before"),
        ({"order_no": "1", "reason": 5}, "reason"),
        ({"order_no": "1", "reason": "x" * 201}, "reason"),
        ({"order_no": "1", "reason": "\ud800"}, "reason"),
        ({"order_no": "1", "orderNo": "1"}, "orderNo"),
        ({"order_no": "1", "notBefore": None}, "notBefore"),
        ({"order_no": "1", "order_nos": ["2"]}, "order_nos"),
        ({"order_no": "1", "x" * 500: "1"}, "x" * 64),
    ],
)
def test_what_is_no_request_is_refused_and_the_member_named(document: object, member: str | None) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        CancellationRequest.parse(document, now=NOW)
    assert caught.value.member == member
    assert caught.value.detail


def test_the_last_four_states_are_final() -> None:
    assert [state for state in State if state.final] == ["cancelled", "rejected", "withdrawn", "failed"]
