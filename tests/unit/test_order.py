"""An order is read exactly, and kept whole."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feee_cancel.domain.order import BusinessStatus, MalformedOrderError, Order, Status, json_number
from tests.builders import DOCUMENTED, ORDER_NO, order, order_data


def test_the_documented_order_is_read_field_by_field() -> None:
    read = Order.parse(DOCUMENTED)
    for name, value in DOCUMENTED.items():
        assert getattr(read, name) == value
    assert read.status == Status.CANCELLED
    assert read.business_status == BusinessStatus.CLOSED
    assert read.refund_amount == Decimal("3.92")


def test_all_that_feee_io_sent_is_kept_as_it_was() -> None:
    data = order_data(settle_time=7, min_amount=Decimal("0.1"), odd={"deep": [1, None, "x"]}, status=99)
    assert json.loads(order(**data).text, parse_float=Decimal) == data


@pytest.mark.parametrize("name", ["order_no", "status", "create_time"])
def test_an_order_without_what_a_decision_needs_is_malformed(name: str) -> None:
    data = order_data()
    del data[name]
    with pytest.raises(MalformedOrderError, match=name):
        Order.parse(data)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("order_no", 2408228772142551040100),
        ("status", "abc"),
        ("status", True),
        ("status", Decimal("12.5")),
        ("status", 10**15),
        ("create_time", [1]),
        ("create_time", None),
        ("pay_time", {}),
        ("pay_amount", "3,92"),
        ("pay_amount", True),
        ("refund_amount", Decimal("1E+400")),
        ("refund_amount", "NaN"),
    ],
)
def test_a_field_that_decides_must_be_as_documented(name: str, value: Any) -> None:
    with pytest.raises(MalformedOrderError, match=name):
        order(**{name: value})


@pytest.mark.parametrize("data", [None, [], "order", 1, True])
def test_what_is_no_object_is_no_order(data: object) -> None:
    with pytest.raises(MalformedOrderError):
        Order.parse(data)


def test_numbers_may_come_as_strings() -> None:
    read = order(status="12", create_time="1724318708", refund_amount="3.92")
    assert (read.status, read.create_time, read.refund_amount) == (12, 1724318708, Decimal("3.92"))


def test_a_field_that_decides_nothing_is_none_where_it_cannot_be_read() -> None:
    read = order(lock_period="10m", business_status=None, frozen_tx_id=5)
    assert (read.lock_period, read.business_status, read.frozen_tx_id) == (None, None, None)
    assert json.loads(read.text)["lock_period"] == "10m"


def test_the_parts_of_a_split_order_are_read() -> None:
    parts = [order_data(order_no="1", frozen_tx_id="hash"), {"order_no": "2"}, "no part"]
    read = order(is_split=1, sub_order=parts)
    assert [part.order_no for part in read.sub_order] == ["1"]
    assert json.loads(read.text)["sub_order"][1] == {"order_no": "2"}
    assert order(sub_order="none").sub_order == ()


def test_an_order_too_large_for_a_row_is_kept_without_its_parts() -> None:
    kept = json.loads(order(sub_order=[order_data()] * 1000).text)
    assert "sub_order" not in kept
    assert kept["receive_address"] == DOCUMENTED["receive_address"]


def test_an_order_too_large_even_so_is_kept_with_what_decides() -> None:
    kept = json.loads(order(note="x" * 300_000, refund_amount=Decimal("3.92")).text)
    assert kept["order_no"] == ORDER_NO
    assert kept["refund_amount"] == 3.92
    assert "note" not in kept


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**9), max_value=10**9))
def test_every_amount_reads_back_exactly(amount: Decimal) -> None:
    assert Decimal(str(json.loads(json.dumps(amount, default=json_number), parse_float=Decimal))) == amount


def test_a_number_that_no_float_holds_is_kept_word_for_word() -> None:
    assert json_number(Decimal("0.12345678901234567890123")) == "0.12345678901234567890123"
    assert json_number(Decimal("1E+400")) == "1E+400"
