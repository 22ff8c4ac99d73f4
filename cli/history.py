"""What happened to an order, step by step, in words: from the logs of all functions, and the row."""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any

from cli import orders, words
from cli.outcome import Exit, Outcome
from cli.target import Stack
from feee_cancel.domain.cancellation import FINAL

_GROUPS = {
    "ApiFunctionLogGroup": "api",
    "WebhookFunctionLogGroup": "webhook",
    "ScheduleFunctionLogGroup": "drain",
    "NotifyFunctionLogGroup": "notify",
    "DeliverFunctionLogGroup": "deliver",
}
_BEFORE_SECONDS = 300
_DAYS = 86_400
_CALLS = {"/v2/order/cancel": "to cancel the order", "/v2/order/query": "to show the order"}
_ANSWERS = {
    "order": "it showed the order",
    "accepted": "it accepted, without an order",
    "refused": "it refused",
    "misconfigured": "it rejects the key, or the address or User-Agent that it is used from",
    "rate_exceeded": "too many requests for this key",
    "not_sent": "nothing could be sent",
    "no_usable_answer": "no usable answer",
}
_KEPT_BY_POWERTOOLS = frozenset(
    {
        "level",
        "location",
        "message",
        "timestamp",
        "service",
        "cold_start",
        "function_name",
        "function_memory_size",
        "function_arn",
        "function_request_id",
        "xray_trace_id",
        "order_no",
        "exception",
        "stack_trace",
    }
)

Line = Mapping[str, Any]


def history(stack: Stack, order_no: str, *, days: int | None, now: float) -> Outcome:
    """Every step, the oldest first. `days` is how far back the logs are read, if not from the request on."""
    answer = orders.look(stack.api, order_no)
    row = answer.body if answer.status == HTTPStatus.OK else None
    if row is None and (refusal := orders.refused(answer)).exit is not Exit.NO:
        return refusal
    asked_at = (row or {}).get("requested_at", now - _DAYS)
    since = max(0, now - days * _DAYS if days else min(asked_at, now) - _BEFORE_SECONDS)
    steps = sorted(_steps(stack, order_no, since), key=lambda step: step["at"])
    lines = [f"{words.at(step['at'])}  {step['function']:<8}  {step['words']}" for step in steps]
    if not steps:
        lines.append(f"The logs from {words.at(since)} on have nothing of {order_no}; --days looks further back.")
    lines.append(words.headline(row, now=now) if row else answer.body.get("detail", "There is no such cancellation."))
    document = {"order_no": order_no, "steps": steps, "cancellation": row}
    return Outcome(Exit.DONE if row else Exit.NO, document, lines)


def _steps(stack: Stack, order_no: str, since: float) -> Iterator[dict[str, Any]]:
    """The lines about the order, of every function that this stack has."""
    logs = stack.client("logs")
    for output, function in _GROUPS.items():
        if output not in stack.outputs:
            continue
        asked = {
            "logGroupName": stack.outputs[output],
            "filterPattern": f'"{order_no}"',
            "startTime": int(since * 1000),
        }
        for page in logs.get_paginator("filter_log_events").paginate(**asked):
            for event in page["events"]:
                line = _line(event["message"], order_no)
                if line is not None:
                    at = _written_at(line, event["timestamp"] / 1000)
                    yield {"at": at, "function": function, "words": told(line), "line": line}


def _line(message: str, order_no: str) -> Line | None:
    """The log line, if it is one about this very order."""
    try:
        line = json.loads(message)
    except (ValueError, RecursionError):
        return None
    if not isinstance(line, dict) or "message" not in line:
        return None
    several = line.get("order_nos")
    named = [line.get("order_no"), *(several if isinstance(several, list) else ())]
    named += str(line.get("event_id")).split("_")[1:2]
    return line if order_no in named else None


def _written_at(line: Line, received_at: float) -> float:
    """When the line was written, in unix seconds; if it doesn't say, when CloudWatch got it."""
    try:
        return datetime.strptime(line["timestamp"], "%Y-%m-%d %H:%M:%S,%f%z").timestamp()
    except (KeyError, TypeError, ValueError):
        return received_at


def told(line: Line) -> str:
    """A log line as a sentence; one that another version logged under the same name, as a list of its members."""
    try:
        return _TOLD.get(str(line["message"]), _other)(line)
    except (AttributeError, ArithmeticError, KeyError, OSError, TypeError, ValueError):
        return _other(line)


def _asked(line: Line) -> str:
    state = f"; it is {line['state']}{_because(line)}{_next_step(line)}" if line.get("state") else ""
    return f"{line.get('requested_by') or 'somebody'} asked for it to be cancelled{state}"


def _withdrawn(line: Line) -> str:
    return f"{line.get('requested_by') or 'somebody'} asked to take it back; it is {line.get('state') or 'not there'}"


def _answered(line: Line) -> str:
    code = f", code {line['code']}" if line.get("code") else ""
    detail = f" ({line['detail']})" if line.get("detail") else ""
    what = _CALLS.get(line["call"].removeprefix("/open"), line["call"])
    said = _ANSWERS.get(line["answer"], line["answer"])
    return f"asked feee.io {what}: {said}{code}{detail}, after {line.get('milliseconds', 0)} ms"


def _decided(line: Line) -> str:
    return f"attempt {line['attempt']} ended: {line['state']}{_because(line)}{_next_step(line)}"


def _next_step(line: Line) -> str:
    return "" if line["state"] in FINAL or "due_at" not in line else f"; next step at {words.at(line['due_at'])}"


def _posted(line: Line) -> str:
    return f"the settled event was posted to the receiver, which answered {line['status']}"


def _because(line: Line) -> str:
    reason = str(line.get("state_reason") or line.get("reason") or "")
    return f" ({words.WHY.get(reason, reason)})" if reason else ""


def _other(line: Line) -> str:
    more = ", ".join(f"{name} {value}" for name, value in line.items() if name not in _KEPT_BY_POWERTOOLS)
    return f"{str(line.get('level', '')).lower()}: {line['message']}{f' ({more})' if more else ''}"


_TOLD: Mapping[str, Callable[[Line], str]] = {
    "requested": _asked,
    "received": _asked,
    "enqueued": _asked,
    "asked to withdraw": _withdrawn,
    "feee.io answered": _answered,
    "attempted": _decided,
    "the receiver answered": _posted,
}
