"""The commands about orders: each is one call of the API, or a few for a long list."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

from cli import words
from cli.outcome import Exit, Outcome
from cli.target import Api
from feee_cancel_client import ApiAnswer, ForeignAnswerError

Keep = Callable[[Mapping[str, Any]], bool]

PAGE = 100
"""Rows of the list that the API gives at once, at most."""
APART_SECONDS = 0.5
"""Between calls that follow each other: ApiRateLimit is two a second, and four at once."""
_PROBLEM = "urn:feee-cancel:problem:"
_TEXTS = ("order_no", "state", "state_reason", "reason", "requested_by")
_TIMES = ("requested_at", "gives_up_at", "due_at", "settled_at", "not_before", "eligible_at")
_ANSWER = ("answer", "msg", "detail", "request_id")
_RESULT = ("result", "state", "why", "detail")
EXIT_OF_STATE = {"cancelled": Exit.DONE, "rejected": Exit.NO, "withdrawn": Exit.NO, "failed": Exit.NO}
_USAGE = {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.METHOD_NOT_ALLOWED}
_FIX: dict[int, str] = {
    HTTPStatus.UNAUTHORIZED: "Is the stack's API the right one?",
    HTTPStatus.FORBIDDEN: "The credentials are wrong or expired, this machine's clock is off, or they lack "
    "execute-api:Invoke on the stack's output ApiArn with /* behind it.",
    HTTPStatus.TOO_MANY_REQUESTS: "Try again in a moment.",
    HTTPStatus.SERVICE_UNAVAILABLE: "Try again in a moment.",
}


def cancel(api: Api, order_no: str, *, not_before: int | None, reason: str | None, now: float) -> Outcome:
    """Ask for a cancellation; the exit status says whether it is one already."""
    asked = {"order_no": order_no, "not_before": not_before, "reason": reason}
    body = json.dumps({name: value for name, value in asked.items() if value is not None})
    return _about_cancellation(api.call("POST", "/cancellations", body.encode()), now=now)


def show(api: Api, order_no: str, *, now: float) -> Outcome:
    """Look at a cancellation; to show it is a success, whatever its state."""
    answer = look(api, order_no)
    if answer.status != HTTPStatus.OK:
        return refused(answer)
    return Outcome(Exit.DONE, answer.body, words.cancellation(answer.body, now=now))


def look(api: Api, order_no: str) -> ApiAnswer:
    """The answer to a look at a cancellation."""
    answer = api.call("GET", f"/cancellations/{quote(order_no, safe='')}")
    if answer.status == HTTPStatus.OK and not _is_row(answer.body):
        raise _foreign(answer)
    return answer


def page(api: Api, query: Mapping[str, object]) -> ApiAnswer:
    """A page of the list; members of the query that are None are left out."""
    asked = urlencode({name: value for name, value in query.items() if value is not None})
    answer = api.call("GET", f"/cancellations?{asked}")
    rows = answer.body.get("cancellations")
    if answer.status == HTTPStatus.OK and not (isinstance(rows, list) and all(map(_is_row, rows))):
        raise _foreign(answer)
    return answer


def batch(api: Api, order_nos: Sequence[str], members: Mapping[str, object]) -> ApiAnswer:
    """Ask for many cancellations; a good answer has a result for each, in their order."""
    answer = api.call("POST", "/cancellations/batch", json.dumps({"order_nos": order_nos, **members}).encode())
    results: Any = answer.body.get("results")
    good = isinstance(results, list) and len(results) == len(order_nos) and all(map(_is_result, results))
    if answer.status < HTTPStatus.MULTIPLE_CHOICES and not good:
        raise _foreign(answer)
    return answer


def withdraw(api: Api, order_no: str, *, now: float) -> Outcome:
    """Take a request back."""
    answer = api.call("DELETE", f"/cancellations/{quote(order_no, safe='')}")
    if answer.status == HTTPStatus.OK:
        if not _is_row(answer.body):
            raise _foreign(answer)
        return Outcome(Exit.DONE, answer.body, words.headline(answer.body, now=now))
    return refused(answer)


def lookup(api: Api, order_no: str, *, now: float) -> Outcome:
    """Ask feee.io what a cancel would do now."""
    answer = api.call("GET", f"/orders/{quote(order_no, safe='')}")
    if answer.status != HTTPStatus.OK:
        return refused(answer)
    if not _is_outlook(answer.body):
        raise _foreign(answer)
    later = Exit.PENDING if "from" in answer.body else Exit.NO
    found = Exit.DONE if answer.body["cancellable"] else later
    return Outcome(found, answer.body, words.lookup(answer.body, now=now))


def listed(
    api: Api,
    *,
    state: str | None,
    limit: int,
    now: float,
    keep: Keep | None = None,
    wide: bool = False,
    sleep: Callable[[float], None] = time.sleep,
) -> Outcome:
    """The first rows of the list that `keep` keeps, the latest due first."""
    rows: list[Any] = []
    cursor: str | None = None
    while len(rows) < limit:
        most = PAGE if keep else min(limit - len(rows), PAGE)
        answer = page(api, {"state": state, "limit": most, "cursor": cursor})
        if answer.status != HTTPStatus.OK:
            return refused(answer)
        rows += filter(keep, answer.body["cancellations"])
        cursor = answer.body.get("next_cursor")
        if cursor is None:
            break
        if len(rows) < limit:
            sleep(APART_SECONDS)
    more = bool(cursor) or len(rows) > limit
    del rows[limit:]
    further = [f"There are more: --limit {4 * limit}."] if more else []
    said = [*words.table(rows, now=now, wide=wide), *further]
    return Outcome(Exit.DONE, {"cancellations": rows, "more": more}, said)


def wanted(*, reason: str | None, by: str | None, older: int | None, newer: int | None, now: float) -> Keep | None:
    """What the list is to keep: by its reason or what was asked for, who asked, and its age in seconds. None: all."""
    if (reason, by, older, newer) == (None, None, None, None):
        return None

    def keep(row: Mapping[str, Any]) -> bool:
        age = now - row.get("requested_at", now)
        return (
            (reason is None or reason == row.get("state_reason") or reason.lower() in row.get("reason", "").lower())
            and (by is None or by.lower() in row.get("requested_by", "").lower())
            and (older is None or age >= older)
            and (newer is None or age <= newer)
        )

    return keep


def _is_row(found: Any) -> bool:
    """Whether it can be a cancellation. One whose row can't be read in full lacks members."""
    if not (isinstance(found, dict) and {"order_no", "state"} <= found.keys()):
        return False
    said = found.get("last_answer", {"answer": ""})
    return (
        _have(found, _TEXTS, str)
        and _have(found, _TIMES, int | float)
        and isinstance(said, dict)
        and "answer" in said
        and _have(said, _ANSWER, str)
    )


def _is_outlook(found: Mapping[str, Any]) -> bool:
    """Whether it can be what a cancel would do."""
    whether = found.get("cancellable")
    return (
        "order_no" in found
        and isinstance(whether, bool)
        and (not whether or "since" in found)
        and _have(found, ("order_no", "why_not"), str)
        and _have(found, ("since", "from"), int | float)
    )


def _is_result(found: Any) -> bool:
    """Whether it can be what became of one order of a batch."""
    if not (isinstance(found, dict) and _have(found, _RESULT, str)):
        return False
    result = found.get("result")
    return result in {"refused", "unknown"} or (result in {"taken", "final"} and "state" in found)


def _have(found: Mapping[str, Any], names: Sequence[str], kind: Any) -> bool:
    """Whether those of the members that are there are of this kind."""
    return all(isinstance(found[name], kind) for name in names if name in found)


def _foreign(answer: ApiAnswer) -> ForeignAnswerError:
    said = f"HTTP status {answer.status}, and no answer that this command knows"
    return ForeignAnswerError(said, status=answer.status)


def refused(answer: ApiAnswer) -> Outcome:
    """A problem (RFC 9457) in words, with what fixes it."""
    detail = answer.body.get("detail") or answer.body.get("message") or f"HTTP status {answer.status}"
    fix = _FIX.get(answer.status, "") if "last_answer" not in answer.body else ""
    return Outcome(_exit_of(answer), answer.body, f"{detail} {fix}".rstrip())


def _about_cancellation(answer: ApiAnswer, *, now: float) -> Outcome:
    if answer.status in {HTTPStatus.OK, HTTPStatus.ACCEPTED}:
        if not _is_row(answer.body):
            raise _foreign(answer)
        found = EXIT_OF_STATE.get(answer.body["state"], Exit.PENDING)
        return Outcome(found, answer.body, words.cancellation(answer.body, now=now))
    return refused(answer)


def _exit_of(answer: ApiAnswer) -> Exit:
    """A problem of the service is an answer; an error of what stands in between isn't, whatever its status."""
    if not str(answer.body.get("type", "")).startswith(_PROBLEM):
        return Exit.TROUBLE
    if answer.status in {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT}:
        return Exit.NO
    return Exit.USAGE if answer.status in _USAGE else Exit.TROUBLE
