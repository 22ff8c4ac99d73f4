"""An order is read exactly, and kept whole."""

import json
from dataclasses import fields
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feee_cancel.domain.order import BusinessStatus, MalformedOrderError, Order, Status, exact, json_number, whole
from tests.builders import DOCUMENTED, ORDER_NO, order, order_data


def test_the_documented_order_is_read_field_by_field() -> None:
    read = Order.parse(DOCUMENTED)
    for one in fields(Order):
        if one.name != "text":
            assert getattr(read, one.name) == DOCUMENTED[one.name]
    assert read.status == Status.CANCELLED
    assert read.business_status == BusinessStatus.CLOSED
    assert read.refund_amount == Decimal("3.92")


def test_all_that_feee_io_sent_is_kept_as_it_was() -> None:
    data = order_data(settle_time=7, min_amount=Decimal("0.1"), odd={"deep": [1, None, "x"]}, status=99)
    assert json.loads(order(**data).text, parse_float=Decimal) == data


@pytest.mark.parametrize("name", ["order_no", "status"])
def test_an_order_without_what_a_decision_needs_is_malformed(name: str) -> None:
    data = order_data()
    del data[name]
    with pytest.raises(MalformedOrderError, match=name):
        Order.parse(data)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("order_no", Decimal("2.4082287721425510401E+21")),
        ("order_no", True),
        ("order_no", 10**100),
        ("status", "abc"),
        ("status", True),
        ("status", Decimal("12.5")),
        ("status", 10**15),
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


@pytest.mark.parametrize("status", [12, Decimal("12.0"), Decimal("1.2e1"), "12", "12.0", "1.2E1", "+12", " 12 "])
def test_a_whole_number_is_one_however_it_is_written(status: object) -> None:
    assert order(status=status).status == 12


@pytest.mark.parametrize(
    ("amount", "read"),
    [
        (Decimal("1E+1"), "10"),
        (Decimal("1e2"), "100"),
        (Decimal("2.4e1"), "24"),
        (Decimal("0.00000000"), "0"),
        (Decimal("-0E+9"), "0"),
        ("3.920000", "3.92"),
        ("392e-2", "3.92"),
        (Decimal("0.12345678901"), "0.12345678901"),
        (10**37, "1" + "0" * 37),
        (Decimal("1" * 38), "1" * 38),
        (Decimal("1e60"), "1" + "0" * 60),
        ("3.92" + "0" * 60, "3.92"),
    ],
)
def test_an_amount_is_exact_and_without_exponent_however_it_is_written(amount: object, read: str) -> None:
    assert str(order(pay_amount=amount).pay_amount) == read


@pytest.mark.parametrize(
    "amount",
    [
        "3,92",
        "1_0",
        "0x10",
        "3.92 TRX",
        "NaN",
        "Infinity",
        "1e400",
        "\uff13",
        "1.",
        "--1",
        "1" * 39,
        "1" * 200,
        [1],
        {},
    ],
)
def test_what_is_no_exact_amount_is_malformed(amount: object) -> None:
    with pytest.raises(MalformedOrderError, match="refund_amount"):
        order(refund_amount=amount)


@pytest.mark.parametrize("name", ["create_time", "pay_time", "pay_amount", "refund_amount", "refund_time"])
def test_an_empty_amount_or_time_is_not_there(name: str) -> None:
    assert getattr(order(**{name: ""}), name) is None


@pytest.mark.parametrize("name", ["status"])
def test_what_must_be_there_is_not_empty(name: str) -> None:
    with pytest.raises(MalformedOrderError, match=name):
        order(**{name: ""})


def test_an_order_number_may_come_as_a_number_with_all_its_digits() -> None:
    assert order(order_no=2408228772142551040100).order_no == ORDER_NO


def test_a_field_that_decides_nothing_is_none_where_it_cannot_be_read() -> None:
    read = order(is_split="yes", business_status=None, freeze_time="")
    assert (read.is_split, read.business_status, read.freeze_time) == (None, None, None)
    assert json.loads(read.text)["is_split"] == "yes"


def test_an_order_too_large_for_a_row_is_kept_without_its_parts() -> None:
    kept = json.loads(order(sub_order=[order_data()] * 1000).text, parse_float=Decimal)
    assert kept == {name: value for name, value in order_data().items() if name != "sub_order"}


def test_an_order_too_large_even_so_is_kept_with_what_decides_as_it_was_read() -> None:
    data = order_data(note="x" * 300_000, refund_amount="3.920", create_time="12", pay_time="soon", status=" 12 ")
    read = Order.parse(data)
    decides = ("order_no", "status", "pay_amount", "refund_amount", "create_time", "pay_time")
    assert json.loads(read.text, parse_float=Decimal) == {name: getattr(read, name) for name in decides}
    assert (read.refund_amount, read.create_time, read.pay_time, read.status) == (Decimal("3.92"), 12, None, 12)


@pytest.mark.parametrize("written", ["1" + "0" * 79 + "." + "0" * 79 + "1", "9" * 80 + "e999", "12\n", "\t12"])
def test_a_number_that_would_have_to_be_rounded_or_cleaned_is_none(written: str) -> None:
    for read in (exact, whole):
        with pytest.raises(TypeError):
            read(written)


@pytest.mark.parametrize(
    ("fields", "paid"),
    [
        ({}, True),
        ({"status": Status.CANCELLED}, True),
        ({"status": Status.NOT_PAID}, False),
        ({"status": Status.CLOSED_UNPAID}, False),
        ({"status": Status.PAYMENT_BEING_VERIFIED}, False),
        ({"pay_time": 0}, False),
        ({"pay_time": None}, False),
        ({"pay_amount": 0}, False),
        ({"pay_amount": None}, False),
    ],
)
def test_an_order_was_paid_if_all_that_shows_it_says_so(fields: dict[str, Any], paid: bool) -> None:
    assert order(**({"status": 4, "pay_time": 1_700_000_000, "pay_amount": 4} | fields)).paid is paid


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**9), max_value=10**9))
def test_every_amount_reads_back_exactly(amount: Decimal) -> None:
    assert Decimal(str(json.loads(json.dumps(amount, default=json_number), parse_float=Decimal))) == amount


def test_a_number_that_no_float_holds_is_kept_word_for_word() -> None:
    assert json_number(Decimal("0.12345678901234567890123")) == "0.12345678901234567890123"
    assert json_number(Decimal("1E+400")) == "1E+400"
