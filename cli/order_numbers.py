"""Order numbers of a command line or a file: a text with one in each line, or a table with a column of them."""

import csv
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from cli.outcome import TroubleError
from cli.text import clipped

_NUMBER = re.compile(r"[0-9]{1,32}")
_QUOTED = re.compile(r"=\"([0-9]+)\"|'([0-9]+)")
"""How spreadsheets keep a long number as a text."""
_LINE_END, _AROUND = re.compile(r"\r\n?|\n"), " \t\ufeff\u00a0\u3000"
"""Unicode's other line ends (U+2028 and so on) are text within a cell: what follows them was never a row."""
_ROUNDED = re.compile(r"[0-9][.,]?[0-9]*[eE]\+?[0-9]+")
_ENCODINGS = ("utf-8-sig", "utf-16")
_DELIMITERS = ",;\t"
_SEPARATOR = re.compile(r"sep=([^\"]?)", re.IGNORECASE)
"""Excel's own first line, which names the delimiter; a tab at its end is cut off."""
_MOST_SHOWN, _MOST_OF_HEADING = 5, 200
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
        raise TroubleError(f"{_named(file)} can't be read: {error.strerror}.") from error
    encoding = _ENCODINGS[data[:2] in {b"\xff\xfe", b"\xfe\xff"}]
    if encoding != "utf-16" and b"\0" in data:
        raise _no_text(file)
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise _no_text(file) from error


def _no_text(file: str) -> TroubleError:
    return TroubleError(f"{_named(file)} isn't text in UTF-8. In a spreadsheet, save it as CSV UTF-8.")


def _cells(text: str, file: str, column: str) -> list[str]:
    """The numbers. Raises TroubleError that names every line at fault: nothing is sent then."""
    try:
        cells = list(_column(text, file, column))
    except csv.Error as error:  # an unclosed quote would make one cell of all orders up to the next quote
        raise TroubleError(f"Nothing was sent, for {_named(file)} can't be read as a table: {error}.") from error
    wrong = [f"line {line}: {why}" for line, cell in cells if (why := _fault(cell))]
    if wrong:
        more = [f"and {len(wrong) - _MOST_SHOWN:,} more"] if len(wrong) > _MOST_SHOWN else []
        why = f"Nothing was sent, for {_named(file)} has lines that aren't order numbers."
        raise TroubleError([why, *wrong[:_MOST_SHOWN], *more])
    return [cell for _, cell in cells]


def _column(text: str, file: str, column: str) -> Iterator[tuple[int, str]]:
    """The lines' numbers and cells. A first line with a delimiter, or the column's name, makes it a table."""
    lines = [(place, line.strip(_AROUND)) for place, line in enumerate(_LINE_END.split(text), 1)]
    filled = [(place, line) for place, line in lines if line and not line.startswith("#")]
    separator = _SEPARATOR.fullmatch(filled[0][1]) if filled else None
    filled = filled[1:] if separator else filled
    if not filled:
        return
    first = filled[0][1]
    delimiter = (separator[1] or "\t") if separator else next((mark for mark in _DELIMITERS if mark in first), ",")
    if delimiter not in first and first.strip('"').casefold() != column.casefold():
        yield from ((place, _plain(line)) for place, line in filled)
        return
    rows = csv.reader((line for _, line in filled), delimiter=delimiter, strict=True)
    heading = [name.strip() for name in next(rows)]
    at = _place(column, heading, file)
    for row in rows:
        if any(map(str.strip, row)):
            yield filled[rows.line_num - 1][0], _plain(row[at] if at < len(row) else "")


def _place(column: str, heading: Sequence[str], file: str) -> int:
    """Where the column is, in upper or lower case if need be. Raises TroubleError."""
    for name, names in ((column, list(heading)), (column.casefold(), [name.casefold() for name in heading])):
        if names.count(name) == 1:
            return names.index(name)
    what = "more than one column" if name in names else "no column"
    found = clipped(", ".join(heading), _MOST_OF_HEADING)
    raise TroubleError(
        f"{_named(file)} has {what} {column!r}; it has {found}. Name it with --column, or put one number in each line."
    )


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
    return "standard input" if file == "-" else file or "A file without a name"


def chunks(numbers: Iterable[str], size: int) -> list[list[str]]:
    """The numbers, `size` at a time."""
    all_of_them = list(numbers)
    return [all_of_them[start : start + size] for start in range(0, len(all_of_them), size)]
