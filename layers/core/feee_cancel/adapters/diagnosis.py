"""How feee.io answers to this function, for the doctor: facts that anybody may see, from the functions' own address.

Not imported before somebody asks.
"""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from http.client import HTTPException
from typing import Any

from urllib3.exceptions import HTTPError

from feee_cancel.adapters.feee_answer import envelope, kind_of, words
from feee_cancel.adapters.feee_client import FeeeClient
from feee_cancel.adapters.recording import record, record_account
from feee_cancel.domain.answer import AnswerKind
from feee_cancel.domain.documents import parse_order_no
from feee_cancel.domain.faults import InvalidRequestError
from feee_cancel.usecases.errors import SecretUnavailableError

NO_KEY = "no_key"
_ACCOUNT = "/v2/api/query"
_PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
_ADDRESS, _USER_AGENT = {"ip", "ips"}, {"agent", "agents", "ua", "useragent"}
_OF_A_VISIT = {"last", "reg", "register", "login"}
"""Parts of names that say where a user was seen, not who may call: feee.io's own pages have `reg_ip` and `last_ip`."""
_SEPARATED = re.compile(r"[,;|\s]+")
_LINES = re.compile(r"[,|\r\n]+")


def diagnose(feee: FeeeClient, wanted: object, *, user_agent: str, now: float, deadline: float) -> dict[str, Any]:
    """What feee.io says of the key, by one call. `now` is this function's clock (unix seconds).

    Of the account, it returns only the balance and the rate; of an allow-list, only its length and whether the
    User-Agent that is sent is on it. Instead, it can record an answer (`recording`) about the account or an
    order; cancel is called only if the order ended long ago. Raises InvalidRequestError, and SecretUnavailableError.
    """
    match wanted:
        case {"account": True, **others} if not others:
            return record_account(feee, deadline=deadline)
        case {"order_no": number, **others} if not others or (others.keys() == {"cancel"} and others["cancel"] is True):
            return record(feee, parse_order_no(number), cancel=bool(others), now=now, deadline=deadline)
    if wanted is not True:
        raise InvalidRequestError("diagnose", "must be true, or an object that says what to record")
    return {"now": int(now), "user_agent": user_agent, "feee": _account(feee, user_agent, deadline)}


def _account(feee: FeeeClient, user_agent: str, deadline: float) -> dict[str, Any]:
    try:
        response, document, fault = feee.received("GET", _ACCOUNT, deadline=deadline)
    except SecretUnavailableError as error:
        return {"kind": NO_KEY, "detail": str(error)}
    except (HTTPError, HTTPException, OSError) as error:
        return {"kind": AnswerKind.NOT_SENT, "detail": type(error).__name__}
    try:
        told = envelope(document)
    except ValueError as error:
        kind = kind_of(response.status, None)
        return {"kind": kind, "http_status": response.status, "detail": fault or str(error)}
    kind = kind_of(response.status, told["code"])
    answer = {"kind": kind, "http_status": response.status, "code": told["code"], "msg": words(told.get("msg"))}
    return answer | (account_facts(told.get("data"), user_agent) if kind is AnswerKind.ACCEPTED else {})


def account_facts(data: object, user_agent: str) -> dict[str, Any]:
    """Balance, calls a second and allow-lists; None for what isn't shown, or can't be understood.

    Only `trx_money` and `qps` are known by name (feee-api); a list is recognised by what its name mentions.
    """
    members = dict(_members(data))
    agents = _lists(members, _USER_AGENT)
    addresses = _lists(members, _ADDRESS)
    return {
        "balance": _number(members.get("trx_money")),
        "rate_limit": _number(members.get("qps")),
        "address_list": None if addresses is None else len(_split(addresses, _SEPARATED)),
        "user_agent_list": None if agents is None else len(_split(agents, _LINES)),
        "user_agent_is_listed": None if not agents else user_agent in {*agents, *_split(agents, _LINES)},
    }


def _members(data: object) -> Iterator[tuple[str, Any]]:
    """The account's members, and those of the objects in it; if a name occurs twice, the outer one wins."""
    account = data if isinstance(data, dict) else {}
    for inner in account.values():
        yield from inner.items() if isinstance(inner, dict) else ()
    yield from account.items()


def _lists(members: Mapping[str, Any], about: set[str]) -> list[str] | None:
    """Every text in the lists whose names mention this; None if there is no such list."""
    named = {name: {part.lower() for part in _PARTS.findall(name)} for name in members}
    found = [members[name] for name, parts in named.items() if parts & about and not parts & _OF_A_VISIT]
    lists = [value for value in found if value is None or isinstance(value, str | list | dict)]
    return [text for value in lists for text in _texts(value)] if lists else None


def _texts(value: object) -> Iterator[str]:
    match value:
        case str() if text := value.strip():
            yield text
        case list():
            for one in value:
                yield from _texts(one)
        case dict():
            yield from _texts([*value.values()])


def _split(texts: list[str], between: re.Pattern[str]) -> list[str]:
    return [part for text in texts for part in map(str.strip, between.split(text)) if part]


def _number(value: object) -> str | None:
    """A number as text, for JSON has no decimals; one that is written as text, too."""
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return str(value)
    written = value if isinstance(value, str) else ""
    return written if re.fullmatch(r"-?[0-9]{1,20}(\.[0-9]{1,20})?", written) else None
