"""How text of others is shown: nothing in it moves the cursor, ends a line, turns text around, or hides.

Reasons, messages of feee.io and of AWS, requests' ids, queues' messages: anybody may have written them.
"""

import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Self

from rich.cells import cell_len

from feee_cancel.adapters.representation import to_json

Words = str | Sequence[str]
"""What a command says: a line, or lines. A line end within one isn't the command's own, and is shown as `\\n`."""

_BLANK = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\ufffc\U00013441\U00013442\U0001d159"
    "\U000e0100-\U000e01ef]"
)
"""What counts as printable, and shows nothing (Unicode, default ignorable code points; other scripts' blanks)."""
_JOINED = re.compile("[\u1160-\u11ff\ud7b0-\ud7ff]")
"""Korean vowels and endings, which stand in the syllable before them as marks do."""
_MARKS = 3
"""Marks on one character: more of them reach into other lines."""
_CONTINUED, _CUT = "  ... ", "..."


class TableRow(str):
    """A row of a table: at a terminal it is one line, cut at the edge (`wide`: wrapped), its state in colour."""

    __slots__ = ("state", "wide")
    state: str
    wide: bool

    def __new__(cls, text: str, state: str, *, wide: bool) -> Self:
        """`text` begins with the order number and the state."""
        row = super().__new__(cls, text)
        row.state, row.wide = state, wide
        return row


class Copied(str):
    """A line to be copied, a command for example: even a terminal doesn't break it. Nobody else's text is in it."""

    __slots__ = ()


def lines(words: Words) -> list[str]:
    """Each line, with Python's escapes for everything in it that a screen would obey or not show."""
    several = [words] if isinstance(words, str) else words
    return [Copied(visible(line)) if isinstance(line, Copied) else visible(line) for line in several]


def visible(text: str) -> str:
    """One line of text, whatever is in it."""
    return text if text.isascii() and text.isprintable() else "".join(_shown(text))


def wrapped(line: str, width: int) -> list[str]:
    """A line as lines of a screen, broken at a blank if one is near; nothing but its beginning is at the margin."""
    if width <= 2 * len(_CONTINUED):
        return [line]
    ends = [0, _end(line, 0, width)]
    while ends[-1] < len(line):
        ends.append(_end(line, ends[-1], width - len(_CONTINUED)))
    first, *rest = (line[start:end].removesuffix(" ") for start, end in pairwise(ends))
    return [first, *(_CONTINUED + part for part in rest)]


def cut(text: str, width: int) -> str:
    """The text, or as much of it as fits one line."""
    if _room(text, 0, width) == len(text):
        return text
    return (text[: _room(text, 0, width - len(_CUT))] + _CUT)[: max(0, width)]


def padded(text: str, width: int) -> str:
    """The text as it is shown, with blanks up to this column, and one at least."""
    shown = visible(text)
    return shown + " " * max(1, width - cell_len(shown))


def fitted(line: str, width: int) -> list[str]:
    """A line as a screen of this width shows it; without a width (0), as it is."""
    text = visible(line)
    if not width or isinstance(line, Copied):
        return [text]
    if isinstance(line, TableRow) and not line.wide:
        return [cut(text, width)]
    return wrapped(text, width)


def for_scripts(document: object) -> str:
    """JSON in ASCII: every reader and every screen takes it."""
    return re.sub("[^ -~]", lambda found: _escaped(found[0]), to_json(document))


def clipped(text: str, most: int) -> str:
    """The beginning of a long text."""
    return text if len(text) <= most else f"{text[:most]}..."


def _end(text: str, start: int, width: int) -> int:
    """Where a line of a screen that begins there ends: after the last blank of its second half, if there is one.

    That blank may be just beyond the width: it isn't shown.
    """
    end = _room(text, start, width)
    blank = text.rfind(" ", (start + end) // 2, end + 1)
    return end if end == len(text) or blank < 0 else blank + 1


def _room(text: str, start: int, width: int) -> int:
    """The end of what fits every terminal: they differ on what is wide, and on whether a mark takes a column."""
    end, left = start, width
    while end < len(text) and left >= _columns(text[end]):
        left -= _columns(text[end])
        end += 1
    return end


def _columns(character: str) -> int:
    return 1 if character.isascii() else 2


def _shown(text: str) -> Iterator[str]:
    marks = 0
    for character in text:
        is_mark = unicodedata.category(character).startswith("M") or _JOINED.match(character)
        marks = marks + 1 if is_mark else 0
        unfit = not character.isprintable() or _BLANK.match(character) or marks > _MARKS
        yield character.encode("unicode_escape").decode() if unfit else character


def _escaped(character: str) -> str:
    return json.dumps(character)[1:-1] if character != "\x7f" else "\\u007f"
