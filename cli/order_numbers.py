"""Order numbers of a command line or a file: a text with one in each line, or a table with a column of them."""

import csv
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from cli.outcome import TroubleError

_NUMBER = re.compile(r"[0-9]{1,32}")
_QUOTED = re.compile(r"=\"([0-9]+)\"|'([0-9]+)")
"""How spreadsheets keep a long number as a text."""
_ROUNDED = re.compile(r"[0-9][.,]?[0-9]*[eE]\+?[0-9]+")
_ENCODINGS = ("utf-8-sig", "utf-16")
_DELIMITERS = ",;\t"
_MOST_SHOWN = 5
COLUMN = "order_no"


def given(order_nos: Sequence[str], file: str | None, column: str) -> list[str]:
    """Each number once, in the order given. `file` may be "-", standard input. Raises TroubleError."""
    lines = list(order_nos)
    if file is not None:
        lines += _cells(_read(file), file, column)
    numbers = list(dict.fromkeys(lines))
    if file is not None and not numbers:
        raise TroubleError(f"There is no order number in {_named(file)}.")
    return numbers


def _read(file: str) -> str:
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise TroubleError(f"{file} can't be read: {error.strerror}.") from error
    encoding = _ENCODINGS[data[:2] in {b"\xff\xfe", b"\xfe\xff"}]
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise TroubleError(f"{_named(file)} isn't text in UTF-8.") from error


def _cells(text: str, file: str, column: str) -> list[str]:
    """The numbers. Raises TroubleError that names every line at fault: nothing is sent then."""
    cells = list(_column(text, file, column))
    wrong = [f"line {line}: {why}" for line, cell in cells if (why := _fault(cell))]
    if wrong:
        more = f"\nand {len(wrong) - _MOST_SHOWN} more" if len(wrong) > _MOST_SHOWN else ""
        shown = "\n".join(wrong[:_MOST_SHOWN])
        raise TroubleError(f"Nothing was sent, for {_named(file)} has lines that aren't order numbers.\n{shown}{more}")
    return [cell for _, cell in cells]


def _column(text: str, file: str, column: str) -> Iterator[tuple[int, str]]:
    """The lines' numbers and cells. A first line with a delimiter, or the column's name, makes it a table."""
    lines = [(place, line.strip()) for place, line in enumerate(text.splitlines(), 1)]
    filled = [(place, line) for place, line in lines if line and not line.startswith("#")]
    if not filled:
        return
    first = filled[0][1]
    delimiter = next((mark for mark in _DELIMITERS if mark in first), ",")
    heading = next(csv.reader([first], delimiter=delimiter))
    if delimiter not in first and first.strip('"') != column:
        yield from ((place, _plain(line)) for place, line in filled)
        return
    if column not in heading:
        raise TroubleError(
            f"{_named(file)} has no column {column!r}; it has {', '.join(heading)}. Name it with --column."
        )
    rows = csv.reader((line for _, line in filled[1:]), delimiter=delimiter)
    for (place, _), row in zip(filled[1:], rows, strict=False):
        yield place, _plain(dict(zip(heading, row, strict=False)).get(column, ""))


def _plain(cell: str) -> str:
    quoted = _QUOTED.fullmatch(cell.strip())
    return (quoted[1] or quoted[2]) if quoted else cell.strip().strip('"')


def _fault(cell: str) -> str:
    if _NUMBER.fullmatch(cell):
        return ""
    shown = "".join(mark if mark.isprintable() else "?" for mark in cell[:40])
    if _ROUNDED.fullmatch(cell):
        return f"{shown} was rounded by a spreadsheet: have the column as text"
    return f"{shown!r} isn't 1 to 32 digits"


def _named(file: str) -> str:
    return "standard input" if file == "-" else file


def chunks(numbers: Iterable[str], size: int) -> list[list[str]]:
    """So many at a time."""
    all_of_them = list(numbers)
    return [all_of_them[start : start + size] for start in range(0, len(all_of_them), size)]
