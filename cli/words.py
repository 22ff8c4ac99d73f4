"""Cancellations in plain words."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from cli.text import TableRow, padded
from feee_cancel.domain.cancellation import State, StateReason

WHY: Mapping[str, str] = {
    StateReason.QUEUED: "the drain attempts it next",
    StateReason.NOT_BEFORE: "for the time that was asked for",
    StateReason.TOO_EARLY: "feee.io cancels orders older than five minutes only",
    StateReason.CANCEL_REFUSED: "feee.io refused to cancel, though the order is open and old enough",
    StateReason.ORDER_REFUSED: "feee.io refuses to cancel the order and to show it",
    StateReason.MISCONFIGURED: "feee.io rejects the key, or the address or User-Agent it is used from",
    StateReason.RATE_EXCEEDED: "feee.io limited the rate of calls with this key",
    StateReason.UNREACHABLE: "feee.io can't be reached",
    StateReason.OUTCOME_UNKNOWN: "how the last attempt ended isn't known yet",
    StateReason.REFUND_PENDING: "the refund doesn't show yet",
    StateReason.REFUNDED: "the refund shows",
    StateReason.NOTHING_PAID: "nothing had been paid",
    StateReason.FILLED: "the energy was delegated",
    StateReason.NEVER_PAID: "the order closed without a payment",
    StateReason.REFUSED: "feee.io refused again and again to cancel the order or to show it",
    StateReason.TAKEN_BACK: "the request was withdrawn",
    StateReason.GAVE_UP: "it wasn't settled in time and won't be tried again",
}
WHY_NOT: Mapping[str, str] = {
    "too_early": "feee.io cancels orders older than five minutes only",
    "filled": "the energy was delegated",
    "never_paid": "the order closed without a payment",
    "refund_pending": "it is over at feee.io, and the refund doesn't show yet",
    "refunded": "it is cancelled already, and the refund shows",
    "nothing_paid": "it is cancelled already, and nothing had been paid",
}
_IN_DOUBT = "a cancel may have taken effect unseen"
_COLUMNS = (24, 12, 21, 14)
"""The widths of the columns but the last, which ends the line."""
_HEADINGS = ("order", "state", "when", "refund (TRX)", "why")
_WIDE = (*_COLUMNS, 18, 21, 7, 46, 20)
_WIDE_HEADINGS = (*_HEADINGS[:4], "reason", "asked at", "tries", "asked by", "for", "why")


def headline(row: Mapping[str, Any], *, now: float) -> str:
    """State, reason, money and next step, in a sentence."""
    because = why(row)
    back = "came back" if row["state"] == "cancelled" or row.get("refund_time") else "announced as a refund"
    money = f", {row['refund_amount']} TRX {back}" if row.get("refund_amount") else ""
    due = next_step(row, now=now)
    return f"{row['order_no']} is {row['state']}{because and f': {because}'}{money}{due and f'. Next step {due}'}."


def why(row: Mapping[str, Any]) -> str:
    """Why it is in its state, and whether a cancel is in doubt."""
    if row["state"] == State.CANCELLING:
        return "an attempt is under way"
    reason = row.get("state_reason", "")
    said = WHY.get(reason, reason)
    doubtful = row.get("in_doubt") and reason != StateReason.OUTCOME_UNKNOWN
    return "; ".join(part for part in (said, doubtful and _IN_DOUBT) if part)


def next_step(row: Mapping[str, Any], *, now: float) -> str:
    """How far ahead its next step is; "" if none is known. During an attempt `due_at` is only the end of its lease."""
    if "due_at" not in row or (row["state"] == State.CANCELLING and row["due_at"] > now):
        return ""
    return until(row["due_at"], now=now)


def cancellation(row: Mapping[str, Any], *, now: float) -> list[str]:
    """All that an operator wants to know of a cancellation."""
    lines = {
        "asked": _joined("requested_at" in row and at(row["requested_at"]), _by(row), row.get("reason", "")),
        "not before": "not_before" in row and at(row["not_before"]),
        "cancellable": "eligible_at" in row and f"from {at(row['eligible_at'])}",
        "attempts": row.get("attempt"),
        "in doubt": row.get("in_doubt") and f"{_IN_DOUBT}; until that is known, it can't be withdrawn",
        "settled": "settled_at" in row and at(row["settled_at"]),
        "gives up": "settled_at" not in row and "gives_up_at" in row and at(row["gives_up_at"]),
        "partly filled": row.get("partly_filled") and "only the rest is refunded",
        "feee.io": _answer(row.get("last_answer")),
    }
    shown = [f"  {name:<14}{value}" for name, value in lines.items() if value not in (None, False, "")]
    return [headline(row, now=now), *shown]


def table(rows: list[Mapping[str, Any]], *, now: float, wide: bool = False) -> list[str]:
    """A line for each cancellation; `wide` adds the reason's name, who asked, when and what for, and the attempts."""
    columns, cells = (_WIDE, _wide_cells) if wide else (_COLUMNS, _cells)
    heading = _line(columns, _WIDE_HEADINGS if wide else _HEADINGS)
    lines = [(_line(columns, cells(row, now=now)), row["state"]) for row in rows]
    return [TableRow(text, state, wide=wide) for text, state in [(heading, ""), *lines]] if rows else ["None."]


def _line(columns: Sequence[int], cells: Sequence[object]) -> str:
    *before, last = map(str, cells)
    return ("".join(map(padded, before, columns)) + last).rstrip()


def lookup(body: Mapping[str, Any], *, now: float) -> str:
    """What a cancel would do now."""
    if body["cancellable"]:
        return f"{body['order_no']} can be cancelled, since {at(body['since'])}."
    why = body.get("why_not", "")
    later = f". It can be cancelled from {at(body['from'])} ({until(body['from'], now=now)})" if "from" in body else ""
    return f"{body['order_no']} can't be cancelled now: {WHY_NOT.get(why, why)}{later}."


def at(seconds: float, *, zone: str = " %z") -> str:
    """A time, in this machine's zone. A row that can't be read may hold something that is none."""
    try:
        return datetime.fromtimestamp(seconds).astimezone().strftime(f"%Y-%m-%d %H:%M:%S{zone}")
    except (OverflowError, ValueError, OSError):
        return "an impossible time"


def until(seconds: float, *, now: float) -> str:
    """How far ahead a time is."""
    left = round(seconds - now)
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if left >= 2 * length:
            return f"in {left // length} {unit}"
    return f"in {left} s" if left > 0 else "now"


def _cells(row: Mapping[str, Any], *, now: float) -> tuple[object, ...]:
    ends = _at(row, "settled_at") or next_step(row, now=now)
    return row["order_no"], row["state"], ends, row.get("refund_amount") or "", why(row)


def _wide_cells(row: Mapping[str, Any], *, now: float) -> tuple[object, ...]:
    *cells, because = _cells(row, now=now)
    asked = _at(row, "requested_at"), row.get("attempt", "")
    said = row.get("requested_by", "").rpartition(":")[2], row.get("reason", "")
    return *cells, row.get("state_reason", ""), *asked, *said, because


def _at(row: Mapping[str, Any], name: str) -> str:
    """One of its times, without the zone; "" if it isn't known."""
    return at(row[name], zone="") if name in row else ""


def _by(row: Mapping[str, Any]) -> str:
    return f"by {row['requested_by']}" if "requested_by" in row else ""


def _answer(answer: Mapping[str, Any] | None) -> str:
    """feee.io's last answer, word for word."""
    if not answer:
        return ""
    code = f"code {answer['code']}" if "code" in answer else ""
    return _joined(
        answer["answer"], code, answer.get("msg", ""), answer.get("detail", ""), answer.get("request_id", "")
    )


def _joined(*parts: str | Literal[False]) -> str:
    return ", ".join(part for part in parts if part)
