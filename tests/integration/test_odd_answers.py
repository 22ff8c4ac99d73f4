"""The client against a peer that may send anything: each call comes to an answer, in time, and its own."""

import gzip
import json
import zlib
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

from feee_cancel.adapters.feee_client import FeeeClient
from feee_cancel.domain.answer import AnswerKind
from tests.builders import ORDER_NO, order_data
from tests.deadlines import in_time, sent_in_time, soon
from tests.e2e.waiting import wait_for
from tests.odd_server import End, OddServer, Step, chunked, drip, framed, odd_server, order_body

KEY = "8a63d52f-1dcd-4c5e-9e3d-1f0b8f3ea2d4"
SECONDS = 3.0
"""How long a call may take: long enough for a busy machine to connect within it."""

ORDER, ACCEPTED, REFUSED = AnswerKind.ORDER, AnswerKind.ACCEPTED, AnswerKind.REFUSED
UNUSABLE, RATE, MISCONFIGURED = AnswerKind.NO_USABLE_ANSWER, AnswerKind.RATE_EXCEEDED, AnswerKind.MISCONFIGURED

GOOD = order_body(ORDER_NO)
WHOLE = framed(GOOD)
HTML = b"<!DOCTYPE html><html><title>Just a moment...</title></html>"
REFUSAL = b'{"code": 20003, "msg": "no", "data": null, "request_id": "r"}'


def with_data(**fields: Any) -> bytes:
    return order_body(ORDER_NO, **fields)


def with_text(old: str, new: str) -> bytes:
    """The good body with one piece of its text replaced."""
    text = GOOD.decode()
    assert old in text
    return text.replace(old, new).encode()


def envelope(text: str) -> bytes:
    return f'{{"code": 0, "msg": "ok", "request_id": "r", "data": {text}}}'.encode()


DATA = json.dumps(order_data(status=12, refund_amount=Decimal("3.92")), default=float)
STATUS_LINES: list[tuple[str, AnswerKind]] = [
    ("HTTP/1.0 200 OK", ORDER),
    ("HTTP/1.1 200", ORDER),
    ("HTTP/1.1 201 Created", ORDER),
    ("HTTP/1.1 200 \xe4\xb8\xad", ORDER),
    ("HTTP/1.1 400 Bad Request", UNUSABLE),
    ("HTTP/1.1 500 Oops", UNUSABLE),
    ("HTTP/1.1 304 Not Modified", UNUSABLE),
    ("HTTP/1.1 204 No Content", UNUSABLE),
    ("HTTP/1.1 301 Moved", UNUSABLE),
    ("HTTP/1.1 999 What", UNUSABLE),
    ("HTTP/1.1 2000 OK", UNUSABLE),
    ("HTTP/1.1 20 OK", UNUSABLE),
    ("HTTP/1.1 -200 OK", UNUSABLE),
    ("HTTP/1.1 abc OK", UNUSABLE),
    ("HTTP/1.1", UNUSABLE),
    ("HTTP/2.0 200 OK", UNUSABLE),
    ("ICY 200 OK", UNUSABLE),
    ("http/1.1 200 OK", UNUSABLE),
    ("SSH-2.0-OpenSSH_9.9", UNUSABLE),
    ("", UNUSABLE),
    ("HTTP/1.1 101 Switching Protocols", UNUSABLE),
    ("HTTP/1.1 " + "2" * 70_000, UNUSABLE),
]

EXTENDED = b"1;" + b"y" * 60_000 + b"\r\n"
FRAMING: list[tuple[str, list[Step], AnswerKind]] = [
    ("until it closes", [framed(GOOD, length=None), End.CLOSE], ORDER),
    ("until it closes, half", [framed(GOOD[:99], length=None), End.CLOSE], UNUSABLE),
    ("until it closes, and it doesn't", [framed(GOOD, length=None), End.HOLD], UNUSABLE),
    ("closes politely", [framed(GOOD, "Connection: close"), End.CLOSE], ORDER),
    ("in pieces", drip(WHOLE, seconds=0.001, step=100), ORDER),
    ("chunked", [chunked(GOOD)], ORDER),
    ("chunked in many", [chunked(*(GOOD[at : at + 7] for at in range(0, len(GOOD), 7)))], ORDER),
    ("chunked with trailers", [chunked(GOOD, end=b"0\r\nX-A: b\r\n\r\n")], ORDER),
    (
        "chunk extension",
        [framed(b"%x;a=b\r\n%b\r\n0\r\n\r\n" % (len(GOOD), GOOD), "Transfer-Encoding: chunked", length=None)],
        ORDER,
    ),
    ("chunk too short", [chunked(GOOD[:50]) + End.CLOSE.name.encode(), End.CLOSE], UNUSABLE),
    ("chunk size negative", [framed(b"-5\r\n" + GOOD, "Transfer-Encoding: chunked", length=None), End.CLOSE], UNUSABLE),
    (
        "chunk size minus one",
        [framed(b"-1\r\n" + GOOD, "Transfer-Encoding: chunked", length=None), End.CLOSE],
        UNUSABLE,
    ),
    (
        "chunk size huge",
        [framed(b"F" * 40 + b"\r\n" + GOOD, "Transfer-Encoding: chunked", length=None), End.CLOSE],
        UNUSABLE,
    ),
    (
        "chunk size huge, and no more",
        [framed(b"FFFFFFFF\r\n" + GOOD, "Transfer-Encoding: chunked", length=None), End.HOLD],
        UNUSABLE,
    ),
    (
        "chunk size is no number",
        [framed(b"zz\r\n" + GOOD, "Transfer-Encoding: chunked", length=None), End.CLOSE],
        UNUSABLE,
    ),
    ("chunk size without end", [framed(b"1" * 70_000, "Transfer-Encoding: chunked", length=None), End.CLOSE], UNUSABLE),
    ("chunk after chunk of nothing", [framed(b"0\r\n\r\n", "Transfer-Encoding: chunked", length=None)], UNUSABLE),
    (
        "chunks end in the middle",
        [framed(b"%x\r\n%b" % (len(GOOD), GOOD[:50]), "Transfer-Encoding: chunked", length=None), End.CLOSE],
        UNUSABLE,
    ),
    (
        "chunk extensions without end",
        [chunked(*[b"x"] * 200).replace(b"1\r\n", b"1;" + b"y" * 60_000 + b"\r\n"), End.CLOSE],
        UNUSABLE,
    ),
    ("trailers without end", [chunked(GOOD, end=b"0\r\n" + b"X-A: b\r\n" * 100_000), End.CLOSE], ORDER),
    ("chunked, gzip", [framed(GOOD, "Transfer-Encoding: gzip, chunked", length=None), End.HOLD], UNUSABLE),
    ("an unknown transfer encoding", [framed(GOOD, "Transfer-Encoding: x"), End.HOLD], UNUSABLE),
    (
        "length and chunks",
        [framed(b"%x\r\n%b\r\n0\r\n\r\n" % (len(GOOD), GOOD), "Transfer-Encoding: chunked", length="10")],
        UNUSABLE,
    ),
    ("two lengths", [framed(GOOD, "Content-Length: 7")], UNUSABLE),
    ("a length list", [framed(GOOD, length=f"{len(GOOD)}, {len(GOOD)}")], UNUSABLE),
    ("a negative length", [framed(GOOD, length="-5"), End.HOLD], UNUSABLE),
    ("a length that is no number", [framed(GOOD, length="many"), End.HOLD], UNUSABLE),
    ("a length of a sort", [framed(GOOD, length=f"+{len(GOOD)}")], UNUSABLE),
    ("a length of ten thousand digits", [framed(GOOD, length="9" * 10_000), End.CLOSE], UNUSABLE),
    ("too long a length", [framed(GOOD, length="99999"), End.CLOSE], UNUSABLE),
    ("too long a length, and it waits", [framed(GOOD, length="99999"), End.HOLD], UNUSABLE),
    ("too short a length", [framed(GOOD, length="10")], UNUSABLE),
    ("no body", [framed(b"")], UNUSABLE),
    ("nothing at all", [End.CLOSE], UNUSABLE),
    ("a reset", [End.RESET], UNUSABLE),
    ("a reset in the middle", [WHOLE[:200], End.RESET], UNUSABLE),
    ("silence", [End.HOLD], UNUSABLE),
    ("half a head", [WHOLE[:30], End.CLOSE], UNUSABLE),
    ("half a head, and it waits", [WHOLE[:30], End.HOLD], UNUSABLE),
    ("HTTP/0.9", [GOOD, End.CLOSE], UNUSABLE),
    ("line ends of its own", [WHOLE.replace(b"\r\n", b"\n")], ORDER),
    ("a blank line first", [b"\r\n" + WHOLE], UNUSABLE),
]

SHIFTS: list[tuple[str, list[Step], AnswerKind]] = [
    ("100 Continue", [b"HTTP/1.1 100 Continue\r\n\r\n" + WHOLE], ORDER),
    ("100 Continue, then a pause", [b"HTTP/1.1 100 Continue\r\n\r\n", 0.02, WHOLE], ORDER),
    ("102 Processing, then a pause", [b"HTTP/1.1 102 Processing\r\n\r\n", 0.02, WHOLE], ORDER),
    ("103 Early Hints", [b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n" + WHOLE], ORDER),
    ("103 twice", [b"HTTP/1.1 103 Early Hints\r\n\r\n", 0.02, b"HTTP/1.1 103 -\r\n\r\n", 0.02, WHOLE], ORDER),
    ("a late 1xx", [WHOLE + b"HTTP/1.1 103 Early Hints\r\n\r\n"], ORDER),
    ("a later 1xx", [WHOLE, 0.02, b"HTTP/1.1 103 Early Hints\r\n\r\n"], ORDER),
    ("1xx without end", [b"HTTP/1.1 103 Early Hints\r\n\r\n" * 300_000, End.CLOSE], UNUSABLE),
    ("an answer too many", [WHOLE + framed(REFUSAL)], ORDER),
    ("an answer too many after a refusal", [framed(REFUSAL) + WHOLE], REFUSED),
    ("half an answer too many", [WHOLE + WHOLE[:40]], ORDER),
    ("an answer too many, longer than a buffer", [WHOLE + framed(b" " * 50_000 + REFUSAL)], ORDER),
    ("one byte too many", [WHOLE + b" "], ORDER),
    ("too many after chunks", [chunked(GOOD) + framed(REFUSAL)], ORDER),
    ("too many after no content", [b"HTTP/1.1 204 -\r\n\r\n" + framed(REFUSAL)], UNUSABLE),
    ("too many after a page", [framed(HTML, status="HTTP/1.1 502 -") + framed(REFUSAL)], UNUSABLE),
]

HEADERS: list[tuple[str, list[Step], AnswerKind]] = [
    ("a header without a colon", [framed(GOOD, "what is this")], UNUSABLE),
    ("a header without a name", [framed(GOOD, ": x")], UNUSABLE),
    ("a folded header", [framed(GOOD, "X-A: b\r\n c")], ORDER),
    ("a header of nothing but blanks", [framed(GOOD, "X-A:    ")], ORDER),
    ("NUL in a header", [framed(GOOD, "X-A: \x00")], ORDER),
    ("Latin-1 in a header", [framed(GOOD, "X-A: \xff")], ORDER),
    ("Latin-1 in a header's name", [framed(GOOD, "X-\xe9: b")], UNUSABLE),
    ("many headers", [framed(GOOD, *(f"X-{n}: b" for n in range(60)))], ORDER),
    ("too many headers", [framed(GOOD, *(f"X-{n}: b" for n in range(5_000))), End.CLOSE], UNUSABLE),
    ("headers without end", [b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 200_000, End.CLOSE], UNUSABLE),
    ("a header as long as a book", [framed(GOOD, "X-A: " + "b" * 70_000), End.CLOSE], UNUSABLE),
    ("an unknown charset", [framed(GOOD, "Content-Type: application/json; charset=klingon")], ORDER),
    ("a charset that is no text", [framed(GOOD, "Content-Type: application/json; charset=hex")], ORDER),
    ("a charset of NUL", [framed(GOOD, "Content-Type: application/json; charset=\x00")], ORDER),
    ("an unknown content encoding", [framed(GOOD, "Content-Encoding: klingon")], ORDER),
    ("gzip", [framed(gzip.compress(GOOD), "Content-Encoding: gzip")], ORDER),
    ("gzip that nobody announced", [framed(gzip.compress(GOOD))], ORDER),
    ("gzip that isn't", [framed(GOOD, "Content-Encoding: gzip")], ORDER),
    (
        "gzip in two members",
        [framed(gzip.compress(GOOD[:50]) + gzip.compress(GOOD[50:]), "Content-Encoding: gzip")],
        ORDER,
    ),
    ("gzip cut short", [framed(gzip.compress(GOOD)[:-20], "Content-Encoding: gzip")], UNUSABLE),
    ("gzip broken", [framed(gzip.compress(GOOD)[:40] + b"x" * 40, "Content-Encoding: gzip")], UNUSABLE),
    ("gzip of nothing, over and over", [framed(gzip.compress(b"") * 40_000, "Content-Encoding: gzip")], UNUSABLE),
    ("gzip bomb", [framed(gzip.compress(b" " * (64 << 20), 9), "Content-Encoding: gzip")], UNUSABLE),
    (
        "gzip bomb in a gzip",
        [framed(gzip.compress(gzip.compress(b" " * (64 << 20))), "Content-Encoding: gzip, gzip")],
        UNUSABLE,
    ),
    ("deflate", [framed(zlib.compress(GOOD), "Content-Encoding: deflate")], ORDER),
    ("brotli", [framed(b"\x8b\x02\x80\x01\x03", "Content-Encoding: br")], UNUSABLE),
    ("cookies", [framed(GOOD, *(f"Set-Cookie: a{n}=b" for n in range(20)))], ORDER),
    ("a redirect with an order", [framed(GOOD, "Location: /", status="HTTP/1.1 302 -")], UNUSABLE),
    ("an upgrade", [framed(GOOD, "Upgrade: h2c", "Connection: Upgrade")], ORDER),
]

PAGES: list[tuple[str, list[Step], AnswerKind]] = [
    ("401 of a CDN", [framed(HTML, status="HTTP/1.1 401 -")], UNUSABLE),
    ("403 of a CDN", [framed(HTML, status="HTTP/1.1 403 -")], UNUSABLE),
    ("403 of a CDN in JSON", [framed(b'{"error": "blocked"}', status="HTTP/1.1 403 -")], UNUSABLE),
    ("403 of feee.io", [framed(REFUSAL, status="HTTP/1.1 403 -")], MISCONFIGURED),
    ("401 of feee.io", [framed(REFUSAL, status="HTTP/1.1 401 -")], MISCONFIGURED),
    ("403, too often", [framed(b'{"code": 11001}', status="HTTP/1.1 403 -")], RATE),
    ("403 and all is well", [framed(GOOD, status="HTTP/1.1 403 -")], UNUSABLE),
    ("429 of a CDN", [framed(HTML, "Retry-After: 5", status="HTTP/1.1 429 -")], RATE),
    ("429 of feee.io", [framed(REFUSAL, status="HTTP/1.1 429 -")], RATE),
    ("200 and a page", [framed(HTML)], UNUSABLE),
    ("503", [framed(HTML, "Retry-After: Fri, 31 Dec 9999 23:59:59 GMT", status="HTTP/1.1 503 -")], UNUSABLE),
    ("400 and a code", [framed(REFUSAL, status="HTTP/1.1 400 -")], REFUSED),
]

NUMBER = '"pay_amount": 3.92'
BODIES: list[tuple[str, bytes, AnswerKind]] = [
    ("1E+1", with_text(NUMBER, '"pay_amount": 1E+1'), ORDER),
    ("1e2", with_text(NUMBER, '"pay_amount": 1e2'), ORDER),
    ("2.4e1", with_text(NUMBER, '"pay_amount": 2.4e1'), ORDER),
    ("0.00000000", with_text(NUMBER, '"pay_amount": 0.00000000'), ORDER),
    ("an amount in text", with_text(NUMBER, '"pay_amount": "3.920000"'), ORDER),
    ("an exponent in text", with_text(NUMBER, '"pay_amount": "3.92E0"'), ORDER),
    ("an amount that isn't there", with_text(NUMBER, '"pay_amount": ""'), ORDER),
    ("a comma", with_text(NUMBER, '"pay_amount": "3,92"'), UNUSABLE),
    ("two points", with_text(NUMBER, '"pay_amount": "3.9.2"'), UNUSABLE),
    ("an underscore", with_text(NUMBER, '"pay_amount": "3_9"'), UNUSABLE),
    ("a unit", with_text(NUMBER, '"pay_amount": "3.92 TRX"'), UNUSABLE),
    ("hexadecimal", with_text(NUMBER, '"pay_amount": "0x10"'), UNUSABLE),
    ("true", with_text(NUMBER, '"pay_amount": true'), UNUSABLE),
    ("NaN in text", with_text(NUMBER, '"pay_amount": "NaN"'), UNUSABLE),
    ("NaN", with_text(NUMBER, '"pay_amount": NaN'), UNUSABLE),
    ("Infinity", with_text(NUMBER, '"pay_amount": Infinity'), UNUSABLE),
    ("-Infinity in another place", with_text(NUMBER, f'{NUMBER}, "x": -Infinity'), UNUSABLE),
    ("1e400 for an amount", with_text(NUMBER, '"pay_amount": 1e400'), UNUSABLE),
    ("1e400 elsewhere", with_text(NUMBER, f'{NUMBER}, "x": 1e400'), ORDER),
    ("1e10^19 elsewhere", with_text(NUMBER, f'{NUMBER}, "x": 1e{10**19}'), ORDER),
    ("1e-10^19 elsewhere", with_text(NUMBER, f'{NUMBER}, "x": 1e-{10**19}'), ORDER),
    ("1e10^19 for an amount", with_text(NUMBER, f'"pay_amount": 1e{10**19}'), UNUSABLE),
    ("1e10^19 for a status", with_text('"status": 12', f'"status": 1e{10**19}'), UNUSABLE),
    ("1e10^19 for a code", b'{"code": 1e10000000000000000000}', UNUSABLE),
    ("100,000 digits elsewhere", with_text(NUMBER, f'{NUMBER}, "x": {"9" * 100_000}'), ORDER),
    ("100,000 digits after the point", with_text(NUMBER, f'{NUMBER}, "x": 0.{"9" * 100_000}'), ORDER),
    ("100,000 digits for a code", b'{"code": ' + b"9" * 100_000 + b"}", UNUSABLE),
    ("100,000 digits for an amount", with_text(NUMBER, f'"pay_amount": {"9" * 100_000}'), UNUSABLE),
    ("digits in text", with_text(NUMBER, f'"pay_amount": "{"9" * 100_000}"'), UNUSABLE),
    ("status 12.0", with_text('"status": 12', '"status": 12.0'), ORDER),
    ("status in text", with_text('"status": 12', '"status": "12"'), ORDER),
    ("status 1.2e1", with_text('"status": 12', '"status": 1.2e1'), ORDER),
    ("status 12.5", with_text('"status": 12', '"status": 12.5'), UNUSABLE),
    ("status true", with_text('"status": 12', '"status": true'), UNUSABLE),
    ("no status", with_text('"status": 12', '"status": ""'), UNUSABLE),
    ("code in text", with_text('"code": 0', '"code": "0"'), ORDER),
    ("code 0.0", with_text('"code": 0', '"code": 0.0'), ORDER),
    ("code false", with_text('"code": 0', '"code": false'), UNUSABLE),
    ("code null", with_text('"code": 0', '"code": null'), UNUSABLE),
    ("code empty", with_text('"code": 0', '"code": ""'), UNUSABLE),
    ("no times", with_data(pay_time="", refund_time="", freeze_time=""), ORDER),
    ("order_no as a number", with_text(f'"{ORDER_NO}"', ORDER_NO), ORDER),
    ("order_no rounded", with_text(f'"{ORDER_NO}"', "2408228772142551000000"), UNUSABLE),
    ("order_no as a float", with_text(f'"{ORDER_NO}"', "2.4082287721425510401e21"), UNUSABLE),
    ("order_no of another", with_text(f'"{ORDER_NO}"', '"1"'), UNUSABLE),
    ("a list of it", envelope(f"[{DATA}]"), ORDER),
    ("a list of two", envelope(f"[{DATA}, {DATA}]"), UNUSABLE),
    ("a list of a list", envelope(f"[[{DATA}]]"), UNUSABLE),
    ("an empty list", envelope("[]"), ACCEPTED),
    ("null", envelope("null"), ACCEPTED),
    ("an empty object", envelope("{}"), ACCEPTED),
    ("nothing in text", envelope('""'), ACCEPTED),
    ("no data", b'{"code": 0}', ACCEPTED),
    ("data false", envelope("false"), UNUSABLE),
    ("data 0", envelope("0"), UNUSABLE),
    ("data true", envelope("true"), UNUSABLE),
    ("data in text", envelope('"ok"'), UNUSABLE),
    ("the same twice", with_text('"status": 12', '"status": 12, "status": 12'), ORDER),
    ("status twice", with_text('"status": 12', '"status": 12, "status": 4'), UNUSABLE),
    ("code twice", with_text('"code": 0', '"code": 0, "code": 1'), UNUSABLE),
    ("data twice", with_text('"request_id"', '"data": null, "request_id"'), UNUSABLE),
    ("something else twice", with_text('"is_lock": 1', '"is_lock": 1, "is_lock": 0'), ORDER),
    ("a BOM", b"\xef\xbb\xbf" + GOOD, ORDER),
    ("UTF-16", GOOD.decode().encode("utf-16"), ORDER),
    ("GBK", with_text('"ok"', '"订单不存在"').decode().encode("gbk"), ORDER),
    ("no charset at all", with_text('"ok"', '"@@"').replace(b"@@", b"\xff\xff"), UNUSABLE),
    ("a lone surrogate", with_text('"ok"', r'"x\ud83d"'), ORDER),
    ("a lone surrogate in a key", with_text(NUMBER, rf'{NUMBER}, "x\udc00": 1'), ORDER),
    ("a lone surrogate deep down", with_text(NUMBER, rf'{NUMBER}, "x": [[{{"y": "\ud800"}}]]'), ORDER),
    ("a lone surrogate in a unit", with_data(rent_time_unit="x").replace(b'"x"', rb'"\ud800"'), ORDER),
    ("a NUL escaped", with_text('"ok"', r'"x\u0000"'), ORDER),
    ("a NUL raw", with_text('"ok"', '"x\x00"'), UNUSABLE),
    ("300 deep", with_text(NUMBER, f'{NUMBER}, "x": {"[" * 300}{"]" * 300}'), ORDER),
    ("100,000 deep", with_text(NUMBER, f'{NUMBER}, "x": {"[" * 100_000}{"]" * 100_000}'), UNUSABLE),
    ("msg of everything", with_text('"ok"', '{"a": [1, 2.5, null, "b"]}'), ORDER),
    ("msg 300 deep", with_text('"ok"', "[" * 300 + "]" * 300), ORDER),
    ("msg a number", with_text('"ok"', "5"), ORDER),
    ("msg of a megabyte", with_text('"ok"', '"' + "x" * 1_000_000 + '"'), ORDER),
    ("longer than a mebibyte", GOOD + b" " * (1 << 20), UNUSABLE),
    ("a list", b"[0]", UNUSABLE),
    ("a number", b"0", UNUSABLE),
    ("null alone", b"null", UNUSABLE),
    ("two envelopes", GOOD + GOOD, UNUSABLE),
    ("half an envelope", GOOD[:-1], UNUSABLE),
    ("a comment", b"/**/" + GOOD, UNUSABLE),
    ("single quotes", b"{'code': 0}", UNUSABLE),
    ("JSONP", b"callback(" + GOOD + b")", UNUSABLE),
]

CASES = [
    *((line[:40], [framed(GOOD, status=line)], kind) for line, kind in STATUS_LINES),
    *FRAMING,
    *SHIFTS,
    *HEADERS,
    *PAGES,
    *((name, [framed(body)], kind) for name, body, kind in BODIES),
]


@pytest.fixture
def server() -> Iterator[OddServer]:
    """One of the test's own: what another test scripted, and may not have asked for, isn't played here."""
    with odd_server() as running:
        yield running


@pytest.fixture
def feee(server: OddServer) -> FeeeClient:
    return FeeeClient(server.url, user_agent="Feee.io Client/1.0.0", key=lambda *, refresh=False: KEY)


@pytest.mark.parametrize(("steps", "kind"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_an_odd_answer_is_an_answer_in_time_and_the_next_call_gets_its_own(
    server: OddServer, feee: FeeeClient, steps: list[Step], kind: AnswerKind
) -> None:
    server.play(ORDER_NO, *steps)
    cancel = partial(feee.cancel, ORDER_NO)
    answer = sent_in_time(cancel, SECONDS) if kind is UNUSABLE else in_time(cancel)
    assert answer.kind is kind, answer
    assert (answer.order is not None) == (kind is ORDER)
    for number in ("1001", "1002", "1003"):
        its_own = feee.query(number, deadline=soon())
        assert (its_own.kind, its_own.request_id) == (ORDER, f"r-{number}")


@pytest.mark.parametrize(
    ("status", "header", "seconds"), [("429 -", "7", 7), ("503 -", "9999", 300), ("503 -", "x", 0)]
)
def test_how_long_feee_io_asks_to_wait_is_in_the_answer(
    server: OddServer, feee: FeeeClient, status: str, header: str, seconds: float
) -> None:
    server.play(ORDER_NO, framed(HTML, f"Retry-After: {header}", status=f"HTTP/1.1 {status}"))
    assert feee.cancel(ORDER_NO, deadline=soon()).retry_after == seconds


def test_a_connection_that_was_reset_while_it_rested_is_not_used(server: OddServer, feee: FeeeClient) -> None:
    server.play(ORDER_NO, WHOLE, End.RESET)
    assert feee.cancel(ORDER_NO, deadline=soon()).kind is ORDER
    peer = ("127.0.0.1", urlsplit(server.url).port)
    wait_for(lambda: peer not in {one.raddr for one in psutil.Process().net_connections("tcp")})
    assert feee.query("1001", deadline=soon()).request_id == "r-1001"


@pytest.mark.parametrize("before", [b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"], ids=["alone", "after hints"])
@pytest.mark.parametrize("behind", [b"", b"x"], ids=["to its end", "and a byte more"])
def test_a_connection_whose_answer_came_with_anything_else_is_not_used_again(
    server: OddServer, feee: FeeeClient, before: bytes, behind: bytes
) -> None:
    others = server.connections
    server.play(ORDER_NO, before + WHOLE + behind)
    assert feee.cancel(ORDER_NO, deadline=soon()).kind is ORDER
    assert feee.query("1001", deadline=soon()).request_id == "r-1001"
    assert server.connections - others == (2 if before or behind else 1)


def test_an_answer_that_comes_too_late_may_mislead_the_call_after_it_and_no_other(
    server: OddServer, feee: FeeeClient
) -> None:
    """HTTP/1.1 has nothing to tell the two apart by; an order's own number has."""
    server.play(ORDER_NO, WHOLE)
    server.play("1001", framed(REFUSAL), End.HOLD)  # late, but not before the query: the client would notice that
    assert feee.cancel(ORDER_NO, deadline=soon()).kind is ORDER
    assert feee.query("1001", deadline=soon()).kind is REFUSED
    assert feee.query("1002", deadline=soon()).request_id == "r-1002"


def test_an_order_that_comes_too_late_is_not_taken_for_another(server: OddServer, feee: FeeeClient) -> None:
    server.play(ORDER_NO, WHOLE)
    server.play("1001", framed(order_body("1000")), End.HOLD)  # late in the same way
    assert feee.cancel(ORDER_NO, deadline=soon()).kind is ORDER
    misled = feee.query("1001", deadline=soon())
    assert (misled.kind, misled.detail) == (UNUSABLE, "data is another order")
    assert feee.query("1002", deadline=soon()).request_id == "r-1002"
