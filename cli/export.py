"""What became final in a period, row by row, for a spreadsheet or a program; progress goes to stderr."""

import csv
import re
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import IO, Any

from cli import orders
from cli.money import Money
from cli.outcome import Exit, Outcome
from cli.patience import NoUseError, patiently
from cli.progress import Bar
from cli.target import Api
from cli.text import for_scripts, lines, visible

FORMATS = ("csv", "jsonl")
_ZONE = {"csv": "each time has its offset from UTC", "jsonl": "times are in unix seconds"}
FINAL = ("cancelled", "rejected", "withdrawn", "failed")
_TIMES = ("requested_at", "settled_at", "refund_time")
_COLUMNS = (
    "order_no",
    "state",
    "state_reason",
    "requested_by",
    "reason",
    "requested_at",
    "settled_at",
    "refund_time",
    "pay_amount",
    "refund_amount",
    "partly_filled",
)
_FORMULA = re.compile(r'(^[^\S\t\r\n]*|[;|][\s"]*)([=+\-@\uff1d\uff0b\uff0d\uff20\t\r\n])')
"""What begins a formula, also after a delimiter that isn't ours but that spreadsheets of some countries split at.

OWASP's CSV injection names the characters, the wide ones too, the delimiters, and quotes.
"""

Row = Mapping[str, Any]


def export(
    api: Api,
    out: IO[str],
    *,
    query: Mapping[str, object],
    form: str,
    bar: Bar,
    sleep: Callable[[float], None] = time.sleep,
) -> Outcome:
    """Write the rows of this query of the list, each state by itself, the earliest settled first.

    What was written stays, whatever happens.
    """
    write = {"csv": _csv, "jsonl": _json_lines}[form](out)
    money, count = Money(), 0
    try:
        for row in _rows(api, query, bar, sleep):
            write(row)
            count += 1
            money.add(row)
            bar.at(count)
    except NoUseError as error:
        return Outcome(
            error.outcome.exit, error.outcome.document, [f"After {count:,} rows:", *lines(error.outcome.words)]
        )
    out.flush()
    document = {"rows": count, "refunded": money.refunded}
    return Outcome(Exit.DONE, document, f"{count:,} rows, {money.refunded:f} TRX refunded{money.doubt}; {_ZONE[form]}.")


def _rows(api: Api, query: Mapping[str, object], bar: Bar, sleep: Callable[[float], None]) -> Iterator[Row]:
    cursor, count = None, 0
    while True:
        body = patiently(
            partial(orders.page, api, {**query, "limit": orders.PAGE, "cursor": cursor}),
            sleep=sleep,
            tell=lambda why: bar.at(count, why),  # noqa: B023 - called at once
        ).body
        yield from body["cancellations"]
        count += len(body["cancellations"])
        cursor = body.get("next_cursor")
        if cursor is None:
            return
        sleep(orders.APART_SECONDS)


def _csv(out: IO[str]) -> Callable[[Row], None]:
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)

    def write(row: Row) -> None:
        writer.writerow([_cell(name, row.get(name)) for name in _COLUMNS])

    return write


def _json_lines(out: IO[str]) -> Callable[[Row], None]:
    def write(row: Row) -> None:
        out.write(f"{for_scripts(row)}\n")

    return write


def _time(seconds: int) -> str:
    """A time in ISO 8601; seconds that lie in no year stay as they are."""
    try:
        return datetime.fromtimestamp(seconds).astimezone().isoformat() if seconds else ""
    except (OverflowError, ValueError, OSError):
        return str(seconds)


def _cell(name: str, value: object) -> str:
    """The exact value. A spreadsheet must see text: what it would run as a formula gets an apostrophe in front."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case int() if name in _TIMES:
            return _time(value)
        case Decimal():
            return f"{value:f}"
    return visible(_FORMULA.sub(r"\1'\2", str(value)))
