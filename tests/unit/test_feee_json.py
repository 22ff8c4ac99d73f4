"""What feee.io may send in the place of plain JSON: read if it is unambiguous, refused if it isn't."""

import gzip
import json
import sys
import zlib
from base64 import b64encode
from decimal import Decimal
from typing import Any

import pytest

from feee_cancel.adapters.feee_answer import interpret
from feee_cancel.adapters.feee_json import MAX_BODY, parse
from feee_cancel.domain.answer import Answer, AnswerKind
from tests.builders import ORDER_NO

KEY = "8a63d52f-1dcd-4c5e-9e3d-1f0b8f3ea2d4"


def read(body: bytes | str, *, content_type: str = "") -> Any:
    return parse(body if isinstance(body, bytes) else body.encode(), KEY, content_type=content_type)


def zipped(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def said(body: bytes | str, *, status: int = 200) -> Answer:
    body = body if isinstance(body, bytes) else body.encode()
    return interpret(status, body, ORDER_NO, KEY, seconds=0.0)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("系统".encode(), ""),
        ("系统".encode("utf-8-sig"), ""),
        ("系统".encode("utf-16"), ""),
        ("系统".encode(), "application/json; charset=klingon"),
        ("系统繁忙".encode("gb18030"), ""),
        ("系统繁忙".encode("gbk"), "application/json;charset=utf-8"),
        ("系统".encode("gbk"), "application/json; charset=GBK"),
        ("系统".encode("gbk"), 'text/html; charset="gb2312"'),
        ("系统".encode("utf-16"), "application/json; charset=gbk"),
    ],
)
def test_text_is_decoded_as_it_is_declared_or_as_it_can_be(body: bytes, content_type: str) -> None:
    quote = '"'.encode("utf-16-le" if body.startswith(b"\xff\xfe") else "utf-8")
    mark = next((mark for mark in (b"\xff\xfe", b"\xef\xbb\xbf") if body.startswith(mark)), b"")
    text = read(mark + quote + body.removeprefix(mark) + quote, content_type=content_type)
    assert text in {"系统", "系统繁忙"}


@pytest.mark.parametrize("charset", ["ISO-8859-1", "latin1", '"windows-1252"'])
@pytest.mark.parametrize("text", ["annulé", "éa", "ordre annulé à 5 h"])
def test_latin_1_is_read_if_it_is_declared_and_utf_8_all_the_same(charset: str, text: str) -> None:
    for encoding in ("latin-1", "utf-8"):
        assert read(f'"{text}"'.encode(encoding), content_type=f"application/json; charset={charset}") == text


@pytest.mark.parametrize(
    "body", ["", "{", "{} {}", "[NaN]", "[Infinity]", "[2,4", '{"a": 2,4}', "{'a': 1}", b"\xff\xff"]
)
def test_what_is_no_json_is_refused(body: bytes | str) -> None:
    with pytest.raises(ValueError, match="not JSON"):
        read(body)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2408228772142551040100", 2408228772142551040100),
        ("0.12345678901234567890", Decimal("0.12345678901234567890")),
        ("1e400", Decimal("1e400")),
        (f"1e{10**19}", f"1e{10**19}"),
        (f"-1e-{10**19}", f"-1e-{10**19}"),
        ("9" * 10_000, "9" * 10_000),
        (f"0.{'9' * 10_000}", f"0.{'9' * 10_000}"),
    ],
)
def test_a_number_is_exact_or_as_it_was_written(text: str, value: object) -> None:
    assert read(text) == value
    assert type(read(text)) is type(value)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ('{"a": 1, "a": 1}', {"a": 1}),
        ('{"a": 1, "a": 1.0}', {"a": 1}),
        ('{"a": {"b": 1}, "a": {"b": 1}}', {"a": {"b": 1}}),
        ('{"a": 1, "b": 0, "a": 2, "a": 1}', {"a": [1, 2, 1], "b": 0}),
        ('{"a": 1, "a": "1"}', {"a": [1, "1"]}),
    ],
)
def test_of_a_member_that_is_there_twice_both_are_kept_unless_they_are_the_same(body: str, value: object) -> None:
    assert read(body) == value


@pytest.mark.parametrize(
    ("escaped", "text"),
    [
        (r"x\ud83d", "x\ufffd"),
        (r"\udc00x", "\ufffdx"),
        (r"\ud83d\ude00", "\U0001f600"),
        (r"\ud83d \ude00", "\ufffd \ufffd"),
        (r"a\u0000\u009b", "a\x00\x9b"),
    ],
)
def test_half_a_character_is_replaced_wherever_it_is(escaped: str, text: str) -> None:
    assert read(f'[{{"{escaped}": ["{escaped}", 1]}}]') == [{text: [text, 1]}]


def test_nesting_is_kept_to_a_depth_and_no_deeper() -> None:
    assert json.dumps(read("[" * 32 + "]" * 32)).count("[") == 32
    assert read("[" * 300 + "]" * 300) == json.loads("[" * 32 + '"[nested too deeply]"' + "]" * 32)
    with pytest.raises(ValueError, match="nested too deeply"):
        read("[" * (sys.getrecursionlimit() * 20) + "]")


@pytest.mark.parametrize(
    "packed",
    [
        zipped(b'{"a": 1}'),
        zlib.compress(b'{"a": 1}'),
        zipped(b'{"a"') + zipped(b": 1}"),
        zipped(b'{"a": 1}')[:-4],
        zipped(b'{"a": 1}') + b"trailing garbage",
    ],
    ids=["gzip", "zlib", "two members", "without its end", "with more after it"],
)
def test_what_is_compressed_is_read_whatever_the_header_says(packed: bytes) -> None:
    assert read(packed) == {"a": 1}


@pytest.mark.parametrize(
    ("packed", "words"),
    [
        (zipped(b" " * (MAX_BODY + 1)), "longer than 1 MiB"),
        (zipped(b" " * (64 << 20)), "longer than 1 MiB"),
        (zipped(b"") * 1_000, "not JSON"),
        (zipped(b'{"a": 1}')[:12], "not JSON"),
        (b"\x1f\x8bxxx", "not JSON"),
        (b"xyz", "not JSON"),
    ],
    ids=["one byte over", "a bomb", "nothing, over and over", "half", "no gzip", "no zlib"],
)
def test_what_cannot_be_unpacked_in_bounds_is_refused(packed: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read(packed)


@pytest.mark.parametrize(
    "echo",
    [
        KEY,
        KEY.upper(),
        f"\\u{ord(KEY[0]):04x}{KEY[1:]}",
        KEY.replace("-", "\\u002d"),
        f"?key={KEY}&x",
        b64encode(KEY.encode()).decode(),
        b64encode(f"{KEY}\n".encode()).decode(),
    ],
)
def test_the_key_is_blotted_out_in_every_form_that_an_echo_takes(echo: str) -> None:
    kept = json.dumps(read(f'{{"{echo}": ["{echo}", {{"x": "a {echo} b"}}]}}'))
    assert kept.count("[key]") == 3
    assert echo not in kept
    assert KEY not in kept.lower()


def test_a_key_in_base64_with_more_behind_it_is_blotted_out_whatever_its_length() -> None:
    for key in (KEY, KEY + "x", KEY + "xy"):
        kept = str(parse(json.dumps(b64encode(f"{key}:secret".encode()).decode()).encode(), key, content_type=""))
        assert kept.startswith("[key]")


def test_a_key_that_has_to_be_encoded_in_a_url_is_blotted_out_encoded_too() -> None:
    key = "a+b/c=d&e.f(g)"
    text = '["a%2Bb%2Fc%3Dd%26e.f%28g%29", "a%2bb%2fc%3dd%26e.f%28g%29", "a+b/c=d&e.f(g)", "a+b/c=d&eXf(g)"]'
    kept = parse(text.encode(), key, content_type="")
    assert kept == ["[key]", "[key]", "[key]", "a+b/c=d&eXf(g)"]


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, "<html>", AnswerKind.NO_USABLE_ANSWER),
        (403, "<html>", AnswerKind.NO_USABLE_ANSWER),
        (403, '{"message": "Forbidden"}', AnswerKind.NO_USABLE_ANSWER),
        (403, '{"code": 0}', AnswerKind.NO_USABLE_ANSWER),
        (401, '{"code": 7}', AnswerKind.MISCONFIGURED),
        (403, '{"code": 20003}', AnswerKind.MISCONFIGURED),
        (403, '{"code": 11001}', AnswerKind.RATE_EXCEEDED),
        (429, "<html>", AnswerKind.RATE_EXCEEDED),
        (429, '{"code": 10001}', AnswerKind.MISCONFIGURED),
        (500, '{"code": 20012}', AnswerKind.MISCONFIGURED),
        (500, '{"code": 20003}', AnswerKind.NO_USABLE_ANSWER),
        (404, '{"code": 20003}', AnswerKind.REFUSED),
        (200, '{"code": "20003"}', AnswerKind.REFUSED),
        (200, '{"code": -1}', AnswerKind.REFUSED),
        (302, '{"code": 20003}', AnswerKind.NO_USABLE_ANSWER),
    ],
)
def test_who_speaks_is_known_by_the_envelope(status: int, body: str, kind: AnswerKind) -> None:
    assert said(body, status=status).kind is kind


@pytest.mark.parametrize(
    ("msg", "words"),
    [
        ("null", None),
        ('"余额"', "余额"),
        ("5", "5"),
        ("2.50", "2.5"),
        ('{"a": ["b", 1.5, null]}', '{"a": ["b", 1.5, null]}'),
        ('"' + "x" * 2_000 + '"', "x" * 1_000),
        ("[" * 300 + "]" * 300, "[" * 31 + '"[nested too deeply]"' + "]" * 31),
    ],
)
def test_words_are_kept_as_text_and_at_most_a_thousand(msg: str, words: str | None) -> None:
    assert said(f'{{"code": 1, "msg": {msg}, "request_id": {msg}}}').msg == words
    assert said(f'{{"code": 1, "msg": {msg}, "request_id": {msg}}}').request_id == words
