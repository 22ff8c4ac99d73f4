"""A cancellation as openapi.yaml and the settled event describe it: what isn't known isn't there."""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields
from typing import Any

from feee_cancel.domain.cancellation import UNDER_WAY, UNREADABLE_TIME, Cancellation, Requested, State
from feee_cancel.domain.order import json_number

_LAST_ANSWER = ("answer", "http_status", "code", "msg", "request_id", "detail")
_INTERNAL = frozenset(
    {
        "asker",
        "in_doubt_after",
        "in_doubt_until",
        "seen_at",
        "paid",
        "tries",
        "since",
        "refusals",
        "expires_at",
        "order",
        "unread",
        "requests",
        "ended_before",
        *_LAST_ANSWER,
    }
)
_UNFIT = re.compile(
    "[\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff\U000e0000-\U000e007f]"
)
"""Control characters that a screen obeys, marks that reverse text or don't show, and halves of characters."""
_REPRESENTED = tuple(field.name for field in fields(Cancellation) if field.name not in _INTERNAL)


def represent(row: Cancellation) -> dict[str, Any]:
    """The cancellation with all that is known of it."""
    shown = {name: getattr(row, name) for name in _REPRESENTED}
    if row.state.final:
        del shown["due_at"]
    if row.state is State.CANCELLING:
        del shown["state_reason"]
    if row.in_doubt and row.state not in UNDER_WAY:
        shown["in_doubt"] = True
    answer = {name: getattr(row, name) for name in _LAST_ANSWER}
    shown["last_answer"] = known(answer) or None
    shown["requests"] = [_entry(one) for one in row.requests] or None
    shown["order"] = _order(row)
    return _readable(shown)


def _entry(entry: Requested) -> dict[str, Any]:
    return _readable({name: getattr(entry, name) for name in ("requested_by", "requested_at", "not_before", "reason")})


def _readable(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in known(members).items() if value != UNREADABLE_TIME}


def _order(row: Cancellation) -> Any:
    """The order, if the row has one, and it is JSON."""
    with suppress(ValueError):
        return json.loads(row.order or "null")


def known(members: Mapping[str, Any]) -> dict[str, Any]:
    """The members that have a value."""
    return {name: value for name, value in members.items() if value is not None}


def to_json(value: object) -> str:
    """JSON text, decimals as exact numbers; it can be encoded, and printed, whatever text is in it."""
    return _UNFIT.sub(_fit, json.dumps(value, default=json_number, ensure_ascii=False))


def _fit(unfit: re.Match[str]) -> str:
    """JSON's escape; U+FFFD for half a character, which most readers of JSON don't accept as text."""
    return "\ufffd" if "\ud800" <= unfit[0] <= "\udfff" else json.dumps(unfit[0])[1:-1]
