"""What was recorded of feee.io's answers, compared with what the simulator takes for granted."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

FORMAT = "feee-cancel/learned/1"
ASSUMED: Mapping[str, Any] = {
    "not_found": 20004,
    "already_cancelled": 20017,
    "already_filled": 20016,
    "ended_cancel_succeeds": False,
    "business_error_status": 200,
    "chinese": False,
    "request_id": "uuid",
    "without_business_status": False,
    "address_list": "ip_white_list",
    "user_agent_list": "user_agent_white_list",
}
"""The simulator's choices that can be learned from answers, as they are by default."""
MEMBERS: Mapping[str, str] = {
    **dict.fromkeys(("order_no", "receive_address", "rent_time_unit", "frozen_tx_id"), "text"),
    **dict.fromkeys(("order_type", "resource_type", "price_in_sun", "freeze_time", "create_time"), "number"),
    **dict.fromkeys(("resource_value", "frozen_resource_value", "rent_duration", "rent_time_second"), "number"),
    **dict.fromkeys(("rent_expire_time", "pay_time", "pay_amount", "refund_amount", "refund_time"), "number"),
    **dict.fromkeys(("is_split", "is_lock", "lock_period", "status", "business_status"), "number"),
    "sub_order": "list",
}
"""The members of an order that is queried, with their types."""
_CANCELLED, _RECLAIMED = {"whole number 12", "whole number 14", "whole number 2"}, {"whole number 9"}
_CHINESE = re.compile("[\u4e00-\u9fff]")
_FORMS = {"uuid", "hex", "empty", "missing"}
_ADDRESSES = re.compile(r"(^|_)ips?(_|$)")
_AGENTS = re.compile(r"(^|_)(user_?)?agents?(_|$)|(^|_)ua(_|$)")
Answer = Mapping[str, Any]


def choices(answers: Sequence[Answer]) -> dict[str, Any]:
    """The simulator's choices that these answers decide; the last one counts."""
    return dict(pair for answer in answers for pair in _decided(answer))


def differences(answers: Sequence[Answer]) -> list[str]:
    """How the answers differ from what is assumed, in words, each once."""
    decided = choices(answers).items()
    chosen = [f"{name} is {value!r}, not {ASSUMED[name]!r}" for name, value in decided if value != ASSUMED[name]]
    members = [words for answer in answers for words in _members(answer)]
    changed = [words for answer in answers for words in _changed(answer)]
    return list(dict.fromkeys([*chosen, *members, *changed]))


def _decided(answer: Answer) -> Iterator[tuple[str, Any]]:
    match answer["about"]:
        case "an unknown order":
            yield from _of_refusal("not_found", answer["recorded"][0])
        case "account":
            yield from _of_account(_data(answer["recorded"][0]))
        case _:
            yield from _of_order(answer["recorded"])


def _of_order(recorded: Sequence[Answer]) -> Iterator[tuple[str, Any]]:
    order = _data(recorded[0])
    if order:
        yield "without_business_status", "business_status" not in order
    for cancel in recorded[1:2]:
        succeeded = cancel.get("code") == 0
        if "code" in cancel:
            yield "ended_cancel_succeeds", succeeded
        if not succeeded and order.get("status") in _CANCELLED | _RECLAIMED:
            name = "already_cancelled" if order["status"] in _CANCELLED else "already_filled"
            yield from _of_refusal(name, cancel)


def _of_refusal(name: str, one: Answer) -> Iterator[tuple[str, Any]]:
    if not isinstance(one.get("code"), int) or one["code"] == 0:
        return
    yield name, one["code"]
    yield "business_error_status", one["http_status"]
    yield "chinese", bool(_CHINESE.search(str(one["msg"])))
    if one["request_id"] in _FORMS:
        yield "request_id", one["request_id"]


def _of_account(account: Answer) -> Iterator[tuple[str, Any]]:
    if account:
        for name, speaks in (("address_list", _ADDRESSES), ("user_agent_list", _AGENTS)):
            yield name, next((member for member in account if speaks.search(member)), "")


def _members(answer: Answer) -> Iterator[str]:
    """How an order's members differ."""
    query = answer["recorded"][0] if answer["about"] == "an order" else {}
    order = _data(query)
    if order and isinstance(query["members"]["data"], list):
        yield "an order is in a list"
    for name in order:
        if name not in MEMBERS:
            yield f"an order has {name} ({_kind(order[name])})"
        elif _kind(order[name]) != MEMBERS[name]:
            yield f"an order's {name} is {_kind(order[name])}, not {MEMBERS[name]}"
    lacking = [name for name in MEMBERS if order and name not in order]
    yield from (f"an order has no {name}" for name in lacking)


def _changed(answer: Answer) -> Iterator[str]:
    """Whether an order looked different after its cancel: that would be news."""
    recorded = answer["recorded"]
    if len(recorded) > len(("query", "cancel")) and _data(recorded[0]) != _data(recorded[-1]):
        yield "an order looked different after the cancel"


def _data(one: Answer) -> Answer:
    """The data of an answer, {} if it has none; in a list of one, that one."""
    members = one.get("members")
    found = members.get("data") if isinstance(members, dict) else None
    only = found[0] if isinstance(found, list) and len(found) == 1 else found
    return only if isinstance(only, dict) else {}


def _kind(shape: object) -> str:
    match shape:
        case str() if shape.startswith(("whole number", "decimal")):
            return "number"
        case str():
            return shape.partition(",")[0].partition(" ")[0] if shape.startswith("text") else shape
    return "list" if isinstance(shape, Iterable) and not isinstance(shape, Mapping) else "object"
