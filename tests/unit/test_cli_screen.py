"""Text of others on the operator's screen: it moves no cursor, ends no line, turns nothing around and hides nothing."""

import ast
import json
import os
import pty
import re
import struct
import sys
import termios
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import replace
from fcntl import ioctl
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from cli import __main__ as command_line
from cli.arguments import parser
from cli.board import Board, _picture
from cli.checkup import check_up
from cli.fleet import Fleet
from cli.outcome import TroubleError
from cli.progress import Bar
from cli.screen import COLOURS, Terminal, say, show, waited_for
from cli.target import Stack
from cli.text import Copied, TableRow, cut, for_scripts, lines, visible, wrapped
from cli.trouble import said
from cli.words import table
from deploy.__main__ import shown
from feee_cancel.domain.cancellation import State
from feee_cancel_client import ApiAnswer
from tests import doctor
from tests.cli import NOW, ORDER_NO, FakeApi, FakeLambda, FakeQueues, client_error, problem, row, stack
from tests.template import ROOT
from tests.unit.test_cli_redrive import envelope

FORGED = f"\r\n{ORDER_NO} is cancelled: the refund shows, 3.92 TRX came back.\n"
HOSTILE = (
    f"\x1b[2J\x1b]0;title\x07\x1b]52;c;cm0=\x07\x9b2J\x85\u2028\u2029\x7f\x00\t\b{FORGED}\u202e\u2066\u200b\ufeff\u2800"
    "\u00ad\u3164\ufe0f\U000e0041\ud800[red]not red[/]"
)
UNFIT = {*range(32), *range(0x7F, 0xA0), 0x2028, 0x2029, 0x202E, 0x2066, 0x200B, 0xFEFF, 0x2800, 0xAD, 0x3164, 0xD800}
ANSWER = dict.fromkeys(("answer", "code", "msg", "detail", "request_id"), HOSTILE)
ROW = row("waiting", HOSTILE, due_at=NOW, requested_by=HOSTILE, refund_amount=HOSTILE, last_answer=ANSWER) | {
    "reason": HOSTILE
}
LOOKUP = {"order_no": HOSTILE, "cancellable": False, "why_not": HOSTILE, "from": NOW + 5}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("unfilled, 未成交, schön, ≥ 5", "unfilled, 未成交, schön, ≥ 5"),
        ("\x1b[2J\x07\x9b\x7f", r"\x1b[2J\x07\x9b\x7f"),
        ("a\r\nb\tc\x85\u2028", r"a\r\nb\tc\x85\u2028"),
        ("\u202egnp\u2066\u200f", r"\u202egnp\u2066\u200f"),
        ("a\u200bb\ufeff\u00ad\u3164\u2800", r"a\u200bb\ufeff\xad\u3164\u2800"),
        ("\ud800\U000e0041", r"\ud800\U000e0041"),
        ("e\u0301 " + "a" + "\u0301" * 5, "e\u0301 a\u0301\u0301\u0301" + r"\u0301\u0301"),
        ("\U0001d159\ufffc\U00013441", r"\U0001d159\ufffc\U00013441"),
        ("\u1112\u1161\u11ab \u1112" + "\u1161" * 5, "\u1112\u1161\u11ab \u1112\u1161\u1161\u1161" + r"\u1161\u1161"),
    ],
)
def test_what_a_screen_would_obey_or_hide_is_seen(text: str, shown: str) -> None:
    assert visible(text) == shown
    assert visible(shown) == shown


def test_a_line_end_of_others_is_none_of_ours() -> None:
    assert lines(["asked", f"by{FORGED}"])[1].startswith(r"by\r\n2304")
    assert len(lines(f"a{FORGED}")) == 1
    assert lines(TroubleError(["one", "two\n"]).words) == ["one", r"two\n"]


@pytest.mark.parametrize("file", [*(ROOT / "cli").rglob("*.py"), *(ROOT / "deploy").rglob("*.py")], ids=str)
def test_lines_of_trouble_are_a_list(file: Path) -> None:
    """A line end within a text is another's, and shown as such."""
    calls = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)]
    raised = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "TroubleError"]
    texts = [node.value for call in raised for node in ast.walk(call) if isinstance(node, ast.Constant)]
    assert not [text for text in texts if isinstance(text, str) and "\n" in text]


def test_a_long_line_goes_on_away_from_the_margin() -> None:
    assert wrapped("short", 80) == ["short"]
    assert wrapped("", 80) == [""]
    assert wrapped(f"{'x' * 80}{ORDER_NO} is cancelled", 80) == ["x" * 80, f"  ... {ORDER_NO} is cancelled"]
    assert wrapped("未" * 50, 80) == ["未" * 40, "  ... " + "未" * 10]
    assert wrapped("x" * 50, 12) == ["x" * 50], "no screen"
    assert wrapped("x" * 15, 13) == ["x" * 13, "  ... xx"]
    assert wrapped(f"{'x' * 78} as {ORDER_NO}", 80) == ["x" * 78, f"  ... as {ORDER_NO}"]
    assert wrapped(f"{'x' * 75} fits and no more", 80) == [f"{'x' * 75} fits", "  ... and no more"]
    assert wrapped(f"x {'y' * 98}", 80) == [f"x {'y' * 78}", f"  ... {'y' * 20}"], "a blank far away"


def test_what_is_to_be_copied_is_in_one_piece() -> None:
    curl = f"curl -d '{ORDER_NO}' {'x' * 80}"
    output = StringIO()
    shown(Console(file=output, force_terminal=True, width=40, color_system=None))([Copied(curl)])
    assert output.getvalue() == f"{curl}\n"


@given(text=st.text(st.sampled_from("ab   \u672a\u0301")), width=st.integers(-1, 30))
def test_whatever_a_line_has_it_fits_and_says_all_but_blanks(text: str, width: int) -> None:
    columns = {" ": 1, "a": 1, "b": 1, ".": 1}
    shown = wrapped(text, width)
    assert width <= 12 or max(sum(columns.get(mark, 2) for mark in line) for line in shown) <= width
    assert all(line.startswith("  ... ") for line in shown[1:])
    assert "".join([shown[0], *(line[6:] for line in shown[1:])]).replace(" ", "") == text.replace(" ", "")
    one = cut(text, width)
    assert sum(columns.get(mark, 2) for mark in one) <= max(0, width)
    assert one == text or (text.startswith(one.rstrip(".")) and one.endswith("..."[: max(0, width)]))


@pytest.mark.parametrize("character", ["\u0903", "\u00b1", "\u0430", "\U0001f600"])
def test_no_terminal_ends_a_line_before_we_do(character: str) -> None:
    """Terminals differ on what is wide, and on whether a mark takes a column."""
    forged = f"{character * 60}{ORDER_NO} is cancelled"
    assert [part for part in wrapped(forged, 80) if len(part) + part.count(character) > 80] == []


def test_columns_stand_below_each_other_and_apart() -> None:
    """Chinese takes two columns a character, an escape as many as it has; what is too long keeps a blank behind it."""
    said = ["unfilled", "\u672a\u6210\u4ea4", "\x1b[2J", "\u672a" * 15]
    rows: list[Mapping[str, Any]] = [row("waiting", "too_early", due_at=NOW) | {"reason": reason} for reason in said]
    seen = [str(line) for line in table(rows, now=NOW, wide=True)]
    begins = [cell_len(line[: line.index("feee.io cancels")]) for line in seen[1:]]
    assert begins[:3] == [cell_len(seen[0][: seen[0].index("why")])] * 3
    assert " feee.io cancels" in seen[4]
    (_, long) = table([row("waiting", "too_early", due_at=NOW) | {"order_no": "9" * 32}], now=NOW)
    assert long.startswith(f"{'9' * 32} waiting ")


def test_json_is_ascii_and_still_the_same() -> None:
    document = {"msg": f"{HOSTILE}未 𝄞".replace("\ud800", "")}
    text = for_scripts(document)
    assert (json.loads(text), text.isascii() and text.isprintable()) == (document, True)
    assert json.loads(for_scripts({"half": "\ud800"})) == {"half": "\ufffd"}


def answers(*bodies: dict[str, object]) -> Callable[[], Stack]:
    return lambda: stack(FakeApi([ApiAnswer(200, {}, dict(body)) for body in bodies]))


def held(body: str, **attributes: str) -> Callable[[], Stack]:
    def there() -> Stack:
        sqs = FakeQueues()
        sqs.send(body, sent_at=1, **attributes)
        return stack(sqs=sqs, lambda_=FakeLambda(json.dumps({"errorMessage": HOSTILE}), error=True))

    return there


STEPS: tuple[dict[str, object], ...] = (
    {"message": "requested", "state": HOSTILE, "state_reason": HOSTILE, "requested_by": HOSTILE, "due_at": NOW},
    {"message": "feee.io answered", "call": HOSTILE, "answer": HOSTILE, "code": HOSTILE, "detail": HOSTILE},
    {"message": "attempted", "attempt": HOSTILE, "state": HOSTILE, "reason": HOSTILE, "due_at": NOW},
    {"message": "the receiver answered", "status": HOSTILE},
    {"message": HOSTILE, "level": HOSTILE, HOSTILE: HOSTILE},
)


def logged(row: dict[str, object]) -> Stack:
    """A stack whose functions logged what others wrote."""
    events = [{"timestamp": NOW * 1000, "message": json.dumps({"order_no": ORDER_NO, **step})} for step in STEPS]
    logs = SimpleNamespace(get_paginator=lambda _: SimpleNamespace(paginate=lambda **_: [{"events": events}]))
    there = stack(FakeApi([ApiAnswer(200, {}, row)]), logs=logs)
    return replace(there, outputs={**there.outputs, "ApiFunctionLogGroup": "api"})


SETTLED = json.dumps({"order_no": "1", "state": "failed", "settled_at": HOSTILE})
FOREIGN = json.dumps({"DDBStreamBatchInfo": {"streamArn": HOSTILE, "shardId": "1", "startSequenceNumber": "1" * 21,
                                             "endSequenceNumber": "1" * 21}})  # fmt: skip
OPEN: dict[str, object] = {"cancellations": [ROW | {"state": "waiting", "due_at": NOW}]}
EVERY = {
    f"show {ORDER_NO}": answers(ROW),
    f"cancel {ORDER_NO}": answers(ROW),
    f"withdraw {ORDER_NO}": answers(ROW),
    f"lookup {ORDER_NO}": answers(LOOKUP),
    f"watch {ORDER_NO} --timeout 1": answers(ROW, ROW, ROW),
    f"watch {ORDER_NO}": answers(ROW | {"state": "cancelled"}),
    "list": answers({"cancellations": [ROW, ROW | {"state": HOSTILE, "settled_at": NOW}]}),
    "export": answers({"cancellations": [ROW, ROW | {"state": HOSTILE, "settled_at": NOW, "reason": HOSTILE}]}),
    "export --format jsonl": answers({"cancellations": [ROW | {"state": HOSTILE}]}),
    "export ": lambda: stack(FakeApi([ApiAnswer(403, {}, {"message": HOSTILE})])),
    f"history {ORDER_NO}": lambda: logged(ROW),
    "watch --timeout 1": answers(*[OPEN] * 9),
    f"show {ORDER_NO} ": lambda: stack(FakeApi([problem(404, HOSTILE)])),
    f"withdraw {ORDER_NO} ": lambda: stack(FakeApi([ApiAnswer(403, {}, {"message": HOSTILE})])),
    f"lookup {ORDER_NO} ": lambda: stack(FakeApi([client_error(HOSTILE, HOSTILE)])),
    f"cancel {ORDER_NO} ": lambda: stack(FakeApi([ValueError(HOSTILE)])),
    "redrive FailedEvents --yes": held(envelope({"order_no": "1", "reason": "r"}, HOSTILE, HOSTILE)),
    "redrive FailedEvents": held(envelope({"order_no": "1", "reason": HOSTILE[:200]}, HOSTILE, HOSTILE)),
    "redrive FailedEvents --discard --yes": held(envelope({HOSTILE: HOSTILE}, HOSTILE, HOSTILE)),
    "redrive FailedEvents ": held(envelope({HOSTILE: HOSTILE}, HOSTILE, HOSTILE)),
    "redrive UndeliveredTicks": held("{}", ERROR_CODE=HOSTILE),
    "redrive UnannouncedRecords": held(FOREIGN),
    "redrive UndeliveredEvents": held(SETTLED, why=HOSTILE),
    "redrive UndeliveredEvents ": held('{"order_no": "\\ud800"}'),
}


@pytest.mark.parametrize("line", EVERY)
@pytest.mark.parametrize("json_too", [(), ("--json",)])
def test_every_command_shows_it(
    line: str, json_too: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    there = EVERY[line]()
    monkeypatch.setattr(command_line, "local", lambda _: nullcontext(there))
    status = command_line.main([*line.split(), "--local", *json_too])
    out, err = capsys.readouterr()
    assert status in range(5)
    assert not UNFIT & {ord(character) for text in (out, err) for character in text.replace("\n", "")}
    assert not [text for text in (out + err).splitlines() if text.startswith(f"{ORDER_NO} is cancelled: the refund")]
    assert "is empty" not in out
    if json_too and not err:
        json.loads(out)


@pytest.mark.parametrize("line", ["--help", "cancel --help", "show", "list --st=\n2304", f"show {chr(0xDCFF)}"])
def test_the_command_line_itself_has_no_colours_and_no_lines_of_others(
    line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Python 3.14's argparse colours what it prints; its message repeats an ambiguous option."""
    monkeypatch.setattr(sys, "argv", ["feee-cancel"])
    with pytest.raises(SystemExit):
        parser(now=NOW).parse_args(line.split(" "))
    out, err = capsys.readouterr()
    assert (out + err).isascii()
    assert "\n2304" not in out + err


def test_no_parser_has_colours() -> None:
    top = parser(now=NOW)
    (commands,) = [action.choices for action in top._actions if isinstance(action.choices, dict)]
    assert not [one.prog for one in (top, *commands.values()) if getattr(one, "color", True)]


def poisoned(given: Any) -> Any:
    """The same, with others' text behind each text in it."""
    match given:
        case str():
            return given + HOSTILE
        case Mapping():
            return {name: poisoned(one) for name, one in given.items()}
        case list():
            return [poisoned(one) for one in given]
    return given


FOUND = [name for name, one in vars(doctor.FakeAws()).items() if name != "outputs" and poisoned(one) != one]


@pytest.mark.parametrize("name", FOUND)
@pytest.mark.parametrize("json_too", [False, True])
def test_the_doctor_shows_it_whatever_aws_answers(name: str, *, json_too: bool) -> None:
    there = doctor.there(**{name: poisoned(getattr(doctor.FakeAws(), name))})
    outcome, output = check_up("feee-cancel", nullcontext(there), lambda: NOW), StringIO()
    say(for_scripts(outcome.document) if json_too else outcome.words, output)
    assert len(outcome.words) > 20
    assert not UNFIT & {ord(character) for character in output.getvalue().replace("\n", "")}
    assert not [line for line in output.getvalue().splitlines() if line.startswith(ORDER_NO)]


def test_the_doctor_is_shown_an_error_of_aws_so_too() -> None:
    refused = sorted(
        set(dir(doctor.FakeAws)) & {"get_stage", "get_schedule", "describe_table", "simulate_principal_policy"}
    )
    there = doctor.there(errors=dict.fromkeys(refused, HOSTILE))
    output = StringIO()
    say(check_up("feee-cancel", nullcontext(there), lambda: NOW).words, output)
    assert r"\x1b[2J" in output.getvalue()
    assert not UNFIT & {ord(character) for character in output.getvalue().replace("\n", "")}


def test_every_command_is_among_them() -> None:
    commands = {line.split()[0] for line in parser(now=NOW).format_help().splitlines() if re.match(r" {4}[a-z]", line)}
    shown = {line.split()[0] for line in EVERY}
    assert shown < commands
    assert commands - shown == {"completion", "doctor", "set-key", "set-webhook-secret"}, "show it here, too"
    assert len(FOUND) > 8


def test_what_is_waited_for_leaves_room_for_the_spinner_beside_it() -> None:
    assert cell_len(waited_for("x" * 100, 40).plain) == 38


@pytest.mark.parametrize(("encoding", "plain"), [("ascii", True), ("utf-8", False)])
def test_the_spinner_is_one_that_the_terminal_can_show(
    encoding: str, monkeypatch: pytest.MonkeyPatch, *, plain: bool
) -> None:
    output = StringIO()
    monkeypatch.setattr(sys, "stdout", output)
    monkeypatch.setattr(Console, "encoding", encoding)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    Terminal(quiet=False).rest(0.01, "it waits")
    assert output.getvalue().isascii() is plain


def test_it_is_no_markup_while_it_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    output = StringIO()
    monkeypatch.setattr(sys, "stdout", output)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    Terminal(quiet=False).rest(0.01, "[bold]it[/]\x1b[2J waits")
    assert r"[bold]it[/]\x1b[2J waits" in output.getvalue()


LISTED: list[Mapping[str, Any]] = [
    row(state, reason, due_at=NOW) for state, reason in (("waiting", "too_early"), ("failed", "gave_up"))
]


def printed(words: list[str], *, columns: int = 80) -> str:
    """What a terminal of this width gets."""
    screen, inside = pty.openpty()
    ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with os.fdopen(inside, "w") as terminal:
        say(words, terminal)
    seen = b""
    with suppress(OSError):  # EIO: nobody writes any more
        while part := os.read(screen, 65_536):
            seen += part
    os.close(screen)
    return seen.decode()


@pytest.fixture
def colourful(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("colourful")
@pytest.mark.parametrize("wide", [False, True])
def test_the_list_has_a_colour_for_each_state_and_its_reason_in_words(*, wide: bool) -> None:
    seen = printed(table(LISTED, now=NOW, wide=wide), columns=400)
    assert f"{ORDER_NO}  \x1b[33mwaiting\x1b[0m " in seen
    assert f"{ORDER_NO}  \x1b[1;31mfailed\x1b[0m " in seen
    assert seen.count("\x1b") == 4
    assert "  feee.io cancels orders older than five minutes only" in seen
    assert (" too_early " in seen) is wide


def test_each_state_has_a_colour() -> None:
    assert COLOURS.keys() == set(State)


@pytest.mark.usefixtures("colourful")
@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_who_wants_no_colours_gets_none(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    assert "\x1b" not in printed(table(LISTED, now=NOW))


@pytest.mark.usefixtures("colourful")
def test_in_a_pipe_the_list_has_no_colours_and_is_whole() -> None:
    pipe = StringIO()
    say(table(LISTED, now=NOW), pipe)
    assert "\x1b" not in pipe.getvalue()
    assert "it wasn't settled in time and won't be tried again\n" in pipe.getvalue()


@pytest.mark.usefixtures("colourful")
@pytest.mark.parametrize("columns", [2, 80])
def test_a_row_of_the_list_is_one_line_of_the_screen(columns: int) -> None:
    lines = re.sub("\x1b[^m]*m", "", printed(table(LISTED, now=NOW), columns=columns)).splitlines()
    assert len(lines) == 3
    assert max(map(len, lines)) <= columns
    assert lines[1].endswith("..."[:columns])


@pytest.mark.parametrize("columns", [20, 80, 0])
def test_at_a_terminal_nothing_of_others_begins_a_line(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blanks that fill a line to its end let what comes next begin one, without any control character."""
    monkeypatch.setenv("NO_COLOR", "1")
    forged = "reason: " + " " * (columns - 8) + f"{ORDER_NO} is cancelled"
    hostile = HOSTILE.replace("\ud800", "")
    rows = [TableRow(text, "waiting", wide=wide) for text in (forged, hostile) for wide in (False, True)]
    seen = printed([forged, hostile, *rows], columns=columns)
    shown = seen.split("\r\n")
    assert not [text for text in shown if text.startswith(ORDER_NO)]
    assert "\x1b" not in seen
    assert max(map(len, shown)) <= (columns or len(seen))


PADDED = f"{'x' * 20}{' ' * 20}{ORDER_NO} is cancelled"


def ways_onto_a_console(console: Console) -> None:
    """Each way in which others' text gets onto rich's console at a terminal 40 columns wide."""
    show(console, PADDED)
    shown(console)(PADDED)
    console.print(_picture(Fleet(NOW, open={ORDER_NO: ROW}), NOW, PADDED, rows=5, width=40))
    console.print(waited_for(PADDED, 40))


@pytest.mark.parametrize(("height", "rows", "more"), [(5, 1, "and 2 more"), (10, 2, "and 1 more"), (11, 3, "")])
def test_the_table_fits_the_screen_and_says_what_it_leaves_out(height: int, rows: int, more: str) -> None:
    output = StringIO()
    console = Console(file=output, force_terminal=True, width=120, height=height, color_system=None)
    fleet = Fleet(
        NOW, open={number: row("waiting", due_at=NOW) | {"order_no": number} for number in ("71", "72", "73")}
    )
    with Board(console) as board:
        board.show(fleet, NOW)
    shown = [number for number in fleet.open if f" {number} " in output.getvalue()]
    assert (len(shown), "more" in output.getvalue()) == (rows, bool(more))
    assert more in output.getvalue()


def test_nothing_is_left_of_the_time_once_nothing_is_open() -> None:
    fleet, output = Fleet(NOW, final={ORDER_NO: row("cancelled")}, settled_here=1), StringIO()
    Board(Console(file=output)).show(fleet, NOW + 60)
    assert "left" not in output.getvalue()


def test_on_a_console_nothing_of_others_begins_a_line_either() -> None:
    output = StringIO()
    ways_onto_a_console(Console(file=output, force_terminal=True, width=40, color_system=None))
    seen = output.getvalue().splitlines()
    assert [line for line in seen if line.startswith("x" * 20)]
    assert not [line for line in seen if line.startswith(ORDER_NO)]
    assert max(map(cell_len, seen)) <= 40


def test_progress_that_nobody_reads_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    reads, writes = os.pipe()
    os.close(reads)
    with os.fdopen(writes, "w") as broken:
        monkeypatch.setattr(sys, "stdout", broken)
        monkeypatch.setattr(sys, "stderr", broken)
        with pytest.raises(BrokenPipeError):
            Board(Terminal(quiet=False).table).settled(ROW, NOW)
        with Bar("asked for", 2, console=Terminal(quiet=False).errors) as bar:
            bar.at(2)
            bar.at(2, "again")


def test_aws_words_are_others_words_too() -> None:
    assert said(client_error("X", HOSTILE)).isprintable()


def test_what_cloudformation_repeats_is_shown_so_too(capsys: pytest.CaptureFixture[str]) -> None:
    shown(Console())(f"failed: {HOSTILE.replace(chr(0xD800), '')}")
    assert not UNFIT & {ord(character) for character in capsys.readouterr().out.replace("\n", "")}


def test_an_arn_is_shown_word_for_word(capsys: pytest.CaptureFixture[str]) -> None:
    """`:secret:` is an emoji's name to rich, and a part of each secret's ARN."""
    arn, output = "arn:aws:secretsmanager:us-east-1:123456789012:secret:FeeeKey-1 [red]", StringIO()
    shown(Console())(arn)
    Board(Console(file=output)).settled(ROW | {"order_no": arn}, NOW)
    for terminal in (False, True):
        with Bar("asked for", 2, console=Console(file=output, force_terminal=terminal, width=2_000)) as bar:
            bar.at(2, arn)
    assert capsys.readouterr().out == f"{arn}\n"
    assert output.getvalue().count(arn) >= 3


def test_a_live_table_and_a_bar_show_it_too() -> None:
    output = StringIO()
    console = Console(file=output, force_terminal=True, width=2_000, color_system=None)
    hostile = ROW | {"state": HOSTILE, "order_no": HOSTILE}
    console.print(_picture(Fleet(NOW, open={ORDER_NO: hostile}), NOW, HOSTILE, rows=5, width=2_000))
    with Bar("asked for", 2, console=Console(file=output)) as bar:
        bar.at(2, HOSTILE)
    live = StringIO()
    with Bar("asked for", 2, console=Console(file=live, force_terminal=True, width=2_000, color_system=None)) as bar:
        bar.at(2, HOSTILE)
    assert not (UNFIT - {ord("\x1b"), ord("\r")}) & {ord(character) for character in live.getvalue().replace("\n", "")}
    assert not re.search("\x1b(?:\\[2J|\\])", live.getvalue()), "rich's own move the cursor alone"
    assert "[red]not red[/]" in live.getvalue()
    assert not UNFIT & {ord(character) for character in output.getvalue().replace("\n", "")}
    assert "[red]not red[/]" in output.getvalue()
