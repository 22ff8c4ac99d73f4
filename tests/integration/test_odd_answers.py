"""The client against a peer that may send anything: each call comes to an answer, in time, and its own."""

import json
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from feee_cancel.adapters.feee_client import FeeeClient
from feee_cancel.domain.answer import AnswerKind
from tests.builders import ORDER_NO, order_data
from tests.odd_server import OddServer, Step, framed, odd_server, order_body, soon

KEY = "8a63d52f-1dcd-4c5e-9e3d-1f0b8f3ea2d4"
SECONDS = 0.4
"""How long a call may take."""

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
    *PAGES,
    *((name, [framed(body)], kind) for name, body, kind in BODIES),
]


@pytest.fixture(scope="module")
def server() -> Iterator[OddServer]:
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
    started = time.monotonic()
    answer = feee.cancel(ORDER_NO, deadline=started + SECONDS)
    assert answer.kind is kind, answer
    assert time.monotonic() - started < SECONDS + 0.3
    assert (answer.order is not None) == (kind is ORDER)
    for number in ("1001", "1002", "1003"):
        its_own = feee.query(number, deadline=soon())
        assert (its_own.kind, its_own.request_id) == (ORDER, f"r-{number}")
