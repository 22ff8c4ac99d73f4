"""A cancellation as openapi.yaml and the settled event describe it: what isn't known isn't there."""

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from feee_cancel.domain.cancellation import UNDER_WAY, Cancellation, State
from feee_cancel.domain.order import json_number

_LAST_ANSWER = ("answer", "http_status", "code", "msg", "request_id", "detail")
_INTERNAL = frozenset({"in_doubt_after", "tries", "since", "refusals", "expires_at", "order", *_LAST_ANSWER})
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
    shown["order"] = json.loads(row.order) if row.order else None
    return known(shown)


def known(members: Mapping[str, Any]) -> dict[str, Any]:
    """The members that have a value."""
    return {name: value for name, value in members.items() if value is not None}


def to_json(value: object) -> str:
    """JSON text, decimals as exact numbers. Half a surrogate pair, which no encoding takes, comes as JSON's escape."""
    return json.dumps(value, default=json_number, ensure_ascii=False).encode(errors="backslashreplace").decode()
