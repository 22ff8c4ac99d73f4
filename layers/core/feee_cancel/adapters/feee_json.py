"""JSON as feee.io may send it: read generously if it is unambiguous, in bounded time, and fit to be kept."""

import json
import re
import zlib
from base64 import b64encode
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, NoReturn
from urllib.parse import quote

MAX_BODY = 1 << 20
_MAX_NUMBER = 64
_MAX_DEPTH = 32
_MAX_MEMBERS = 16
_COMPRESSED = (b"\x1f\x8b", b"x")
"""How gzip and zlib data begins, and no JSON does, so no header is needed to recognise it."""
_GZIP_OR_ZLIB = 47
_CHINESE = re.compile(r"charset\s*=\s*[\"']?(?:gb2312|gbk|gb18030)\b", re.IGNORECASE)
_LATIN = re.compile(r"charset\s*=\s*[\"']?(?:iso-?8859-1|latin-?1|windows-1252)\b", re.IGNORECASE)
_LEFT_OUT = "[nested too deeply]"
_SURROGATES = re.compile("[\ud800-\udfff]")
"""Halves of characters (surrogates): JSON can escape them, but no encoding can write them."""


def parse(body: bytes, key: str, *, content_type: str) -> object:
    """The document: numbers exact, text sound, the key nowhere in it, at most 32 deep.

    Raises ValueError, in words for people, if it isn't one, or has more than 1 MiB.
    """
    unpacked = _unpacked(body)
    if len(unpacked) > MAX_BODY:
        raise ValueError("longer than 1 MiB")
    text, document = _document(unpacked, content_type)
    clean = _cleaning(key)
    return document if _is_clean(text, clean) else _cleaned(document, clean, _MAX_DEPTH)


def _unpacked(body: bytes) -> bytes:
    """The body as it was before it was compressed; at most one byte over the limit."""
    unpacked, members = b"", 0
    while body.startswith(_COMPRESSED) and len(unpacked) <= MAX_BODY and members < _MAX_MEMBERS:
        member = zlib.decompressobj(_GZIP_OR_ZLIB)
        try:
            unpacked += member.decompress(body, MAX_BODY + 1 - len(unpacked))
        except zlib.error:
            raise ValueError("not JSON") from None
        body, members = member.unused_data, members + 1
    return unpacked or body


def _document(body: bytes, content_type: str) -> tuple[str, object]:
    """The text and what it says.

    UTF-8 as JSON has it, or what its BOM or zeros say; GB18030 if that is declared, or nothing else fits; Latin-1 only
    if that is declared.
    """
    for encoding in _encodings(body, content_type):
        try:
            text = body.decode(encoding)
            return text, _JSON.decode(text)
        except RecursionError:
            raise ValueError(_LEFT_OUT) from None
        except ValueError:
            continue
    raise ValueError("not JSON")


def _encodings(body: bytes, content_type: str) -> tuple[str, str]:
    """The two encodings that the text may have, the likelier first."""
    own = json.detect_encoding(body)
    if _CHINESE.search(content_type):
        return "gb18030", own
    return own, "latin-1" if _LATIN.search(content_type) else "gb18030"


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= _MAX_NUMBER else digits


def _decimal(written: str) -> Decimal | str:
    """The exact number; the text as it was written if that is no usable number."""
    try:
        return Decimal(written) if len(written) <= _MAX_NUMBER else written
    except InvalidOperation:
        return written


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The members of an object. One that occurs several times has all its values, unless they are the same."""
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    given: dict[str, list[Any]] = {}
    for name, value in pairs:
        given.setdefault(name, []).append(value)
    return {
        name: values[0] if all(value == values[0] for value in values) else values for name, values in given.items()
    }


_JSON = json.JSONDecoder(
    parse_float=_decimal, parse_int=_integer, parse_constant=_refuse_constant, object_pairs_hook=_members
)


@lru_cache(maxsize=1)
def _cleaning(key: str) -> Callable[[str], str]:
    """Makes text sound, and removes the key: as it is, in another case, percent-encoded, or in base64."""
    encoded = b64encode(key.encode()[: len(key) // 3 * 3]).decode()
    forms = re.compile("|".join(map(re.escape, (key, quote(key, safe=""), encoded))), re.IGNORECASE)
    return lambda text: _sound(forms.sub("[key]", text))


def _sound(text: str) -> str:
    """The text with U+FFFD for halves of characters."""
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


def _is_clean(text: str, clean: Callable[[str], str]) -> bool:
    """Whether nothing in the document has to be cleaned, as is usual. It looks at the text alone, which is quicker.

    Without a backslash, every string is in the text as it is; with so few brackets, nothing is too deep.
    """
    return "\\" not in text and text.count("{") + text.count("[") <= _MAX_DEPTH and clean(text) == text


def _cleaned(value: Any, clean: Callable[[str], str], depth: int) -> Any:
    match value:
        case str():
            return clean(value)
        case dict() | list() if depth == 0:
            return _LEFT_OUT
        case dict():
            return {clean(name): _cleaned(member, clean, depth - 1) for name, member in value.items()}
        case list():
            return [_cleaned(member, clean, depth - 1) for member in value]
        case _:
            return value
