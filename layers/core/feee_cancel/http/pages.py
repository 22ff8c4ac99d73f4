"""The list: its parameters, its pages, and the cursor from one to the next."""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Self

from feee_cancel.adapters.representation import represent
from feee_cancel.domain.cancellation import Cancellation, State
from feee_cancel.domain.documents import parse_order_no
from feee_cancel.domain.due import Due, Period
from feee_cancel.domain.faults import InvalidRequestError
from feee_cancel.http.gateway import Reply
from feee_cancel.usecases.listing import MAX_PAGE

_PARAMETERS = ("state", "limit", "cursor", "since", "until")
_DEFAULT_PAGE = 25
_DIGITS = re.compile(r"[1-9][0-9]{0,2}")
_TIME = re.compile(r"[0-9]{1,12}")
_MAX_TIME = 10**15
"""Later than any time that a row can have, sensible or not."""
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
    period: Period | None = None

    @classmethod
    def parse(cls, parameters: Mapping[str, Sequence[str]]) -> Self:
        """Read the query's parameters. Raises InvalidRequestError with the one at fault."""
        for unknown in parameters.keys() - set(_PARAMETERS):
            raise InvalidRequestError(unknown[:64], "is not a parameter of the list")
        state, limit, cursor, since, until = (_one(parameters, name) for name in _PARAMETERS)
        period = _period(since, until)
        states: Sequence[State] = (_state(state),) if state is not None else _ORDER
        if period:
            states = _final(states)
        after = _position(cursor, states, period) if cursor is not None else None
        return cls(states, _limit(limit), after, period)


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


def _period(since: str | None, until: str | None) -> Period | None:
    if since is None and until is None:
        return None
    period = Period(_time("since", since, 0), _time("until", until, _MAX_TIME))
    if period.since >= period.until:
        raise InvalidRequestError("until", "must be after since")
    return period


def _time(name: str, value: str | None, default: int) -> int:
    if value is None:
        return default
    if not _TIME.fullmatch(value):
        raise InvalidRequestError(name, "must be unix seconds")
    return int(value)


def _final(states: Sequence[State]) -> Sequence[State]:
    final = [state for state in states if state.final]
    if not final:
        raise InvalidRequestError(
            "state", "must be a final state if since or until is given: they compare when it became final"
        )
    return final


def _position(cursor: str, states: Sequence[State], period: Period | None) -> Due:
    """A position in this very list: a cursor leads nowhere else, whatever is done to it."""
    try:
        state, due_at, order_no = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        position = Due(parse_order_no(order_no), State(state), due_at)
    except (ValueError, TypeError, RecursionError):
        raise _not_a_cursor() from None
    if position.state not in states or type(due_at) is not int or not 0 <= due_at < _MAX_TIME:
        raise _not_a_cursor()
    if period and not period.has(due_at):
        raise _not_a_cursor()  # DynamoDB refuses a starting key outside of the range (Query, ExclusiveStartKey)
    return position


def _not_a_cursor() -> InvalidRequestError:
    return InvalidRequestError("cursor", "must be the next_cursor of a page of the same list")
