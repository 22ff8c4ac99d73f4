"""feee.io's rules, without HTTP: orders on an injected clock, and the five calls."""

import random
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from threading import Lock

from local.simulator.callers import Access, Caller, Pace
from local.simulator.choices import Answer, Choices, Refusal, Refused
from local.simulator.detail import (
    ENDED,
    FILLED,
    UNPAID,
    BuyOrderDetail,
    Document,
    Status,
    moved,
    sub_orders,
    with_fields,
)
from local.simulator.rental import ACCOUNT, BALANCE, FIVE_MINUTES, length, rental
from local.simulator.simulated_order import Order, Refund, steps_from

MINIMUM_AGE = 300
UNFINISHED_LIMIT = 5
DEFAULT_KEY = "simulated-key"
ENDED_REFUSALS = frozenset({Refusal.ALREADY_FILLED, Refusal.ALREADY_CANCELLED})


class Orders:
    """Answers as feee.io does. A call without a caller skips the checks of key, User-Agent and rate.

    `choices` and `access` are replaced as a whole, at any time. All methods are thread-safe.
    """

    def __init__(
        self,
        *,
        key: str = DEFAULT_KEY,
        rate_limit: int = 10,
        clock: Callable[[], float] = time.time,
        choices: Choices | None = None,
    ) -> None:
        self.clock = clock
        self._initial_choices = choices or Choices()
        self._lock = Lock()
        self._initial_access = Access(frozenset({key}), rate_limit)
        self.reset()

    def reset(self) -> None:
        self.access = self._initial_access
        self.choices = self._initial_choices
        self._pace = Pace()
        self._orders: dict[str, Order] = {}

    # -- what the buyer calls

    def cancel(self, order_no: object, caller: Caller | None = None) -> Answer:
        return self._answer(lambda now: self._cancel(order_no, now), caller)

    def query(self, order_no: object, caller: Caller | None = None) -> Answer:
        return self._answer(lambda now: self._query(order_no, now), caller)

    def submit(self, parameters: Mapping[str, object], caller: Caller | None = None) -> Answer:
        """`POST /v2/order/submit`: a rental of the length that is asked for."""
        return self._answer(lambda now: self._buy(rental(parameters) | length(parameters), now), caller)

    def create_rental(self, parameters: Mapping[str, object], caller: Caller | None = None) -> Answer:
        """`POST /v3/order/create`: a rental of five minutes."""
        return self._answer(lambda now: self._buy(rental(parameters) | FIVE_MINUTES, now), caller)

    def api_query(self, caller: Caller | None = None) -> Answer:
        return self._answer(lambda _: self._account(), caller)

    # -- what a test arranges and looks at

    def create(
        self,
        *,
        age: float = 0,
        steps: Iterable[tuple[float, int]] = (),
        refund: str = Refund.AT_ONCE,
        refund_after: float = 0,
        status: int = Status.PAID,
        **fields: object,
    ) -> Order:
        """Make an order `age` seconds old (unless `create_time` is given), in any status, with any field set.

        `steps` are (seconds from now, status) pairs. A field that isn't documented is shown as it is.
        """
        with self._lock:
            now = self.clock()
            created = int(str(fields.get("create_time", int(now - age))))
            paid = 0 if status in UNPAID else created
            number = str(fields.pop("order_no", None) or new_order_no(created))
            plain = BuyOrderDetail(number, create_time=created, pay_time=paid)
            detail = with_fields(moved(with_fields(plain, fields), status, now), fields)
            return self._keep(Order(detail, steps_from(now, steps), Refund(refund), refund_after))

    def change(
        self,
        order_no: str,
        *,
        steps: Iterable[tuple[float, int]] | None = None,
        refund: str | None = None,
        refund_after: float | None = None,
        **fields: object,
    ) -> Order:
        """Move an order to a status, set fields, give it other steps or another way to refund. KeyError if unknown."""
        with self._lock:
            now = self.clock()
            order = self._orders[order_no].at(now)
            detail = order.detail
            if "status" in fields:
                detail = moved(detail, int(str(fields["status"])), now)
            return self._keep(
                replace(
                    order,
                    detail=with_fields(detail, fields),
                    steps=order.steps if steps is None else steps_from(now, steps),
                    refund=order.refund if refund is None else Refund(refund),
                    refund_after=order.refund_after if refund_after is None else refund_after,
                ),
            )

    def order(self, order_no: str) -> Order:
        """The order as it is now. KeyError if there is none."""
        with self._lock:
            return self._keep(self._orders[order_no].at(self.clock()))

    def look(self, order_no: object, caller: Caller | None = None) -> Answer:
        """A success that shows the order, if there is one, and changes nothing."""
        return self._answer(lambda now: self._shown(str(order_no), now), caller)

    # -- the rules

    def _answer(self, act: Callable[[float], Document | None], caller: Caller | None) -> Answer:
        with self._lock:
            now = self.clock()
            try:
                self._admit(caller, now)
                return self.choices.success(act(now))
            except Refused as refused:
                return self.choices.refusal(refused.reason)

    def _admit(self, caller: Caller | None, now: float) -> None:
        if caller is not None:
            self.access.check(caller)
            self._pace.count(caller.key, self.access.rate_limit, now)

    def _cancel(self, order_no: object, now: float) -> Document | None:
        order = self._found(order_no, now)
        refusal = self._refusal(order.detail, now)
        if refusal in ENDED_REFUSALS and self.choices.ended_cancel_succeeds:
            return self._document(order.detail)
        if refusal is not None:
            raise Refused(refusal)
        detail = self._keep(order.cancelled(now)).detail
        return None if self.choices.cancel_without_data else self._document(detail)

    def _refusal(self, detail: BuyOrderDetail, now: float) -> Refusal | None:
        """Unfinished, and created more than five minutes ago, in whole seconds as feee.io's times are."""
        if detail.status in FILLED:
            return Refusal.ALREADY_FILLED
        if detail.status in ENDED:
            return Refusal.ALREADY_CANCELLED
        too_young = MINIMUM_AGE - self.choices.exactly_300_passes
        return Refusal.TOO_EARLY if int(now) - detail.create_time <= too_young else None

    def _query(self, order_no: object, now: float) -> Document:
        detail = self._found(order_no, now).detail
        return self._document(detail) | {"sub_order": [self._document(part) for part in sub_orders(detail)]}

    def _shown(self, order_no: str, now: float) -> Document | None:
        return self._document(self._found(order_no, now).detail) if order_no in self._orders else None

    def _buy(self, wanted: Mapping[str, object], now: float) -> Document:
        order_no = new_order_no(int(now))
        plain = BuyOrderDetail(order_no, create_time=int(now), pay_time=int(now))
        detail = with_fields(plain, wanted)
        if detail.pay_amount > self._balance():
            raise Refused(Refusal.BALANCE_TOO_LOW)
        if self._unfinished(detail.receive_address, now) >= UNFINISHED_LIMIT:
            raise Refused(Refusal.TOO_MANY_UNFINISHED)
        return self._document(self._keep(Order(detail)).detail)

    def _unfinished(self, address: str, now: float) -> int:
        details = (self._found(order_no, now).detail for order_no in list(self._orders))
        return sum(each.receive_address == address and each.status not in FILLED | ENDED for each in details)

    def _account(self) -> Document:
        """What /v2/api/query shows. Its allow-lists are documented, but their names aren't."""
        account: Document = {
            "trx_money": self._balance(),
            "trx_address": ACCOUNT,
            "recharge_address": ACCOUNT,
            "today_energy_value": 0,
            "today_consume_trx_amount": 0,
            "qps": self.access.rate_limit,
        }
        lists = {
            self.choices.address_list: self.access.addresses,
            self.choices.user_agent_list: self.access.user_agents,
        }
        return account | {name: self.choices.allow_list(entries) for name, entries in lists.items() if name}

    def _balance(self) -> Decimal:
        paid = [order.detail for order in self._orders.values() if order.detail.pay_time]
        return BALANCE - sum((each.pay_amount - each.refund_amount for each in paid), Decimal(0))

    def _found(self, order_no: object, now: float) -> Order:
        if not isinstance(order_no, str) or not order_no:
            raise Refused(Refusal.MISSING_PARAMETER)
        if order_no not in self._orders:
            raise Refused(Refusal.NOT_FOUND)
        return self._keep(self._orders[order_no].at(now))

    def _keep(self, order: Order) -> Order:
        self._orders[order.detail.order_no] = order
        return order

    def _document(self, detail: BuyOrderDetail) -> Document:
        document = detail.document()
        if self.choices.without_business_status:
            del document["business_status"]
        return document


def new_order_no(created: int) -> str:
    """22 digits that begin with the day, as in all of feee.io's examples."""
    return f"{datetime.fromtimestamp(created, UTC):%y%m%d}{random.randrange(10**16):016d}"
