import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest

from local.simulator.callers import Access, Caller
from local.simulator.choices import Answer, Choices, RequestId
from local.simulator.detail import Status
from local.simulator.order_book import DEFAULT_KEY, Orders
from tests.simulator.clock import Clock

OPEN = (1, 3, 4, 7, 15, 16, 99)
FILLED = (5, 6, 8, 9, 10, 17)
ENDED = (2, 11, 12, 13, 14)
CALLER = Caller(DEFAULT_KEY)
CHOICES = Choices()


def data(answer: Answer) -> dict[str, Any]:
    assert answer.code == 0, answer
    assert answer.data is not None
    return answer.data


def test_the_official_example_comes_out_field_by_field(orders: Orders) -> None:
    orders.create(order_no="2408228772142551040100", age=743)
    answer = orders.cancel("2408228772142551040100")
    assert answer.document() == {
        "code": 0,
        "msg": "ok",
        "request_id": answer.request_id,
        "data": {
            "order_no": "2408228772142551040100",
            "order_type": 0,
            "resource_type": 1,
            "receive_address": "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",
            "price_in_sun": 105,
            "freeze_time": 0,
            "create_time": 1724318708,
            "resource_value": 32000,
            "frozen_resource_value": 0,
            "rent_duration": 10,
            "rent_time_unit": "m",
            "rent_time_second": 600,
            "rent_expire_time": 0,
            "frozen_tx_id": "",
            "pay_time": 1724318708,
            "pay_amount": Decimal("3.92"),
            "refund_amount": Decimal("3.92"),
            "refund_time": 1724319451,
            "is_split": 0,
            "is_lock": 1,
            "lock_period": 200,
            "status": 12,
            "business_status": 4,
        },
        "pagination": None,
    }


def test_a_fresh_order_is_paid_and_pending_and_has_22_digits(orders: Orders) -> None:
    detail = orders.create().detail
    assert (detail.status, detail.business_status, detail.refund_amount) == (4, 1, Decimal(0))
    assert len(detail.order_no) == 22
    assert detail.order_no.startswith("240822")


@pytest.mark.parametrize(
    ("age", "exactly_300_passes", "code"),
    [
        (299, False, CHOICES.too_early),
        (300, False, CHOICES.too_early),
        (301, False, 0),
        (299, True, CHOICES.too_early),
        (300, True, 0),
    ],
)
def test_only_an_order_created_more_than_five_minutes_ago_is_cancelled(
    orders: Orders, age: int, exactly_300_passes: bool, code: int
) -> None:
    orders.choices = Choices(exactly_300_passes=exactly_300_passes)
    order_no = orders.create(age=age).detail.order_no
    assert orders.cancel(order_no).code == code
    assert orders.order(order_no).accepted_cancels == (code == 0)


def test_an_order_that_was_too_young_is_cancelled_once_it_is_old_enough(orders: Orders, clock: Clock) -> None:
    order_no = orders.create().detail.order_no
    assert orders.cancel(order_no).code == CHOICES.too_early
    clock.now += 301
    assert data(orders.cancel(order_no))["status"] == 12


@pytest.mark.parametrize(
    ("status", "code"),
    [
        *((status, 0) for status in OPEN),
        *((status, CHOICES.already_filled) for status in FILLED),
        *((status, CHOICES.already_cancelled) for status in ENDED),
    ],
)
def test_only_an_unfinished_order_is_cancelled(orders: Orders, status: int, code: int) -> None:
    order = orders.create(age=600, status=status)
    assert orders.cancel(order.detail.order_no).code == code
    if code:
        assert orders.order(order.detail.order_no) == order


def test_a_cancel_takes_effect_once(orders: Orders) -> None:
    order_no = orders.create(age=600).detail.order_no
    assert [orders.cancel(order_no).code for _ in range(3)] == [0, CHOICES.already_cancelled, CHOICES.already_cancelled]
    assert orders.order(order_no).accepted_cancels == 1


@pytest.mark.parametrize("order_no", [None, "", 2304170329503866885309, ["1"]])
def test_an_order_number_is_a_text_that_is_not_empty(orders: Orders, order_no: object) -> None:
    assert orders.cancel(order_no).code == orders.query(order_no).code == 10003


def test_an_unknown_order_is_not_found(orders: Orders) -> None:
    assert orders.cancel("1").code == orders.query("1").code == CHOICES.not_found


def test_an_unpaid_order_is_cancelled_without_a_refund(orders: Orders) -> None:
    order = data(orders.cancel(orders.create(age=600, status=1).detail.order_no))
    assert (order["status"], order["pay_time"], order["refund_amount"], order["refund_time"]) == (12, 0, 0, 0)


@pytest.mark.parametrize(
    ("refund", "shown"),
    [
        ("at_once", [(12, True), (12, True), (12, True)]),
        ("later", [(11, False), (11, False), (12, True)]),
        ("never", [(11, False), (11, False), (11, False)]),
        ("hidden", [(12, False), (12, False), (12, True)]),
    ],
)
def test_the_refund_comes_as_it_was_arranged(
    orders: Orders, clock: Clock, refund: str, shown: list[tuple[int, bool]]
) -> None:
    order_no = orders.create(age=600, refund=refund, refund_after=30).detail.order_no
    began = clock.now
    seen = [data(orders.cancel(order_no))]
    for clock.now in (began + 29, began + 30):
        seen.append(data(orders.query(order_no)))
    assert [(order["status"], order["refund_amount"] == order["pay_amount"]) for order in seen] == shown
    assert seen[-1]["refund_time"] in {0, int(began), int(began) + 30}


def test_an_order_fills_when_its_time_comes_and_not_after_a_cancel(orders: Orders, clock: Clock) -> None:
    filled, cancelled = (orders.create(age=600, steps=[(5, 6)]).detail.order_no for _ in range(2))
    orders.cancel(cancelled)
    clock.now += 5
    seen = data(orders.query(filled))
    assert (seen["status"], seen["business_status"], seen["frozen_resource_value"]) == (6, 2, 32000)
    assert (seen["freeze_time"], seen["rent_expire_time"]) == (int(clock.now), int(clock.now) + 600)
    assert len(seen["frozen_tx_id"]) == 64
    assert data(orders.query(cancelled))["status"] == 12


def test_feee_refunds_by_itself_what_it_finds_no_energy_for(orders: Orders, clock: Clock) -> None:
    order_no = orders.create(status=13, steps=[(60, 14)]).detail.order_no
    assert data(orders.query(order_no))["refund_amount"] == 0
    clock.now += 60
    seen = data(orders.query(order_no))
    assert (seen["status"], seen["refund_amount"], seen["refund_time"]) == (14, Decimal("3.92"), int(clock.now))


def test_steps_that_passed_unseen_happened_at_their_own_time(orders: Orders, clock: Clock) -> None:
    order_no = orders.create(status=1, steps=[(20, 6), (10, 4)]).detail.order_no
    began = int(clock.now)
    clock.now += 1000
    seen = data(orders.query(order_no))
    assert (seen["pay_time"], seen["freeze_time"], seen["status"]) == (began + 10, began + 20, 6)


def test_a_step_is_taken_once(orders: Orders, clock: Clock) -> None:
    order_no = orders.create(steps=[(5, 6)]).detail.order_no
    clock.now += 5
    assert orders.order(order_no).detail.status == 6
    orders.change(order_no, status=4)
    assert orders.order(order_no).detail.status == 4


def test_calls_take_turns() -> None:
    inside, most = 0, 0

    def slow_clock() -> float:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        time.sleep(0.002)
        inside -= 1
        return 1_724_319_451.0

    orders = Orders(clock=slow_clock)
    order_no = orders.create(age=600).detail.order_no
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(orders.cancel, [order_no] * 8))
    assert (most, orders.order(order_no).accepted_cancels) == (1, 1)


def test_of_a_partly_filled_order_the_rest_is_refunded(orders: Orders) -> None:
    order_no = orders.create(age=600, status=15, frozen_resource_value=10000, pay_amount="4.26127").detail.order_no
    seen = data(orders.cancel(order_no))
    assert seen["refund_amount"] == Decimal("2.929623")
    assert (seen["status"], seen["frozen_resource_value"]) == (12, 10000)


def test_the_parts_of_a_split_order_have_the_hashes_and_its_parent_has_none(orders: Orders) -> None:
    order_no = orders.create(age=600, status=6, is_split=1).detail.order_no
    seen = data(orders.query(order_no))
    assert seen["frozen_tx_id"] == ""
    assert all(len(part["frozen_tx_id"]) == 64 for part in seen["sub_order"])
    assert sum(part["pay_amount"] for part in seen["sub_order"]) == seen["pay_amount"]


def test_of_a_partly_filled_split_order_one_part_is_filled_and_one_refunded(orders: Orders) -> None:
    order_no = orders.create(age=600, status=15, is_split=1).detail.order_no
    assert [part["status"] for part in data(orders.query(order_no))["sub_order"]] == [6, 4]
    orders.cancel(order_no)
    seen = data(orders.query(order_no))
    assert [(part["status"], part["refund_amount"]) for part in seen["sub_order"]] == [(6, 0), (12, Decimal("1.96"))]
    assert seen["refund_amount"] == Decimal("1.96")


def test_a_part_shows_no_refund_before_its_parent_does(orders: Orders, clock: Clock) -> None:
    order_no = orders.create(age=600, is_split=1, refund="hidden", refund_after=30).detail.order_no
    orders.cancel(order_no)
    refunds = []
    began = clock.now
    for clock.now in (began, began + 30):
        refunds.append(sum(part["refund_amount"] for part in data(orders.query(order_no))["sub_order"]))
    assert refunds == [0, Decimal("3.92")]


def test_an_order_that_is_not_split_has_no_parts(orders: Orders) -> None:
    assert data(orders.query(orders.create().detail.order_no))["sub_order"] == []


def test_unknown_fields_are_shown_as_they_were_given(orders: Orders) -> None:
    order_no = orders.create(age=600, settle_time=5, min_amount=None).detail.order_no
    assert data(orders.cancel(order_no)).items() >= {"settle_time": 5, "min_amount": None}.items()


def test_a_field_that_was_given_wins_over_what_its_status_brings(orders: Orders) -> None:
    detail = orders.create(status=12, refund_amount=0, business_status=1, create_time=1000).detail
    assert (detail.refund_amount, detail.business_status, detail.create_time, detail.pay_time) == (
        Decimal(0),
        1,
        1000,
        1000,
    )


def test_an_order_can_be_changed_under_way(orders: Orders, clock: Clock) -> None:
    order_no = orders.create(age=600).detail.order_no
    assert orders.change(order_no, status=15, steps=[(5, 6)]).detail.frozen_resource_value == 16000
    assert orders.change(order_no, refund="never", refund_after=1.0).detail.status == 15
    clock.now += 5
    assert orders.order(order_no).detail.status == 6


def test_the_key_is_checked_before_anything_else(orders: Orders) -> None:
    assert orders.cancel(None, Caller("another")).code == orders.api_query(Caller("")).code == 10001


def test_allow_lists_refuse_other_addresses_and_agents(orders: Orders) -> None:
    orders.access = Access(orders.access.keys, addresses=frozenset({"10.0.0.1"}), user_agents=frozenset({"mine"}))
    assert orders.api_query(Caller(DEFAULT_KEY, "mine", "10.0.0.2")).code == 20012
    assert orders.api_query(Caller(DEFAULT_KEY, "other", "10.0.0.1")).code == 20013
    assert orders.api_query(Caller(DEFAULT_KEY, "mine", "10.0.0.1")).code == 0


def test_a_call_without_a_user_agent_is_refused(orders: Orders) -> None:
    assert orders.api_query(Caller(DEFAULT_KEY, "")).code == 20013


def test_a_key_has_ten_calls_in_any_second(orders: Orders, clock: Clock) -> None:
    began = clock.now
    codes = []
    for clock.now in [began] * 5 + [began + 0.5] * 6 + [began + 0.99] + [began + 1.0] * 6:
        codes.append(orders.query("1", CALLER).code)
    assert [code == 11001 for code in codes] == [False] * 10 + [True] * 2 + [False] * 5 + [True]


def test_each_key_has_a_pace_of_its_own(orders: Orders) -> None:
    orders.access = Access(frozenset({"one", "two"}), rate_limit=1)
    assert [orders.api_query(Caller(key)).code for key in ("one", "one", "two")] == [0, 11001, 0]


def test_the_choices_shape_what_the_pages_leave_open(orders: Orders) -> None:
    orders.choices = Choices(
        chinese=True,
        cancel_without_data=True,
        without_business_status=True,
        request_id=RequestId.MISSING,
        not_found=404404,
        business_error_status=400,
        key_error_status=401,
        rate_error_status=429,
    )
    order_no = orders.create(age=600).detail.order_no
    assert orders.cancel(order_no).document() == {"code": 0, "msg": "成功", "pagination": None}
    assert "business_status" not in data(orders.query(order_no))
    refusals = [orders.query("1"), orders.query("1", Caller("wrong"))]
    orders.access = Access(orders.access.keys, rate_limit=0)
    refusals.append(orders.query("1", CALLER))
    assert [(each.code, each.http_status) for each in refusals] == [(404404, 400), (10001, 401), (11001, 429)]


@pytest.mark.parametrize(("shape", "length"), [("uuid", 36), ("hex", 32), ("empty", 0)])
def test_a_request_id_has_the_chosen_shape(orders: Orders, shape: str, length: int) -> None:
    orders.choices = Choices(request_id=RequestId(shape))
    assert len(orders.api_query().request_id or "") == length


RENTAL = {
    "resource_type": 1,
    "receive_address": "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",
    "resource_value": 32000,
    "rent_duration": 10,
    "rent_time_unit": "m",
    "rent_time_second": 600,
}


def test_an_order_that_is_submitted_costs_what_the_example_costs(orders: Orders, clock: Clock) -> None:
    before = data(orders.api_query())["trx_money"]
    seen = data(orders.submit(RENTAL))
    assert (seen["status"], seen["pay_amount"], seen["create_time"]) == (4, Decimal("3.92"), int(clock.now))
    assert before - data(orders.api_query())["trx_money"] == Decimal("3.92")


def test_what_is_cancelled_comes_back_to_the_balance(orders: Orders, clock: Clock) -> None:
    before = data(orders.api_query())["trx_money"]
    order_no = data(orders.submit(RENTAL))["order_no"]
    clock.now += 301
    orders.cancel(order_no)
    assert data(orders.api_query())["trx_money"] == before


def test_the_third_version_rents_for_five_minutes(orders: Orders) -> None:
    seen = data(orders.create_rental(RENTAL))
    assert (seen["rent_duration"], seen["rent_time_unit"], seen["rent_time_second"]) == (5, "m", 300)


@pytest.mark.parametrize(
    "wrong",
    [
        {"receive_address": "T"},
        {"receive_address": None},
        {"resource_type": 0},
        {"resource_value": 0},
        {"resource_value": "32000"},
        {"rent_duration": None},
        {"rent_time_unit": "s"},
        {"rent_time_second": 597},
        {"rent_time_second": 601},
    ],
)
def test_a_rental_with_a_wrong_parameter_is_refused(orders: Orders, wrong: dict[str, object]) -> None:
    assert orders.submit(RENTAL | wrong).code == 10003


def test_stale_orders_block_new_ones_until_one_is_cancelled(orders: Orders, clock: Clock) -> None:
    first, *_ = [data(orders.submit(RENTAL))["order_no"] for _ in range(5)]
    clock.now += 301
    assert orders.submit(RENTAL).code == 20014
    orders.cancel(first)
    assert orders.submit(RENTAL).code == 0


def test_a_balance_that_is_too_low_buys_nothing(orders: Orders) -> None:
    assert orders.submit(RENTAL | {"resource_value": 10**11}).code == 20002


def test_a_look_shows_and_changes_nothing(orders: Orders) -> None:
    order_no = orders.create(age=600).detail.order_no
    assert data(orders.look(order_no))["status"] == Status.PAID
    assert orders.look("1").document().keys() == {"code", "msg", "request_id", "pagination"}


def test_a_reset_forgets_orders_choices_and_keys(orders: Orders) -> None:
    order_no = orders.create().detail.order_no
    orders.choices = Choices(chinese=True)
    orders.access = Access(frozenset())
    orders.reset()
    assert orders.query(order_no, CALLER).msg == "order not found"
