"""What counts as a request, and what doesn't."""

from typing import Any

import pytest

from feee_cancel.domain.cancellation import State
from feee_cancel.domain.documents import CancellationRequest, InvalidRequestError
from tests.builders import NOW, ORDER_NO

MONTH = 30 * 86_400


@pytest.mark.parametrize(
    "document",
    [
        {"order_no": ORDER_NO},
        {"order_no": "1", "not_before": 0, "reason": ""},
        {"order_no": "9" * 32, "not_before": NOW + MONTH, "reason": "x" * 200},
        {"order_no": "1", "reason": "退款 🙂"},
    ],
)
def test_a_request_is_taken_as_it_is(document: dict[str, Any]) -> None:
    asked = CancellationRequest.parse(document, now=NOW)
    assert {name: value for name in document if (value := getattr(asked, name)) is not None} == document


def test_a_whole_number_may_be_written_as_a_float() -> None:
    assert CancellationRequest.parse({"order_no": "1", "not_before": 5.0}, now=NOW).not_before == 5


@pytest.mark.parametrize(
    ("document", "member"),
    [
        (None, ""),
        ([], ""),
        ("x", ""),
        ({}, "order_no"),
        ({"order_no": None}, "order_no"),
        ({"order_no": 2304170329503866885309}, "order_no"),
        ({"order_no": ""}, "order_no"),
        ({"order_no": "23041703x"}, "order_no"),
        ({"order_no": "1\n"}, "order_no"),
        ({"order_no": "١٢"}, "order_no"),
        ({"order_no": "1" * 33}, "order_no"),
        ({"order_no": "1", "not_before": "1724319000"}, "not_before"),
        ({"order_no": "1", "not_before": None}, "not_before"),
        ({"order_no": "1", "not_before": True}, "not_before"),
        ({"order_no": "1", "not_before": 1.5}, "not_before"),
        ({"order_no": "1", "not_before": -1}, "not_before"),
        ({"order_no": "1", "not_before": NOW + MONTH + 1}, "not_before"),
        ({"order_no": "1", "not_before": 1e300}, "not_before"),
        ({"order_no": "1", "reason": 5}, "reason"),
        ({"order_no": "1", "reason": "x" * 201}, "reason"),
        ({"order_no": "1", "reason": "\ud800"}, "reason"),
        ({"order_no": "1", "orderNo": "1"}, "orderNo"),
        ({"order_no": "1", "x" * 500: "1"}, "x" * 64),
    ],
)
def test_what_is_no_request_is_refused_and_the_member_named(document: object, member: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        CancellationRequest.parse(document, now=NOW)
    assert caught.value.member == member
    assert caught.value.detail


def test_the_last_four_states_are_final() -> None:
    assert [state for state in State if state.final] == ["cancelled", "rejected", "withdrawn", "failed"]
