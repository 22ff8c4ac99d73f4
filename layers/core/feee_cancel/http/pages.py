"""The list: its parameters, its pages, and the cursor from one to the next."""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Self

from feee_cancel.adapters.representation import represent
from feee_cancel.domain.cancellation import Cancellation, Due, State
from feee_cancel.domain.documents import parse_order_no
from feee_cancel.domain.faults import InvalidRequestError
from feee_cancel.http.gateway import Reply
from feee_cancel.usecases.listing import MAX_PAGE

_DEFAULT_PAGE = 25
_DIGITS = re.compile(r"[1-9][0-9]{0,2}")
_MAX_TIME = 10**15
"""Beyond any time that a row has had, sensible or not."""
_ORDER = (
    State.CANCELLING,
    State.WAITING,
    State.REFUNDING,
    State.FAILED,
    State.REJECTED,
    State.WITHDRAWN,
    State.CANCELLED,
)
"""What needs attention comes first."""


@dataclass(frozen=True, slots=True)
class Query:
    """Which page is asked for."""

    states: Sequence[State]
    limit: int
    after: Due | None

    @classmethod
    def parse(cls, parameters: Mapping[str, Sequence[str]]) -> Self:
        """Read the query's parameters. Raises InvalidRequestError with the one at fault."""
        for unknown in parameters.keys() - {"state", "limit", "cursor"}:
            raise InvalidRequestError(unknown[:64], "is not a parameter of the list")
        state, limit, cursor = (_one(parameters, name) for name in ("state", "limit", "cursor"))
        states = (_state(state),) if state is not None else _ORDER
        return cls(states, _limit(limit), _position(cursor, states) if cursor is not None else None)


def page(rows: Sequence[Cancellation], following: Due | None) -> Reply:
    """The answer to a list."""
    body: dict[str, Any] = {"cancellations": [represent(row) for row in rows]}
    if following:
        position = json.dumps([following.state, following.due_at, following.order_no], separators=(",", ":"))
        body["next_cursor"] = urlsafe_b64encode(position.encode()).decode().rstrip("=")
    return Reply(HTTPStatus.OK, body)


def _one(parameters: Mapping[str, Sequence[str]], name: str) -> str | None:
    values = parameters.get(name, ())
    if len(values) > 1:
        raise InvalidRequestError(name, "may be given once")
    return values[0] if values else None


def _state(value: str) -> State:
    try:
        return State(value)
    except ValueError:
        raise InvalidRequestError("state", f"must be one of {', '.join(State)}") from None


def _limit(value: str | None) -> int:
    if value is None:
        return _DEFAULT_PAGE
    if not _DIGITS.fullmatch(value) or int(value) > MAX_PAGE:
        raise InvalidRequestError("limit", f"must be a whole number from 1 to {MAX_PAGE}")
    return int(value)


def _position(cursor: str, states: Sequence[State]) -> Due:
    """A position in this very list: a cursor leads nowhere else, whatever is done to it."""
    try:
        state, due_at, order_no = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        position = Due(parse_order_no(order_no), State(state), due_at)
    except (ValueError, TypeError, RecursionError):
        raise _not_a_cursor() from None
    if position.state not in states or type(due_at) is not int or not 0 <= due_at < _MAX_TIME:
        raise _not_a_cursor()
    return position


def _not_a_cursor() -> InvalidRequestError:
    return InvalidRequestError("cursor", "must be the next_cursor of a page of the same list")
