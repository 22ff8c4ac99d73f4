"""Which orders no call can change any more."""

from decimal import Decimal
from typing import Any

import pytest

from feee_cancel.domain.ended import LONG_AGO_SECONDS, open_because
from tests.builders import DOCUMENTED, NOW

CREATED = NOW - LONG_AGO_SECONDS - 1_000
ENDED: dict[str, Any] = {
    **DOCUMENTED,
    "order_no": "1",
    "status": 12,
    "business_status": 4,
    "create_time": CREATED,
    "pay_time": CREATED,
    "freeze_time": 0,
    "rent_expire_time": 0,
    "pay_amount": Decimal("3.92"),
    "refund_amount": Decimal("3.92"),
    "refund_time": CREATED + 700,
}


def why(**changes: object) -> str:
    return open_because({**ENDED, **changes}, "1", now=NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"status": 14},
        {"business_status": None},
        {"sub_order": None},
        {"sub_order": [{**ENDED, "order_no": "2"}]},
        {"is_split": 1, "sub_order": [{**ENDED, "order_no": "2", "sub_order": []}]},
        {"freeze_time": "", "rent_expire_time": None},
        {"status": 2, "pay_time": 0, "pay_amount": 0, "refund_amount": 0, "refund_time": 0},
        {"status": 9, "business_status": 3, "refund_amount": 0, "rent_expire_time": CREATED + 900},
        {"pay_amount": 0, "refund_amount": 0},
    ],
)
def test_an_order_that_ended_long_ago_can_change_no_more(changes: dict[str, Any]) -> None:
    assert why(**changes) == ""


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        *(({"status": status}, f"status is {status}") for status in (1, 3, 4, 5, 6, 7, 8, 10, 11, 13, 15, 16, 17, 99)),
        ({"business_status": 1}, "business_status 1"),
        ({"business_status": 2}, "business_status 2"),
        ({"refund_amount": 0}, "refund doesn't show"),
        ({"status": 14, "refund_amount": None}, "refund doesn't show"),
        ({"create_time": 0}, "less than a day ago"),
        ({"create_time": -1}, "less than a day ago"),
        ({"create_time": NOW}, "less than a day ago"),
        ({"refund_time": NOW - LONG_AGO_SECONDS + 1}, "less than a day ago"),
        ({"rent_expire_time": NOW + 60}, "less than a day ago"),
        ({"order_no": "2"}, "another order"),
        ({"status": "12x"}, "can't be read"),
        ({"sub_order": "x"}, "can't be read"),
        ({"sub_order": [{}]}, "can't be read"),
        ({"sub_order": [{**ENDED, "status": 4}]}, "status is 4"),
        ({"sub_order": [{**ENDED, "sub_order": [{**ENDED, "status": 4}]}]}, "status is 4"),
        ({"sub_order": [{**ENDED, "sub_order": [{**ENDED, "sub_order": "[nested too deeply]"}]}]}, "can't be read"),
        ({"sub_order": [{**ENDED, "refund_time": NOW}]}, "less than a day ago"),
        ({"is_split": 1}, "can't be read: its parts aren't shown"),
        ({"is_split": "yes"}, "can't be read: is_split"),
        ({"business_status": "closed"}, "can't be read: business_status"),
        ({"rent_expire_time": "2034-08-22"}, "can't be read: rent_expire_time"),
        ({"freeze_time": [NOW]}, "can't be read: freeze_time"),
    ],
)
def test_in_doubt_an_order_may_change(changes: dict[str, Any], words: str) -> None:
    assert words in why(**changes)
    assert "can't be read" in open_because(None, "1", now=NOW)
