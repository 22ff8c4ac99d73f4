"""The commands for many orders, over the API's own handler and the fake table: 1, 100 and 10,000 of them."""

import csv
import io
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from rich.console import Console

from cli import cancel, orders
from cli.arguments import misfit, parser
from cli.board import Board
from cli.bulk import Asked, ask_all, summary
from cli.completion import script
from cli.export import export
from cli.fleet import Fleet, concern, follow
from cli.order_numbers import given
from cli.outcome import Exit, Outcome, TroubleError
from cli.progress import Bar
from cli.screen import Terminal
from cli.text import lines
from feee_cancel.domain.answer import Answer
from feee_cancel.domain.cancellation import Cancellation, State, StateReason
from feee_cancel.usecases.ports import Feee
from feee_cancel_client import ApiAnswer, ForeignAnswerError, NoAnswerError
from functions.api.app import create
from functions.schedule import app as schedule
from tests.builders import NOW, row, shown
from tests.cli import FakeApi, problem
from tests.events import Context, at, post, sample
from tests.fakes import Clock, FakeFeee, FakeTable, ports, service


@dataclass
class HandlerApi:
    """The API's handler, called as the commands call the API. `trouble` comes first, one for each call."""

    table: FakeTable
    clock: Clock
    trouble: list[ApiAnswer | BaseException] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    feee: Feee = field(default_factory=FakeFeee)

    def __post_init__(self) -> None:
        self.service = service(ports(self.feee, self.table, clock=self.clock))
        self.handler = create(self.service)

    def call(self, method: str, path: str, body: bytes | None = None, **_: Any) -> ApiAnswer:
        self.calls.append(f"{method} {path}")
        if self.trouble:
            trouble = self.trouble.pop(0)
            if isinstance(trouble, BaseException):
                raise trouble
            return trouble
        answer = self.handler(self._event(method, path, body), Context())
        return ApiAnswer(answer["statusCode"], answer["headers"], json.loads(answer["body"], parse_float=Decimal))

    @staticmethod
    def _event(method: str, path: str, body: bytes | None) -> dict[str, Any]:
        url = urlsplit(path)
        if method == "POST":
            return post((body or b"").decode(), path="batch" if url.path.endswith("/batch") else "")
        if url.query or url.path == "/cancellations":
            return sample("api-list") | {"multiValueQueryStringParameters": parse_qs(url.query) or None}
        return at(url.path, order_no=url.path.rpartition("/")[2])


SIGN_IN = ForeignAnswerError("HTTP status 200, and no JSON object", status=200)
BAD_GATEWAY = ForeignAnswerError("HTTP status 502, and no JSON object", status=502)
RESULTS: tuple[Any, ...] = (
    5,
    None,
    [],
    *([odd] * 30 for odd in (5, {}, {"result": "queued", "state": "waiting"}, {"result": "taken"})),
    *([{"result": "final", "state": "failed", name: []}] * 30 for name in ("state", "why", "detail")),
)
ODD = (SIGN_IN, *(ApiAnswer(202, {}, {"results": odd}) for odd in RESULTS))


def words_of(outcome: Outcome) -> str:
    return "\n".join(lines(outcome.words))


def numbers(count: int) -> list[str]:
    return [str(2304170329503866885309 + n) for n in range(count)]


def console(*, terminal: bool = False) -> tuple[Console, StringIO]:
    out = StringIO()
    return Console(file=out, force_terminal=terminal, width=120, height=30), out


def asked_all(api: HandlerApi, order_nos: list[str], **members: object) -> Any:
    shown, _ = console()
    with Bar("asked for", len(order_nos), console=shown, now=api.clock) as bar:
        return ask_all(api, order_nos, members=members, bar=bar, sleep=api.clock.sleep)


@pytest.mark.parametrize("count", [2, 100, 10_000])
def test_many_are_asked_for_in_batches_at_the_apis_rate(count: int) -> None:
    api = HandlerApi(FakeTable(), Clock())
    outcome = summary(asked_all(api, numbers(count), reason="unfilled"))
    assert outcome.exit is Exit.PENDING
    assert words_of(outcome) == f"{count:,} orders: {count:,} accepted, 0 final already."
    batches = -(-count // 100)
    assert (len(api.table.rows), len(api.calls)) == (count, batches)
    assert api.clock.time - NOW == batches - 1
    assert {one.reason for one in api.table.rows.values()} == {"unfilled"}
    again = summary(asked_all(api, numbers(count)))
    assert (again.exit, len(api.table.rows)) == (Exit.PENDING, count)


def test_what_passes_is_waited_for_and_what_was_not_written_is_asked_for_again() -> None:
    done = row(order_no=numbers(1)[0], state=State.CANCELLED, state_reason=StateReason.REFUNDED, due_at=NOW)
    rejected = row(order_no=numbers(2)[1], state=State.REJECTED, state_reason=StateReason.FILLED, due_at=NOW)
    lost = [{"order_no": number, "result": "refused", "detail": "couldn't be written"} for number in numbers(150)[:100]]
    trouble: list[ApiAnswer | BaseException] = [
        ApiAnswer(429, {"Retry-After": "3"}, {}),
        ApiAnswer(503, {"Retry-After": "9999"}, {}),
        NoAnswerError("reset"),
        ApiAnswer(202, {}, {"results": lost}),
    ]
    api = HandlerApi(FakeTable(done, rejected), Clock(), trouble)
    asked = asked_all(api, numbers(150))
    outcome = summary(asked)
    assert (len(asked.taken), len(asked.final), asked.left) == (148, 2, {})
    assert (outcome.exit, api.clock.time - NOW) == (Exit.PENDING, 3 + 30 + 4 + 1 + 2)
    assert "1 rejected: the energy was delegated" in words_of(outcome)


@pytest.mark.parametrize(
    ("answers", "status"),
    [
        ([ApiAnswer(403, {}, {"message": "Forbidden"})], Exit.TROUBLE),
        ([problem(400, "reason is too long")], Exit.USAGE),
        ([problem(400, results=5)], Exit.USAGE),
        ([ApiAnswer(503, {}, {})] * 12, Exit.TROUBLE),
        ([NoAnswerError("no route")] * 12, Exit.TROUBLE),
        *(([odd], Exit.TROUBLE) for odd in ODD),
    ],
)
def test_what_does_not_pass_stops_it_and_says_who_was_not_accepted(answers: list[Any], status: Exit) -> None:
    api = HandlerApi(FakeTable(), Clock(), list(answers))
    outcome = summary(asked_all(api, numbers(30)))
    assert outcome.exit is status
    doubted = outcome.exit is Exit.TROUBLE and answers[0] != ApiAnswer(403, {}, {"message": "Forbidden"})
    known = ", as far as is known" if doubted else ""
    assert f"30 weren't accepted{known}. Ask again with the same command" in words_of(outcome)
    assert all(("may have been accepted" in why) is doubted for why in outcome.document["not_accepted"].values())
    assert "and 20 more" in words_of(outcome)
    assert len(outcome.document["not_accepted"]) == 30


def test_what_may_have_been_written_is_asked_for_again() -> None:
    api = HandlerApi(FakeTable(), Clock())
    api.table.trouble = {"start"}
    asked = asked_all(api, numbers(150))
    assert (asked.exit, asked.stopped, len(asked.left)) == (Exit.TROUBLE, None, 150)
    assert "150 weren't accepted, as far as is known." in words_of(summary(asked))

    shown, _ = console()
    with Bar("asked for", 150, console=shown) as bar:
        asked = ask_all(api, numbers(150), members={}, bar=bar, sleep=lambda _: api.table.trouble.clear())
    assert (asked.exit, len(asked.taken), asked.left) == (Exit.PENDING, 150, {})


def test_each_order_is_in_the_summary_if_a_proxy_wants_a_password_in_the_middle() -> None:
    lost = [{"result": "refused", "detail": "couldn't be written"}] * 100
    api = HandlerApi(FakeTable(), Clock(), [BAD_GATEWAY, ApiAnswer(202, {}, {"results": lost}), SIGN_IN])
    asked = asked_all(api, numbers(250))
    said = words_of(summary(asked))
    assert asked.exit is Exit.TROUBLE
    assert set(asked.order_nos) == {*asked.taken, *asked.final, *asked.left}
    reasons = Counter(asked.left.values())
    assert [reasons["couldn't be written"], reasons["not asked for"], len(asked.taken)] == [100, 50, 0]
    assert "What answered isn't this API" in said


def test_ctrl_c_during_a_batch_says_that_it_may_be_accepted() -> None:
    api = HandlerApi(FakeTable(), Clock(), [KeyboardInterrupt()])
    asked = asked_all(api, numbers(150))
    assert (asked.exit, Counter(why[-22:] for why in asked.left.values())) == (
        Exit.INTERRUPTED,
        {"may have been accepted": 100, "not asked for": 50},
    )


@pytest.mark.parametrize("odd", [5, None, [5], [{}], [{"order_no": 1, "state": "waiting"}]])
def test_a_list_of_somebody_else_ends_in_words(odd: object) -> None:
    def api() -> HandlerApi:
        return HandlerApi(FakeTable(row(order_no="1", state=State.WAITING)), Clock(), [BAD_GATEWAY, foreign])

    foreign = ApiAnswer(200, {}, {"cancellations": odd})
    outcome, _, _ = exported(api(), "csv", since=NOW)
    assert (outcome.exit, words_of(outcome)[:14]) == (Exit.TROUBLE, "After 0 rows:\n")
    shown, out = console()
    there = api()
    followed = follow(there, Fleet(NOW), Board(shown), everything=True, now=there.clock, sleep=there.clock.sleep)
    assert (followed.exit, "trying again" in out.getvalue()) == (Exit.TROUBLE, True)
    assert "no answer that this command knows" in words_of(followed)


def test_ctrl_c_keeps_what_was_accepted_and_the_same_command_goes_on() -> None:
    api = HandlerApi(FakeTable(), Clock())

    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    shown, _ = console()
    with Bar("asked for", 250, console=shown) as bar:
        asked = ask_all(api, numbers(250), members={}, bar=bar, sleep=lambda s: interrupted(s) if s else None)
    assert (asked.exit, len(asked.taken), len(asked.left)) == (Exit.INTERRUPTED, 100, 150)
    assert asked_all(api, numbers(250)).exit is Exit.PENDING
    assert len(api.table.rows) == 250


def test_an_order_that_is_never_written_is_named_in_the_end() -> None:
    refused = ApiAnswer(202, {}, {"results": [{"result": "refused", "detail": "couldn't be written"}]})
    api = HandlerApi(FakeTable(), Clock(), [refused] * 8)
    outcome = summary(asked_all(api, ["23"]))
    assert (outcome.exit, outcome.document["not_accepted"]) == (Exit.TROUBLE, {"23": "couldn't be written"})


def test_the_pauses_between_rounds_grow_to_half_a_minute() -> None:
    refused = ApiAnswer(202, {}, {"results": [{"result": "refused", "detail": "couldn't be written"}]})
    api, pauses, (shown, _) = HandlerApi(FakeTable(), Clock(), [refused] * 8), list[float](), console()
    with Bar("asked for", 1, console=shown) as bar:
        ask_all(api, ["23"], members={}, bar=bar, sleep=pauses.append)
    assert pauses == [0, 2, 4, 8, 16, 30, 30, 30]


@pytest.mark.parametrize(
    ("states", "status"),
    [(["cancelled"], Exit.DONE), (["rejected"], Exit.NO), (["cancelled", "failed"], Exit.NO)],
)
def test_if_all_were_final_the_worst_of_them_is_the_status(states: list[str], status: Exit) -> None:
    orders_of = {str(place): {"state": state} for place, state in enumerate(states)}
    assert Asked([*orders_of], final=dict(orders_of)).exit is status


@pytest.mark.parametrize(("count", "more"), [(10, ""), (11, "and 1 more")])
def test_ten_that_were_not_accepted_are_named(count: int, more: str) -> None:
    said = words_of(summary(Asked(numbers(count), left=dict.fromkeys(numbers(count), "no"))))
    assert said.count(": no") == 10
    assert (" more" in said) is bool(more)
    assert more in said


NO_LINE_ENDS = "\v\f\x1c\x1d\x1e\x85\u2028\u2029"
"""Python's str.splitlines ends a line at these, and no editor, shell or spreadsheet does."""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("23\n 24 \n\n# a remark\n23\n", ["23", "24"]),
        ("\ufefforder_no\r\n23\r\n", ["23"]),
        ('trx,order_no\n1.5,"23"\n2,24\n', ["23", "24"]),
        ('trx;order_no\n1;="2304170329503866885309"\n2;\'24\n', ["2304170329503866885309", "24"]),
        ("order_no\tx\n23\t1\n", ["23"]),
        ('"order_no"\n"23"\n', ["23"]),
        ('"23"\n"24"\n', ["23", "24"]),
        ("Order_No,trx\n23,1\n", ["23"]),
        ("ORDER_NO\n23\n", ["23"]),
        ("trx ; order_no \n1 ; 23\n", ["23"]),
        ("Order_no,order_no\nx,23\n", ["23"]),
        ("sep=;\r\norder_no;trx\r\n23;1,5\r\n", ["23"]),
        ("sep=\t\norder_no\ta,b\n23\t1\n", ["23"]),
        ("sep=|\norder_no|trx\n23|1\n", ["23"]),
        ('order_no,trx\n23,1\n,\n , \n"",\n24,2\n', ["23", "24"]),
        ("23\r24\r", ["23", "24"]),
        *((f"order_no,note\n23,by{end}99,x\n24,y\n", ["23", "24"]) for end in NO_LINE_ENDS),
    ],
)
def test_a_file_is_a_text_or_a_table(tmp_path: Path, text: str, expected: list[str]) -> None:
    file = tmp_path / "orders.csv"
    for encoding in ("utf-8", "utf-16"):
        file.write_bytes(text.removeprefix("\ufeff").encode(encoding))
        assert given([], str(file), "order_no") == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no order number"),
        ("23\n2.30417E+21\nabc\x1b[2J", r"line 2: 2.30417E\+21 was rounded by a spreadsheet"),
        ("23\nabc\x1b[2J", r"line 2: 'abc\?\[2J' isn't 1 to 32 digits"),
        ("id,trx\n1,2", "no column 'order_no'; it has id, trx"),
        ("23,24\n25,26", "it has 23, 24. Name it with --column, or put one number in each line"),
        ('order_no,note\n23,"a\nb"\nx,y\n', "line 4: 'x' isn't 1 to 32 digits"),
        ("order_no,trx\n23,1\n,2\n", "line 3: '' isn't 1 to 32 digits"),
        ("ORDER_NO,Order_No\n1,2", "more than one column 'order_no'"),
        ("\n".join("x" * 9), "line 5: 'x' isn't 1 to 32 digits\nand 4 more$"),
        ('order_no,note\n1,"unfilled\n2,x\n3,y', "can't be read as a table: unexpected end"),
        ('order_no,note\n1,"unfilled\n2,x\n3,"y', "can't be read as a table"),
        ("order_no,note\n1," + "x" * 200_000, "can't be read as a table: field larger"),
        ("order_no,order_no\n1,2", "more than one column 'order_no'"),
        (",".join(["x" * 50] * 50), "no column 'order_no'; it has .{200}[.]{3}"),
        *((f"23{end}99\nx", "line 1: '23[?]99' isn't 1 to 32 digits\nline 2: 'x'") for end in NO_LINE_ENDS),
    ],
)
def test_a_file_with_anything_else_is_refused_before_anything_is_sent(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "orders.txt"
    file.write_text(text)
    with pytest.raises(TroubleError, match=said):
        given([], str(file), "order_no")


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TroubleError, match="No such file"):
        given([], str(tmp_path / "none"), "order_no")
    with pytest.raises(TroubleError, match="A file without a name can't be read"):
        given([], "", "order_no")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\x80")))
    with pytest.raises(TroubleError, match="standard input isn't text in UTF-8"):
        given([], "-", "order_no")
    for encoding in ("gbk", "utf-16-le"):
        (tmp_path / "orders.csv").write_bytes("order_no,未成交\n23,1\n".encode(encoding))
        with pytest.raises(TroubleError, match=r"isn't text in UTF-8[.] In a spreadsheet, save"):
            given([], str(tmp_path / "orders.csv"), "order_no")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"23\n")))
    assert given([], "-", "order_no") == ["23"]


@dataclass
class Orders:
    """feee.io, which filled each order that ends in 00 meanwhile; each takes its refund at once."""

    cancelled: Counter[str] = field(default_factory=Counter)

    def cancel(self, order_no: str, *, deadline: float) -> Answer:
        self.cancelled[order_no] += 1
        return self.query(order_no, deadline=deadline)

    def query(self, order_no: str, *, deadline: float) -> Answer:
        status, back = (6, Decimal(0)) if order_no.endswith("00") else (12, Decimal("3.92"))
        return shown(order_no=order_no, status=status, refund_amount=back, refund_time=NOW if back else 0)


def drained(api: HandlerApi) -> Callable[[float], None]:
    """Sleeping lets the schedule tick, and the drain's own handler work: a hundred calls a second."""
    tick = schedule.create(replace(api.service, drain_pace=100))

    def sleep(seconds: float) -> None:
        api.clock.sleep(seconds)
        tick({}, Context())

    return sleep


@pytest.mark.parametrize(
    ("count", "terminal"),
    [
        (1, False),
        (100, True),
        (100, False),
        pytest.param(1_000, True, marks=pytest.mark.thorough),
        pytest.param(10_000, True, marks=pytest.mark.long),
    ],
)
def test_all_are_followed_until_the_drain_has_settled_them(count: int, *, terminal: bool) -> None:
    clock, feee = Clock(), Orders()
    api = HandlerApi(FakeTable(), clock, feee=feee)
    asked = asked_all(api, numbers(count))
    fleet = Fleet(clock.time, open=dict(asked.taken))
    shown, out = console(terminal=terminal)
    with Board(shown) as board:
        outcome = follow(api, fleet, board, everything=False, now=clock, sleep=drained(api))
    filled = sum(order_no.endswith("00") for order_no in numbers(count))
    cancelled = count - filled
    assert feee.cancelled == Counter(numbers(count)), "each order once"
    assert {state: n for state, n in outcome.document["final"].items() if n} == {
        state: n for state, n in (("cancelled", cancelled), ("rejected", filled)) if n
    }
    assert {one.state for one in api.table.rows.values()} <= {State.CANCELLED, State.REJECTED}
    assert outcome.document["refunded"] == Decimal("3.92") * cancelled
    assert (len(fleet.final), fleet.open) == (count, {})
    assert outcome.exit is (Exit.NO if filled else Exit.DONE)
    assert f"{count:,} of {count:,} final" in words_of(outcome)
    if terminal:
        assert "Ctrl-C stops watching" in out.getvalue()
        assert "Reading the list ..." in out.getvalue()
        progress = set(re.findall(r"([\d,]+) of [\d,]+ final", out.getvalue()))
        assert len(progress) >= count / 100, "it moves with each page that is read"
    else:
        assert out.getvalue().count("the refund shows, 3.92 TRX came back.") == cancelled
        assert "\x1b" not in out.getvalue()


def test_what_becomes_final_shows_while_a_long_list_is_read() -> None:
    """A look at 10,000 orders takes a minute, at two calls a second."""
    clock, count = Clock(), 10_000
    waiting = [row(order_no=one, state=State.WAITING, due_at=NOW + 9_999) for one in numbers(count)]
    api = HandlerApi(FakeTable(*waiting), clock)
    first = min(numbers(count))  # of those that are due at the same time it comes last
    told: list[tuple[float, str]] = []

    class Told(Board):
        def settled(self, row: Any, now: float) -> None:
            told.append((now - NOW, row["order_no"]))

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        settled: dict[str, Any] = {"state": State.CANCELLED, "due_at": int(clock.time), "settled_at": int(clock.time)}
        if api.table.rows[first].state is State.WAITING:
            api.table.rows[first] = replace(api.table.rows[first], **settled)

    shown, out = console()
    taken: dict[str, Any] = {one: {"order_no": one, "state": "waiting"} for one in numbers(count)}
    follow(api, Fleet(NOW, open=taken), Told(shown), everything=False, now=clock, sleep=sleep, patience=30)
    assert [order_no for _, order_no in told] == [first]
    assert told[0][0] < 15
    assert "1 of 10,000 final" in out.getvalue()


@dataclass
class TimedApi(HandlerApi):
    """Notes when it is called."""

    times: list[float] = field(default_factory=list)

    def call(self, method: str, path: str, body: bytes | None = None, **_: Any) -> ApiAnswer:
        self.times.append(self.clock.time)
        return super().call(method, path, body)


def test_no_command_reads_faster_than_the_api_admits() -> None:
    """ApiRateLimit: two a second, and four at once, which others need too."""
    clock = Clock()
    rows = [row(order_no=one, state=State.WAITING, due_at=NOW + 9_999) for one in numbers(600)]
    api = TimedApi(FakeTable(*rows), clock)
    shown, _ = console()
    lost: dict[str, Any] = {str(n): {"order_no": str(n), "state": "waiting"} for n in range(5)}
    api.table.rows |= {one: row(order_no=one, state=State.CANCELLING, due_at=0) for one in lost}
    follow(api, Fleet(NOW, open=lost), Board(shown), everything=True, now=clock, sleep=clock.sleep, patience=20)
    orders.listed(api, state=None, limit=550, now=NOW, sleep=clock.sleep)
    orders.listed(api, state=None, limit=9, now=NOW, keep=lambda _: False, sleep=clock.sleep)
    exported(api, "csv", since=NOW)
    busiest = max(sum(at <= other < at + 2 for other in api.times) for at in api.times)
    assert busiest <= 2 * 2 + 1


def test_an_order_that_was_asked_for_again_counts_once() -> None:
    clock = Clock()
    again = row(order_no="1", state=State.WAITING, due_at=NOW + 9)
    fleet = Fleet(NOW, final={"1": {"order_no": "1", "state": "rejected"}}, open={"2": {"order_no": "2"}})
    api = HandlerApi(FakeTable(again, row(order_no="2", state=State.WAITING, due_at=NOW + 9)), clock)
    shown, _ = console()
    outcome = follow(api, fleet, Board(shown), everything=True, now=clock, sleep=clock.sleep, patience=1)
    assert "0 of 2 final" in words_of(outcome)


def test_progress_in_a_pipe_is_a_line_every_few_seconds_and_the_last() -> None:
    clock, (shown, out) = Clock(), console()
    with Bar("asked for", 4, console=shown, now=clock) as bar:
        for done in range(1, 5):
            bar.at(done)
            clock.sleep(2.5)
    assert out.getvalue().splitlines() == ["asked for: 3 of 4", "asked for: 4 of 4"]


def test_an_estimate_is_by_the_pace_so_far_and_by_what_is_due_last() -> None:
    fleet = Fleet(NOW, open={"1": {"state": "waiting", "due_at": NOW + 20}, "2": {"state": "refunding"}})
    assert fleet.left_seconds(NOW + 10) is None
    fleet.settled_here = 4
    assert fleet.left_seconds(NOW + 20) == 10
    assert fleet.left_seconds(NOW + 10) == 10


def test_everything_that_is_not_final_is_watched_and_what_needs_attention_comes_first() -> None:
    clock = Clock()
    rows = [
        row(order_no="1", state=State.WAITING, state_reason=StateReason.TOO_EARLY, due_at=NOW + 9),
        row(order_no="2", state=State.WAITING, state_reason=StateReason.UNREACHABLE, due_at=NOW + 20),
        row(order_no="3", state=State.WAITING, in_doubt_after=0, due_at=NOW + 30),
        row(order_no="4", state=State.REFUNDING, due_at=NOW + 9, requested_at=NOW - 2_000),
        row(order_no="5", state=State.CANCELLING, due_at=NOW - 90),
        row(order_no="6", state=State.CANCELLED, due_at=NOW),
    ]
    api = HandlerApi(FakeTable(*rows), clock)
    fleet = Fleet(clock.time)
    shown, out = console()
    with Board(shown) as board:
        outcome = follow(api, fleet, board, everything=True, now=clock, sleep=clock.sleep, patience=3)
    assert (outcome.exit, outcome.document["open"]) == (Exit.PENDING, 5)
    assert [one["order_no"] for one in fleet.by_attention(NOW)] == ["3", "2", "5", "4", "1"]
    assert "5 aren't final; they go on by themselves." in words_of(outcome)
    assert "1 cancelling, 3 waiting, 1 refunding" in out.getvalue()
    assert concern({"state": "waiting", "due_at": NOW}, NOW) == 0


def test_trouble_that_passes_is_waited_for_and_ctrl_c_leaves_them_to_the_service() -> None:
    clock = Clock()
    waiting = row(order_no="1", state=State.WAITING, due_at=NOW + 9)
    api = HandlerApi(FakeTable(waiting), clock, [ApiAnswer(503, {}, {}), NoAnswerError("reset")])
    rests: list[float] = []

    def sleep(seconds: float) -> None:
        rests.append(seconds)
        clock.sleep(seconds)
        if len(rests) == 5:
            raise KeyboardInterrupt

    shown, out = console()
    outcome = follow(api, Fleet(NOW), Board(shown), everything=True, now=clock, sleep=sleep)
    assert (outcome.exit, rests[:2]) == (Exit.INTERRUPTED, [5.0, 5.0])
    assert "No answer for now (HTTP status 503); trying again." in out.getvalue()
    denied = HandlerApi(FakeTable(waiting), clock, [ApiAnswer(403, {}, {})])
    assert follow(denied, Fleet(NOW), Board(shown), everything=True, now=clock, sleep=sleep).exit is Exit.TROUBLE
    nothing = HandlerApi(FakeTable(), clock)
    assert follow(nothing, Fleet(NOW), Board(shown), everything=True, now=clock, sleep=sleep).exit is Exit.DONE


class EmptyListApi(HandlerApi):
    """Its list shows nothing."""

    def call(self, method: str, path: str, body: bytes | None = None, **_: Any) -> ApiAnswer:
        return ApiAnswer(200, {}, {"cancellations": []}) if "?" in path else super().call(method, path, body)


def test_an_order_that_shows_in_no_list_is_looked_for_by_itself() -> None:
    clock = Clock()
    api = EmptyListApi(FakeTable(), clock)
    fleet = Fleet(NOW, open={"1": {"order_no": "1", "state": "waiting"}})
    looks: list[float] = []

    def sleep(seconds: float) -> None:
        looks.append(seconds)
        clock.sleep(seconds)
        if len(looks) == 2:  # settled long ago, by the index, whose clock isn't ours
            api.table.rows["1"] = row(order_no="1", state=State.CANCELLED, due_at=NOW - 9_999, settled_at=NOW - 9_999)

    api.table.rows["1"] = row(order_no="1", state=State.CANCELLING)
    shown, _ = console()
    outcome = follow(api, fleet, Board(shown), everything=False, now=clock, sleep=sleep)
    assert (outcome.exit, outcome.document["final"]) == (Exit.DONE, {"cancelled": 1})


class Listed:
    """An API whose list has these rows at each look, one after the other; the last ones stay.

    `news` are the times from which final ones were asked for; `looked` is when an order was, by itself.
    """

    def __init__(self, clock: Clock, *looks: list[dict[str, Any]], takes: float = 0) -> None:
        self.clock, self.looks, self.takes = clock, list(looks), takes
        self.rows: list[dict[str, Any]] = []
        self.news: dict[str, list[int]] = {}
        self.looked: list[tuple[float, str]] = []

    def call(self, method: str, path: str, body: bytes | None = None, **_: Any) -> ApiAnswer:
        self.clock.sleep(self.takes)
        query = parse_qs(urlsplit(path).query)
        if not query:
            order_no = path.rpartition("/")[2]
            self.looked.append((self.clock.time - NOW, order_no))
            return ApiAnswer(200, {}, of(order_no, "refunding"))
        (state,), since = query["state"], int(query.get("since", ["0"])[0])
        if state == "cancelling":
            self.rows = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        if since:
            self.news.setdefault(state, []).append(since)
        found = [one for one in self.rows if one["state"] == state and one.get("settled_at", since) >= since]
        return ApiAnswer(200, {}, {"cancellations": found})


def of(order_no: str, state: str, **members: Any) -> dict[str, Any]:
    return {"order_no": order_no, "state": state, **members}


def followed(api: Listed, *order_nos: str, patience: float) -> tuple[Outcome, list[float]]:
    """How it ends, and its pauses. A look is seven calls at least: one for each state."""
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        api.clock.sleep(seconds)

    shown, _ = console()
    fleet = Fleet(api.clock.time, open={one: of(one, "waiting") for one in order_nos})
    board = Board(shown)
    return follow(api, fleet, board, everything=False, now=api.clock, sleep=sleep, patience=patience), pauses


@pytest.mark.parametrize(("ago", "expected"), [(120, Exit.DONE), (121, Exit.PENDING)])
def test_what_ended_before_the_watching_is_found_if_the_clocks_are_two_minutes_apart(ago: int, expected: Exit) -> None:
    api = Listed(Clock(), [of("1", "cancelled", settled_at=int(NOW) - ago)])
    assert followed(api, "1", patience=1)[0].exit is expected


def test_news_of_a_state_are_read_from_half_a_minute_before_its_latest() -> None:
    api = Listed(Clock(), [of("1", "cancelled", settled_at=int(NOW) + 100), of("2", "waiting")])
    followed(api, "1", "2", patience=9)
    began = int(NOW) - 120
    assert api.news["cancelled"] == [began, int(NOW) + 70, int(NOW) + 70]
    assert set(api.news["failed"]) == {began}, "each state has its own"


def test_an_order_is_looked_for_by_itself_once_two_looks_in_a_row_lack_it() -> None:
    one, two = of("1", "waiting"), of("2", "waiting")
    api = Listed(Clock(), [one, two], [two], [one, two], [two])
    followed(api, "1", "2", patience=14)
    assert api.looked == [(4 * 3.5 + 3.5, "1")], "in the fifth look, after its seven calls"


def test_what_is_looked_for_by_itself_shows_as_it_is_and_a_hundred_are_looked_for_in_a_look() -> None:
    api = Listed(Clock(), [])
    outcome, _ = followed(api, *numbers(101), patience=3.5)
    assert "1 waiting, 100 refunding" in words_of(outcome)
    assert len(api.looked) == 100


def test_an_order_that_was_asked_for_again_stays_open_although_it_had_ended() -> None:
    """The list's pages are of different moments: it may show in both states."""
    api = Listed(Clock(), [of("1", "rejected", settled_at=int(NOW)), of("1", "waiting")])
    outcome, _ = followed(api, "1", patience=0)
    assert (outcome.exit, outcome.document["open"]) == (Exit.PENDING, 1)


def test_a_reader_who_had_enough_ends_it() -> None:
    class Closed(Board):
        def show(self, fleet: Fleet, now: float, note: str = "") -> None:
            raise BrokenPipeError

    shown, _ = console()
    api, fleet = Listed(Clock(), [of("1", "waiting")]), Fleet(NOW, open={"1": of("1", "waiting")})
    outcome = follow(api, fleet, Closed(shown), everything=False, now=api.clock, sleep=api.clock.sleep)
    assert (outcome.exit, words_of(outcome)[:22]) == (Exit.PENDING, "The output was closed:")


def test_calls_of_a_look_and_looks_follow_each_other_at_two_a_second() -> None:
    assert followed(Listed(Clock(), [of("1", "waiting")]), "1", patience=4)[1] == [0.5] * 13
    slow = Listed(Clock(), [of("1", "waiting")], takes=1)
    assert followed(slow, "1", patience=10)[1] == [*[0.5] * 6, 0.0, *[0.5] * 6], "it rests no longer than it must"


@pytest.mark.parametrize(("patience", "looks"), [(3.4, 1), (3.5, 2), (6.9, 2), (7.0, 3)])
def test_patience_counts_the_pause_before_the_next_look(patience: float, looks: int) -> None:
    api = Listed(Clock(), [of("1", "waiting")])
    assert followed(api, "1", patience=patience)[0].exit is Exit.PENDING
    assert len(api.news["cancelled"]) == looks


def test_what_is_over_with_the_patience_is_over() -> None:
    api = Listed(Clock(), [of("1", "cancelled", settled_at=int(NOW))])
    outcome, pauses = followed(api, "1", patience=0)
    assert (outcome.exit, outcome.words) == (Exit.DONE, "Done: 1 of 1 final: 1 cancelled.")
    assert pauses == [0.5] * 6, "and nobody rests after it"


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (of("1", "waiting", due_at=NOW - 60), 0),
        (of("1", "waiting", due_at=NOW - 61), 1),
        (of("1", "refunding", requested_at=NOW - 1_200), 0),
        (of("1", "refunding", requested_at=NOW - 1_201), 1),
        (of("1", "waiting", requested_at=NOW - 1_201), 0),
    ],
)
def test_a_minute_is_no_delay_and_neither_are_twenty_for_a_refund(row: dict[str, Any], expected: int) -> None:
    assert concern(row, NOW) == expected


def test_what_was_not_accepted_counts_in_the_end_of_those_that_were_watched() -> None:
    done = row(order_no="1", state=State.CANCELLED, due_at=NOW, settled_at=NOW)
    asked = Asked(
        ["1", "2", "3"], taken={"1": {"order_no": "1", "state": "waiting"}}, left={"2": "couldn't be written"}
    )
    asked.final["3"] = {"order_no": "3", "state": "rejected"}
    shown, _ = console()
    outcome = cancel._followed(HandlerApi(FakeTable(done), Clock()), asked, NOW, shown)
    assert (outcome.exit, outcome.document["not_accepted"]) == (Exit.TROUBLE, {"2": "couldn't be written"})
    assert outcome.document["final"] == {"cancelled": 1, "rejected": 1}
    interrupted = HandlerApi(FakeTable(done), Clock(), [KeyboardInterrupt()])
    assert cancel._followed(interrupted, asked, NOW, shown).exit is Exit.INTERRUPTED


def test_what_was_stopped_in_the_middle_is_told_and_not_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked(["1", "2"], taken={"1": {"state": "waiting"}}, left={"2": "not asked for"})
    asked.stopped = Outcome(Exit.INTERRUPTED, {}, "Interrupted.")
    monkeypatch.setattr(cancel, "ask_all", lambda *_, **__: asked)
    shown, _ = console()
    options: dict[str, Any] = {"not_before": None, "reason": None, "console": shown, "errors": shown, "watched": True}
    outcome = cancel.cancel_many(FakeApi([]), ["1", "2"], **options)
    assert (outcome.exit, outcome.document["not_accepted"]) == (Exit.INTERRUPTED, {"2": "not asked for"})


def test_one_order_is_cancelled_and_watched_as_before() -> None:
    answered = {"order_no": "1", "state": "cancelled", "requested_at": NOW, "gives_up_at": NOW, "attempt": 1}
    api, screen = FakeApi([ApiAnswer(200, {}, answered)]), Terminal(quiet=True)
    outcome = cancel.cancel_one(api, "1", not_before=None, reason=None, screen=screen, watched=True)
    assert outcome.exit is Exit.DONE


def test_many_that_are_final_already_are_not_watched() -> None:
    rows = [row(order_no=number, state=State.CANCELLED, due_at=NOW) for number in numbers(3)]
    api = HandlerApi(FakeTable(*rows), Clock())
    shown, out = console()
    options: dict[str, Any] = {"not_before": None, "reason": "x", "console": shown, "errors": shown, "watched": True}
    assert cancel.cancel_many(api, numbers(3), **options).exit is Exit.DONE
    assert out.getvalue() == "asked for: 3 of 3\n"


@pytest.fixture
def month() -> tuple[HandlerApi, list[Cancellation]]:
    rows = [
        row(
            order_no=number,
            state=State.CANCELLED,
            state_reason=StateReason.REFUNDED,
            due_at=NOW + place,
            settled_at=NOW + place,
            requested_by="arn:aws:iam::123456789012:user/treasury",
            reason='=HYPERLINK("http://x")' if place == 0 else "-5\nx",
            pay_amount=Decimal("4.26127"),
            refund_amount=Decimal("0.000001") if place == 0 else Decimal("4.26127"),
            refund_time=NOW + place if place else 0,
            partly_filled=place == 0,
        )
        for place, number in enumerate(numbers(250))
    ]
    return HandlerApi(FakeTable(*rows), Clock()), rows


def exported(api: HandlerApi, form: str, **query: object) -> tuple[Any, str, str]:
    out = StringIO()
    shown, said = console()
    with Bar("exported", None, console=shown, now=api.clock) as bar:
        outcome = export(api, out, query=query, form=form, bar=bar, sleep=api.clock.sleep)
    return outcome, out.getvalue(), said.getvalue()


def test_a_period_is_exported_exactly_and_no_spreadsheet_runs_it(
    month: tuple[HandlerApi, list[Cancellation]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    api, rows = month
    api.trouble = [ApiAnswer(429, {}, {})]
    outcome, text, _ = exported(api, "csv", state="cancelled", since=NOW, until=NOW + 240)
    lines = list(csv.DictReader(StringIO(text)))
    assert [line["order_no"] for line in lines] == [one.order_no for one in rows[:240]]
    assert lines[0]["reason"] == '\'=HYPERLINK("http://x")'
    assert lines[1]["reason"] == "'-5\\nx"
    assert (lines[0]["refund_amount"], lines[1]["refund_amount"]) == ("0.000001", "4.26127")
    assert (lines[0]["partly_filled"], lines[1]["partly_filled"]) == ("yes", "no")
    assert lines[0]["refund_time"] == ""
    assert lines[0]["settled_at"][10] == "T"
    assert lines[0]["settled_at"][-6] in "+-"
    assert outcome.document == {"rows": 240, "refunded": Decimal("4.26127") * 239 + Decimal("0.000001")}
    assert "TRX refunded; each time has its offset from UTC." in words_of(outcome), "summer's may be another"


@pytest.mark.parametrize(
    ("reason", "cell"),
    [
        ("unfilled; too late - sorry", "unfilled; too late - sorry"),
        ("+1", "'+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\\t=1"),
        (" =1+1", " '=1+1"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("x;=HYPERLINK(1)", "x;'=HYPERLINK(1)"),
        ('x;"=HYPERLINK(1)', "x;\"'=HYPERLINK(1)"),
        ('x| ""+1', 'x| ""\'+1'),
        ("x\";  =cmd|' /C calc'!A0", "x\";  '=cmd|' /C calc'!A0"),
    ],
)
def test_no_reason_is_a_formula_whatever_the_delimiter(reason: str, cell: str) -> None:
    one = row(state=State.CANCELLED, due_at=NOW, settled_at=NOW, reason=reason)
    _, text, _ = exported(HandlerApi(FakeTable(one), Clock()), "csv", since=NOW)
    assert next(csv.DictReader(StringIO(text)))["reason"] == cell


def test_only_money_that_came_back_is_counted_as_refunded() -> None:
    money = {"refund_amount": Decimal("3.92"), "settled_at": NOW}
    rows = [{"order_no": "1", "state": state, **money} for state in ("cancelled", "failed")]
    api = HandlerApi(FakeTable(), Clock(), [ApiAnswer(200, {}, {"cancellations": rows})])
    outcome, _, _ = exported(api, "csv", since=NOW)
    assert outcome.document == {"rows": 2, "refunded": Decimal("3.92")}


NO_AMOUNTS: tuple[object, ...] = (
    "3.92 or more",
    None,
    {},
    [],
    True,
    "NaN",
    float("inf"),
    Decimal("1E+999999"),
    Decimal("1E-999999"),
)


@pytest.mark.parametrize("odd", NO_AMOUNTS)
def test_an_amount_that_is_no_number_is_told_and_not_counted(odd: object) -> None:
    known = {"order_no": "1", "state": "cancelled", "refund_amount": Decimal("3.92"), "settled_at": int(NOW)}
    final = [known, {**known, "order_no": "2", "refund_amount": odd}]
    untold = "3.92 TRX {} (without 1 whose refund_amount is no number)"

    class OddApi(HandlerApi):
        def call(self, method: str, path: str, body: bytes | None = None, **_: Any) -> ApiAnswer:
            return ApiAnswer(200, {}, {"cancellations": final if "state=cancelled" in path else []})

    api, (shown, _) = OddApi(FakeTable(), Clock()), console()
    watched: dict[str, Any] = {one: {"order_no": one, "state": "waiting"} for one in ("1", "2")}
    outcome = follow(
        api, Fleet(NOW, open=watched), Board(shown), everything=False, now=api.clock, sleep=api.clock.sleep
    )
    assert (outcome.exit, outcome.document["refunded"]) == (Exit.DONE, Decimal("3.92"))
    assert untold.format("came back") in words_of(outcome)
    outcome, _, _ = exported(api, "jsonl", state="cancelled", since=NOW)
    assert (outcome.exit, outcome.document) == (Exit.DONE, {"rows": 2, "refunded": Decimal("3.92")})
    assert untold.format("refunded") in words_of(outcome)


def test_a_refund_that_was_announced_and_never_showed_didnt_come_back() -> None:
    """A cancellation may give up with one; its headline says so, and the sum must not say more."""
    failed = {"order_no": "1", "state": "failed", "refund_amount": Decimal("3.92")}
    assert Fleet(NOW, final={"1": failed}).money().refunded == 0


def test_pages_of_an_export_leave_others_the_apis_rate(month: tuple[HandlerApi, list[Cancellation]]) -> None:
    api, _ = month
    exported(api, "csv", state="cancelled", since=NOW, until=NOW + 240)
    assert (len(api.calls), api.clock.time - NOW) == (3, 2 * 0.5)


def test_json_lines_have_the_apis_members(month: tuple[HandlerApi, list[Cancellation]]) -> None:
    api, rows = month
    outcome, text, _ = exported(api, "jsonl", since=NOW + 1)
    documents = [json.loads(line, parse_float=Decimal) for line in text.splitlines()]
    assert [one["order_no"] for one in documents] == [one.order_no for one in rows[1:]]
    assert (documents[0]["refund_amount"], outcome.exit) == (Decimal("4.26127"), Exit.DONE)
    assert "times are in unix seconds" in words_of(outcome)
    api.trouble = [ApiAnswer(403, {}, {"message": "Forbidden"})]
    denied, _, _ = exported(api, "jsonl", since=NOW)
    assert (denied.exit, words_of(denied)[:14]) == (Exit.TROUBLE, "After 0 rows:\n")


def test_the_list_is_filtered_by_reason_asker_and_age_and_may_be_wide() -> None:
    rows = [
        row(order_no=str(n), state=State.WAITING, state_reason=StateReason.TOO_EARLY, requested_at=NOW - n * 60)
        for n in range(150)
    ]
    rows[120] = replace(rows[120], reason="unfilled", requested_by="arn:aws:iam::123456789012:user/treasury")
    api = HandlerApi(FakeTable(*rows), Clock())

    def kept(**wanted: Any) -> list[str]:
        options = {"reason": None, "by": None, "older": None, "newer": None} | wanted
        keep = orders.wanted(**options, now=NOW)
        listed = orders.listed(api, state="waiting", limit=100, now=NOW, keep=keep, sleep=api.clock.sleep)
        return [one["order_no"] for one in listed.document["cancellations"]]

    assert kept(reason="UNFILLED") == kept(by="treasury") == ["120"]
    assert len(kept(reason="too_early")) == 100
    assert len(kept(newer=600)) == 11
    assert len(kept(older=8_400)) == 10
    keep = orders.wanted(reason=None, by="t", older=None, newer=None, now=NOW)
    wide = words_of(orders.listed(api, state=None, limit=1, now=NOW, keep=keep, wide=True, sleep=api.clock.sleep))
    assert "feee.io cancels orders older than five minutes only" in wide
    assert "user/treasury" in wide


def test_a_period_may_be_past_and_begins_with_its_day() -> None:
    at = int(datetime(2026, 11, 1).astimezone().timestamp())
    for text in ("2026-11-01", "20261101", str(at)):
        asked = parser(now=at + 86_400).parse_args(["export", "--since", text])
        assert (asked.since, asked.until) == (at, None)
    for text in ("november", "2026", "2026110", "202611011200", "1793491200000", "9" * 30, "2026-11-01+08:00"):
        with pytest.raises(SystemExit):
            parser(now=at).parse_args(["export", "--since", text])


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ("--since 2026-11-02 --until 2026-11-01", "--until must be after --since"),
        ("--since 2026-11-01 --until 2026-11-01", "--until must be after --since"),
        ("--since 2026-12-02", "--since must be in the past"),
        ("--since 2026-12-02 --until 2026-12-03", None),
        ("--until 2026-11-01", None),
    ],
)
def test_a_period_that_is_none_is_no_valid_request(options: str, fault: str | None) -> None:
    now = datetime(2026, 11, 30).astimezone().timestamp()
    assert misfit(parser(now=now).parse_args(["export", *options.split()]), now=now) == fault


def test_a_shell_completes_commands_options_and_choices() -> None:
    """tests/integration/test_completion.py types at both shells themselves."""
    text = script(parser(now=NOW), "bash")

    def completed(*words: str) -> set[str]:
        asked = f'COMP_WORDS=({" ".join(words)}); COMP_CWORD={len(words) - 1}; _feee_cancel; echo "${{COMPREPLY[@]}}"'
        run = subprocess.run(["bash", "-c", f"{text}\n{asked}"], capture_output=True, text=True, check=True)
        assert not run.stderr
        return set(run.stdout.split())

    assert {"cancel", "completion"} <= completed("feee-cancel", "c")
    assert completed("feee-cancel", "list", "--st") == {"--state", "--stack"}
    assert completed("feee-cancel", "list", "--wide", "--st") == {"--state", "--stack"}, "--wide has no value"
    assert completed("feee-cancel", "export", "--format", "''") == {"csv", "jsonl"}
    assert "UndeliveredTicks" in completed("feee-cancel", "redrive", "U")
    assert "given" not in text
