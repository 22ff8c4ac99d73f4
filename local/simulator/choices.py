"""Every answer's outer form, and everything in it that feee.io's pages leave open, by name."""

import secrets
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self

from local.simulator.detail import Document


class Refusal(StrEnum):
    """Why feee.io refuses a call; its number is the choice of the same name."""

    TOO_EARLY = "too_early"
    ALREADY_FILLED = "already_filled"
    ALREADY_CANCELLED = "already_cancelled"
    NOT_FOUND = "not_found"
    INVALID_KEY = "invalid_key"
    MISSING_PARAMETER = "missing_parameter"
    RATE_EXCEEDED = "rate_exceeded"
    BALANCE_TOO_LOW = "balance_too_low"
    ADDRESS_NOT_ALLOWED = "address_not_allowed"
    USER_AGENT_NOT_ALLOWED = "user_agent_not_allowed"
    TOO_MANY_UNFINISHED = "too_many_unfinished"


class Refused(Exception):  # noqa: N818 - feee.io's refusal isn't an error of the simulator
    """A call that feee.io refuses."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason)
        self.reason = reason


class RequestId(StrEnum):
    """The forms that a `request_id` may have."""

    UUID = "uuid"
    HEX = "hex"
    EMPTY = "empty"
    MISSING = "missing"


REQUEST_IDS: Mapping[RequestId, Callable[[], str | None]] = {
    RequestId.UUID: lambda: str(uuid.uuid4()),
    RequestId.HEX: lambda: secrets.token_hex(16),
    RequestId.EMPTY: lambda: "",
    RequestId.MISSING: lambda: None,
}

SUCCESS = ("ok", "成功")
MESSAGES: Mapping[Refusal, tuple[str, str]] = {
    Refusal.TOO_EARLY: ("orders can be cancelled 5 minutes after creation", "订单创建5分钟后才能取消"),
    Refusal.ALREADY_FILLED: ("order is already completed", "订单已完成"),
    Refusal.ALREADY_CANCELLED: ("order is already cancelled", "订单已取消"),
    Refusal.NOT_FOUND: ("order not found", "订单不存在"),
    Refusal.INVALID_KEY: ("invalid key", "无效的key"),
    Refusal.MISSING_PARAMETER: ("missing or invalid parameter", "参数错误"),
    Refusal.RATE_EXCEEDED: ("too many requests", "请求过于频繁"),
    Refusal.BALANCE_TOO_LOW: ("insufficient balance", "余额不足"),
    Refusal.ADDRESS_NOT_ALLOWED: ("ip not allowed", "IP不在白名单"),
    Refusal.USER_AGENT_NOT_ALLOWED: ("user-agent not allowed", "User-Agent不在白名单"),
    Refusal.TOO_MANY_UNFINISHED: ("too many unfinished orders", "未完成订单过多"),
}
KEY_REFUSALS = frozenset({Refusal.INVALID_KEY, Refusal.ADDRESS_NOT_ALLOWED, Refusal.USER_AGENT_NOT_ALLOWED})


@dataclass(frozen=True, slots=True)
class Answer:
    """feee.io's envelope, and the HTTP status that it travels with."""

    code: int
    msg: str
    request_id: str | None
    data: Document | None = None
    http_status: int = 200

    def document(self) -> Document:
        """A refusal has no `data`, nor has a cancel's success if that is chosen."""
        document: Document = {"code": self.code, "msg": self.msg}
        if self.request_id is not None:
            document["request_id"] = self.request_id
        if self.data is not None:
            document["data"] = self.data
        return document | {"pagination": None}


@dataclass(frozen=True, slots=True)
class Choices:
    """What feee.io's pages leave open. The numbers without a source beside them are invented."""

    too_early: int = 20015
    already_filled: int = 20016
    already_cancelled: int = 20017
    not_found: int = 20004  # seen in one public client
    invalid_key: int = 10001  # seen
    missing_parameter: int = 10003  # seen
    rate_exceeded: int = 11001  # seen
    balance_too_low: int = 20002  # seen
    address_not_allowed: int = 20012  # seen
    user_agent_not_allowed: int = 20013  # seen
    too_many_unfinished: int = 20014  # seen
    chinese: bool = False
    cancel_without_data: bool = False
    ended_cancel_succeeds: bool = False
    exactly_300_passes: bool = False
    business_error_status: int = 200
    key_error_status: int = 200
    rate_error_status: int = 200
    request_id: RequestId = RequestId.UUID
    without_business_status: bool = False
    address_list: str = "ip_white_list"  # of /v2/api/query: a member's name, "" for none
    user_agent_list: str = "user_agent_white_list"
    lists_as_text: bool = False

    @classmethod
    def learned(cls, document: object) -> Self:
        """What `./feee-cancel doctor --learn` wrote of the live feee.io, and the defaults for the rest.

        Raises ValueError if it isn't such a file, or holds a choice that doesn't exist here.
        """
        match document:
            case {"choices": dict() as told}:
                chosen = cls()
            case _:
                raise ValueError("not a file of doctor --learn: it has no choices")
        for name, value in told.items():
            default = getattr(chosen, name, None)
            if type(value) is not (str if isinstance(default, str) else type(default)):
                raise ValueError(f"no choice, or not a value of it: {name}: {value!r}")
        form = {"request_id": RequestId(told["request_id"])} if "request_id" in told else {}
        return replace(chosen, **{**told, **form})

    def allow_list(self, entries: Iterable[str] | None) -> object:
        """An allow-list as /v2/api/query shows it; an empty one allows all."""
        shown = sorted(entries or ())
        return ",".join(shown) if self.lists_as_text else shown

    def success(self, data: Document | None) -> Answer:
        return Answer(0, SUCCESS[self.chinese], REQUEST_IDS[self.request_id](), data)

    def refusal(self, reason: Refusal) -> Answer:
        code: int = getattr(self, reason)
        return Answer(code, MESSAGES[reason][self.chinese], REQUEST_IDS[self.request_id](), None, self._status(reason))

    def _status(self, reason: Refusal) -> int:
        if reason is Refusal.RATE_EXCEEDED:
            return self.rate_error_status
        return self.key_error_status if reason in KEY_REFUSALS else self.business_error_status
