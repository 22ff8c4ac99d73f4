"""What feee.io really answers, without what identifies anybody: for a file that may be shown to the world.

Not imported before somebody asks.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from http.client import HTTPException
from typing import Any

from urllib3.exceptions import HTTPError

from feee_cancel.adapters.connection import Response
from feee_cancel.adapters.feee_client import FeeeClient
from feee_cancel.domain.ended import open_because

_TOLD = frozenset(
    {
        "status",
        "business_status",
        "order_type",
        "resource_type",
        "rent_time_unit",
        "is_split",
        "is_lock",
        "lock_period",
        "qps",
    }
)
"""Members whose values say what an order is like, and not whose it is."""
_LARGEST_TOLD = 9_999
_MOST_MEMBERS, _MOST_SHAPES, _MOST_WORDS = 200, 5, 300
_MEDIA_TYPE = re.compile(r"[a-z]+/[a-z0-9.+-]+(; ?charset=[a-z0-9-]+)?", re.IGNORECASE)
_NAME = re.compile(r"(?!(.*[0-9]){3}|T[1-9A-HJ-NP-Za-km-z]{33}$)[A-Za-z_-][A-Za-z0-9_-]{0,39}")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_KINDS = (
    ("digits", re.compile(r"[0-9]+")),
    ("TRON address", re.compile(r"T[1-9A-HJ-NP-Za-km-z]{33}")),
    ("UUID", _UUID),
    ("hexadecimal digits", re.compile(r"[0-9a-fA-F]{16,}")),
    ("IP address", re.compile(r"[0-9]{1,3}(\.[0-9]{1,3}){3}|[0-9a-fA-F]*:[0-9a-fA-F:.]+")),
)
_COUNTED = {"digits", "hexadecimal digits"}
_IDENTIFYING = re.compile(
    r"""
      (?<!\w)'[^']+'(?!\w) | "[^"]+" | \u201c[^\u201d]+\u201d | \u2018[^\u2019]+\u2019           # what is in quotes
    | \u300c[^\u300d]+\u300d | \u300e[^\u300f]+\u300f | \u3010[^\u3011]+\u3011 | \[[^\]]+\]  # or in brackets
    | [^\s"'<>()\[\]:=,;]*@[^\s"'<>()\[\],;]*         # mail addresses, and names that begin with an @
    | https?://\S+
    | [0-9A-Za-z_+/=-]{16,}                           # keys, hashes, accounts, identifiers
    | [0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7}      # IPv6
    | \+?[0-9][0-9.\ -]{2,}[0-9]                      # amounts, telephones, addresses, order numbers
    """,
    re.VERBOSE,
)


def record(feee: FeeeClient, order_no: str, *, cancel: bool, now: float, deadline: float) -> dict[str, Any]:
    """Query an order and record the answer; if wanted, and only if it ended long ago, cancel it and query it again.

    `not_cancelled` says why a cancel that was wanted wasn't made.
    """
    query = ("GET", f"/v2/order/query?order_no={order_no}")
    recorded, data = _recorded(feee, "query", *query, None, deadline)
    found: dict[str, Any] = {"recorded": [recorded]}
    if not cancel:
        return found
    if why := open_because(data, order_no, now=now):
        return found | {"not_cancelled": anonymous(why)}
    document = {"order_no": order_no}
    cancelled, _ = _recorded(feee, "cancel", "POST", "/v2/order/cancel", document, deadline)
    again, _ = _recorded(feee, "query", *query, None, deadline)
    return {"recorded": [recorded, cancelled, again]}


def record_account(feee: FeeeClient, *, deadline: float) -> dict[str, Any]:
    """Ask for the key's account and record what members the answer has."""
    return {"recorded": [_recorded(feee, "account", "GET", "/v2/api/query", None, deadline)[0]]}


def _recorded(
    feee: FeeeClient, call: str, method: str, path: str, document: dict[str, str] | None, deadline: float
) -> tuple[dict[str, Any], object]:
    """One call as it may be shown, and the data of its answer as it is. Raises SecretUnavailableError."""
    try:
        response, answer, fault = feee.received(method, path, document, deadline=deadline)
    except (HTTPError, HTTPException, OSError) as error:
        return {"call": call, "detail": type(error).__name__}, None
    seen = {"call": call, "http_status": response.status, **_head(response)}
    if fault:
        return {**seen, "detail": anonymous(fault)}, None
    if not isinstance(answer, dict):
        return {**seen, "detail": f"not an object: {shape(answer)}"}, None
    code = answer.get("code")
    members = shape({name: value for name, value in answer.items() if name not in {"code", "msg", "request_id"}})
    kept = code if isinstance(code, int) and abs(code) <= 10**9 else shape(code)
    msg = answer.get("msg")
    told = {"code": kept, "msg": anonymous(msg) if isinstance(msg, str) else shape(msg)}
    return {**seen, **told, "request_id": _form(answer), "members": members}, answer.get("data") if code == 0 else None


def _head(response: Response) -> dict[str, Any]:
    names = sorted({name.lower() for name in response.headers if _NAME.fullmatch(name)})
    content_type = response.headers.get("Content-Type", "")
    return {"headers": names, "content_type": content_type if _MEDIA_TYPE.fullmatch(content_type) else None}


def _form(answer: dict[str, Any]) -> str:
    """The form of `request_id`, by the simulator's name for it."""
    if answer.get("request_id") is None:
        return "missing"
    text = str(answer["request_id"])
    if not text:
        return "empty"
    if _UUID.fullmatch(text):
        return "uuid"
    return "hex" if re.fullmatch(r"[0-9a-f]{32}", text) else "text"


def anonymous(text: str) -> str:
    """Words without what may identify somebody: numbers, addresses, names in quotes, long identifiers."""
    return _IDENTIFYING.sub("[…]", text[:_MOST_WORDS])


def shape(value: object, name: str = "") -> Any:
    """The members and types of a JSON value; the values themselves only for the members in `_TOLD`."""
    match value:
        case dict():
            members = [*value.items()][:_MOST_MEMBERS]
            return {_member(member): shape(one, member) for member, one in members}
        case list():
            return [*_distinct(value)][:_MOST_SHAPES]
        case None | bool():
            return "null" if value is None else "true or false"
        case int() | Decimal():
            return _number(value, name)
    text = str(value)
    return f"text {text}" if name in _TOLD and re.fullmatch(r"[a-z]", text) else _text(text)


def _number(value: int | Decimal, name: str) -> str:
    if isinstance(value, Decimal):
        return f"decimal, {max(0, -int(value.as_tuple().exponent))} places"
    told = value == 0 or (name in _TOLD and 0 <= value <= _LARGEST_TOLD)
    return f"whole number {value}" if told else "whole number"


def _text(text: str) -> str:
    if not text:
        return "text, empty"
    for kind, form in _KINDS:
        if form.fullmatch(text):
            return f"text, {len(text)} {kind}" if kind in _COUNTED else f"text, {kind}"
    return "text"


def _distinct(values: list[Any]) -> Iterator[Any]:
    seen: list[Any] = []
    for one in map(shape, values):
        if one not in seen:
            seen.append(one)
            yield one


def _member(name: str) -> str:
    return name if _NAME.fullmatch(name) else "[…]"
