"""The service against a model of the world: requests, ticks, time, fills, refunds, faults and crashes in any order.

It runs on the real use cases, the simulator's rules and the fake table; only HTTP is left out: what each misbehaviour
sends is read by the client's own interpreter. `HYPOTHESIS_PROFILE=nightly` runs 2,000 examples.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from feee_cancel.adapters.feee_answer import interpret
from feee_cancel.domain.answer import Answer, AnswerKind
from feee_cancel.domain.cancellation import Cancellation, State, StateReason
from feee_cancel.domain.decision import Policy
from feee_cancel.domain.documents import CancellationRequest
from feee_cancel.domain.due import Due
from feee_cancel.domain.order import FILLED
from feee_cancel.usecases.drain import HORIZON_SECONDS, Drain
from feee_cancel.usecases.enqueue import enqueue
from feee_cancel.usecases.errors import TableUnavailableError
from feee_cancel.usecases.ports import Ports
from feee_cancel.usecases.request import request_cancellation, wake_for
from feee_cancel.usecases.withdraw import withdraw
from local.simulator.choices import Answer as Reply
from local.simulator.fault_kinds import KINDS, Scene, respond
from local.simulator.order_book import Orders
from tests.fakes import Clock, FakeLease, FakeTable, InlineExecutor, ports
from tests.thorough import cases

KEY = "8a63d52f-1dcd-4c5e-9e3d-1f0b8f3ea2d4"
LOST = ("hang", "reset", "truncated", "drip", "gzip_bomb")
"""What becomes of the connection: no usable answer, whatever was done."""
GARBLED = (
    "http_error",
    "html",
    "redirect",
    "huge",
    "empty",
    "wrong_order",
    "no_code",
    "text_code",
    "message",
    "error_code",
    "echo_key",
    "not_utf8",
    "nan",
)
STATUSES = ({"status": 401}, {"status": 403}, {"status": 429}, {"status": 500}, {"status": 503})
VARIANTS = ("status_text", "create_time_null", "pay_amount_text", "refund_amount_null", "data_list", "data_null")
FAULTS = st.one_of(
    st.just(("not_sent", {})),
    st.just(("crash", {})),
    st.sampled_from([(kind, {}) for kind in (*LOST, *GARBLED)]),
    st.sampled_from([("http_error", status) for status in STATUSES]),
    st.sampled_from([("wrong_type", {"variant": variant}) for variant in VARIANTS]),
    st.sampled_from([("error_code", {"code": code}) for code in (10001, 11001, 20004, 20012)]),
    st.sampled_from([("slow", {"seconds": seconds}) for seconds in (1, 6, 14)]),
)
REFUSALS = [{"code": code} for code in (10001, 11001, 20012)]
"""After these feee.io hasn't looked at the order."""
SETTLED_WITHIN = 3_600
"""Seconds after the last fault, by when everything is final: the longest back-off, refund and margin of this model."""


class Crash(BaseException):
    """The process dies."""


class ModelFeee:
    """The simulator's rules, and faults in front of them."""

    def __init__(self, orders: Orders, clock: Clock) -> None:
        self.orders = orders
        self.clock = clock
        self.faults: list[tuple[str, dict[str, Any], bool]] = []
        self.meanwhile: Callable[[], None] | None = None
        self.under_way: set[str] = set()
        self.cancels: dict[str, int] = {}

    def cancel(self, order_no: str, *, deadline: float) -> Answer:
        self.cancels[order_no] = self.cancels.get(order_no, 0) + 1
        return self._call(self.orders.cancel, order_no)

    def query(self, order_no: str, *, deadline: float) -> Answer:
        return self._call(self.orders.query, order_no)

    def _call(self, act: Callable[[str], Reply], order_no: str) -> Answer:
        assert order_no not in self.under_way, "two attempts for one order at the same time"
        self.under_way.add(order_no)
        try:
            return self._answer(act, order_no)
        finally:
            self.under_way.remove(order_no)

    def _answer(self, act: Callable[[str], Reply], order_no: str) -> Answer:
        kind, options, acts = self.faults.pop(0) if self.faults else ("none", {}, True)
        if kind == "not_sent":
            return Answer(kind=AnswerKind.NOT_SENT)
        acts = acts and options not in REFUSALS
        reply = act(order_no) if acts else self.orders.look(order_no)
        if self.meanwhile:
            meanwhile, self.meanwhile = self.meanwhile, None
            meanwhile()
        if kind == "crash":
            raise Crash
        if kind in LOST:
            return Answer(kind=AnswerKind.NO_USABLE_ANSWER)
        self.clock.sleep(options.get("seconds", 0))
        scene = Scene(reply, None, KEY, "/elsewhere")  # type: ignore[arg-type] # these kinds don't touch the connection
        sent = KINDS[kind](scene, **options) if kind in KINDS else respond(reply)
        return interpret(sent.status_code, sent.get_data(), order_no, KEY, seconds=0.0)


class ModelTable(FakeTable):
    """The fake table, with trouble before or after a write, and an index that may be behind."""

    lagging: tuple[FakeTable, float] | None = None

    def lag(self, until: float) -> None:
        """Let the index show the rows as they are now, for a while."""
        self.lagging = FakeTable(*self.rows.values()), until

    def due(self, *, now: float, until: float, limit: int) -> list[Due]:
        if self.lagging and until < self.lagging[1]:
            return self.lagging[0].due(now=now, until=until, limit=limit)
        return super().due(now=now, until=until, limit=limit)

    troubles: list[tuple[type[BaseException] | None, bool]]

    def _write(self, row: Cancellation) -> Cancellation:
        error, written = self.troubles.pop(0) if self.troubles else (None, True)
        if written:
            super()._written(row)
        if error:
            raise error
        return row

    _written = _write


class Model(RuleBasedStateMachine):
    """Everything that may happen, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.orders = Orders(clock=self.clock)
        self.feee = ModelFeee(self.orders, self.clock)
        self.table = ModelTable()
        self.table.troubles = []
        self.held: dict[str, int] = {}
        self.woken: list[int] = []
        self.runs = 0
        self.order_nos: list[str] = []
        self.asked: set[str] = set()
        self.finals: dict[str, Cancellation] = {}
        self.left_alone: dict[str, int] = {}

    @property
    def ports(self) -> Ports:
        return ports(self.feee, self.table, clock=self.clock, woken=self.woken)

    # -- what happens

    @initialize(age=st.sampled_from([250, 700]))
    def there_is_an_order(self, age: int) -> None:
        self.order_nos.append(self.orders.create(age=age).detail.order_no)

    @rule(
        age=st.sampled_from([0, 250, 299, 301, 306, 400, 700, 700]),
        status=st.sampled_from([1, 2, 4, 4, 4, 4, 6, 7, 13, 15, 16, 99]),
        refund=st.sampled_from(["at_once", "at_once", "later", "hidden"]),
        refund_after=st.sampled_from([1, 20, 300, 600]),
        filled_after=st.sampled_from([None, None, None, 1, 30, 400]),
    )
    def someone_orders(self, age: int, status: int, refund: str, refund_after: int, filled_after: int | None) -> None:
        steps = [(filled_after or 60, 14 if status == 13 else 6)] if filled_after or status == 13 else []
        made = self.orders.create(age=age, status=status, refund=refund, refund_after=refund_after, steps=steps)
        self.order_nos.append(made.detail.order_no)

    @precondition(lambda self: self.order_nos)
    @rule(data=st.data(), ahead=st.sampled_from([None, None, None, -10, 1, 70, 1000]))
    def someone_asks(self, data: st.DataObject, ahead: int | None) -> None:
        order_no = data.draw(st.sampled_from(self.order_nos))
        before = self.table.rows.get(order_no)
        not_before = None if ahead is None else int(self.clock()) + ahead
        asked = CancellationRequest(order_no=order_no, not_before=not_before)
        if before is None or before.state is not State.CANCELLED:
            self.finals.pop(order_no, None)
            self.left_alone.pop(order_no, None)
        self.asked.add(order_no)
        try:
            row = request_cancellation(asked, self.ports, requested_by=None, deadline=self.clock() + 20)
        except (Crash, TableUnavailableError):
            return
        assert self.table.rows[order_no].order_no == row.order_no, "accepted means written"

    @precondition(lambda self: self.order_nos)
    @rule(data=st.data(), ahead=st.sampled_from([None, None, -10, 1, 70]))
    def someone_asks_by_webhook(self, data: st.DataObject, ahead: int | None) -> None:
        order_no = data.draw(st.sampled_from(self.order_nos))
        before = self.table.rows.get(order_no)
        asked = CancellationRequest(order_no=order_no, not_before=ahead and int(self.clock()) + ahead)
        if before is None or before.state is not State.CANCELLED:
            self.finals.pop(order_no, None)
            self.left_alone.pop(order_no, None)
        self.asked.add(order_no)
        try:
            row = enqueue(asked, self.ports, requested_by="webhook:1")
        except (Crash, TableUnavailableError):
            return
        wake_for([row], self.ports)
        assert self.table.rows[order_no] == row, "accepted means written"

    @precondition(lambda self: self.order_nos)
    @rule(data=st.data())
    def someone_withdraws(self, data: st.DataObject) -> None:
        order_no = data.draw(st.sampled_from(self.order_nos))
        before = self.table.rows.get(order_no)
        try:
            row = withdraw(order_no, self.ports)
        except (Crash, TableUnavailableError):
            return
        if before is None or before.state is not State.WAITING:
            assert row == before, "only what waits is withdrawn"

    @rule()
    def a_tick_comes(self) -> None:
        self.drain(0)

    @precondition(lambda self: self.woken)
    @rule()
    def a_wake_up_comes(self) -> None:
        self.drain(self.woken.pop())

    @rule(seconds=st.sampled_from([1, 5, 31, 65, 300, 900]))
    def time_passes(self, seconds: int) -> None:
        self.clock.sleep(seconds)

    @rule(faults=st.lists(st.tuples(FAULTS, st.booleans()), min_size=1, max_size=3))
    def feee_io_misbehaves(self, faults: list[tuple[tuple[str, dict[str, Any]], bool]]) -> None:
        self.feee.faults += [(kind, options, acts) for (kind, options), acts in faults]

    @rule(error=st.sampled_from([Crash, TableUnavailableError]), written=st.booleans(), after=st.integers(0, 3))
    def the_table_or_the_process_fails(self, error: type[BaseException], *, written: bool, after: int) -> None:
        self.table.troubles += [(None, True)] * after + [(error, written)]

    @rule(seconds=st.sampled_from([1, 5, 40]))
    def the_index_lags(self, seconds: int) -> None:
        self.table.lag(self.clock() + HORIZON_SECONDS + seconds)

    @rule()
    def something_happens_during_a_call(self) -> None:
        self.feee.meanwhile = self.everybody_asks_and_a_drain_runs

    @precondition(lambda self: self.order_nos)
    @rule(data=st.data())
    def an_order_is_filled(self, data: st.DataObject) -> None:
        order_no = data.draw(st.sampled_from(self.order_nos))
        if self.orders.order(order_no).detail.status in {1, 4, 7, 15, 16, 99}:
            self.orders.change(order_no, status=6)

    # -- what always holds

    @invariant()
    def final_rows_change_by_a_new_request_alone(self) -> None:
        for order_no, final in self.finals.items():
            assert self.table.rows[order_no] == final
        self.finals |= {order_no: row for order_no, row in self.table.rows.items() if row.state.final}

    @invariant()
    def nothing_is_cancelled_that_nobody_asked_for(self) -> None:
        for order_no in self.order_nos:
            assert order_no in self.asked or self.orders.order(order_no).accepted_cancels == 0

    @invariant()
    def what_is_withdrawn_is_left_alone(self) -> None:
        for order_no, final in self.finals.items():
            if final.state is State.WITHDRAWN:
                calls = self.feee.cancels.get(order_no, 0)
                assert self.left_alone.setdefault(order_no, calls) == calls

    @invariant()
    def what_was_cancelled_is_never_withdrawn(self) -> None:
        for row in self.table.rows.values():
            if row.state is State.WITHDRAWN:
                assert self.orders.order(row.order_no).accepted_cancels == 0

    @invariant()
    def a_cancel_that_nobody_saw_is_in_doubt(self) -> None:
        for row in self.table.rows.values():
            if row.state in {State.WAITING, State.FAILED} and self.orders.order(row.order_no).accepted_cancels:
                assert row.in_doubt

    @invariant()
    def no_order_is_cancelled_twice(self) -> None:
        assert all(self.orders.order(order_no).accepted_cancels <= 1 for order_no in self.order_nos)

    @invariant()
    def the_rows_agree_with_feee_io(self) -> None:
        for row in self.table.rows.values():
            detail = self.orders.order(row.order_no).detail
            if row.state is State.CANCELLED:
                assert detail.status in {12, 14}
                assert (row.refund_amount or 0) == detail.refund_amount
                assert row.state_reason is StateReason.NOTHING_PAID or detail.refund_amount > 0
            if row.state_reason is StateReason.FILLED:
                assert detail.status in FILLED
            assert row.order is None or json.loads(row.order)["order_no"] == row.order_no

    @invariant()
    def a_row_expires_if_and_only_if_it_is_final(self) -> None:
        for row in self.table.rows.values():
            assert row.expires_at == (row.due_at + Policy().kept_for if row.state.final else None)

    @invariant()
    def what_is_not_final_is_due_by_its_end(self) -> None:
        for row in self.table.rows.values():
            assert row.state.final or row.due_at <= max(row.gives_up_at, self.clock() + 30)

    def teardown(self) -> None:
        """Once the faults stop, every accepted request becomes final, within a bounded time."""
        self.feee.faults, self.table.troubles, self.feee.meanwhile = [], [], None
        accepted = set(self.table.rows)
        end = self.clock() + SETTLED_WITHIN
        while self.clock() < end and not all(self.table.rows[order_no].state.final for order_no in accepted):
            self.drain(0)
            self.clock.sleep(60)
            self.final_rows_change_by_a_new_request_alone()
            self.the_rows_agree_with_feee_io()
            self.no_order_is_cancelled_twice()
        assert all(self.table.rows[order_no].state.final for order_no in accepted)

    def drain(self, until: int, *, seconds: float = 150) -> None:
        self.runs += 1
        lease = FakeLease(self.held, self.runs)
        drain = Drain(self.ports, lease, InlineExecutor(), pace=1000, deadline=self.clock() + seconds)
        try:
            drain.run(until=until)
        except (Crash, TableUnavailableError):
            return

    def everybody_asks_and_a_drain_runs(self) -> None:
        faults, self.feee.faults = self.feee.faults, []
        for order_no in self.order_nos:
            if order_no in self.asked and order_no not in self.finals:
                try:
                    request_cancellation(
                        CancellationRequest(order_no=order_no),
                        self.ports,
                        requested_by=None,
                        deadline=self.clock() + 20,
                    )
                except (Crash, TableUnavailableError):
                    continue
        self.drain(int(self.clock()), seconds=0.5)  # no longer than a call may take
        self.feee.faults = faults


TestModel = pytest.mark.thorough(Model.TestCase)
TestModel.settings = settings(max_examples=cases(400))
