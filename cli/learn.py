"""What the live feee.io answers, recorded through the stack, beside what the simulator takes for granted."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cli.learned import FORMAT, choices, differences
from cli.outcome import Exit, Outcome, TroubleError
from cli.target import Stack
from cli.text import Words
from feee_cancel.domain.documents import parse_order_no
from feee_cancel.domain.faults import InvalidRequestError

LEARNED = Path("feee-learned.json")
UNKNOWN_ORDER = "0000000000000000000001"
"""Nobody's order number: feee.io's begin with the day."""
_QUESTION = (
    "To learn what feee.io answers to a cancel of an order that has ended, it has to be asked for one.",
    "The drain's function queries each of these orders first. It calls cancel only if feee.io shows that the order",
    "ended at least a day ago and that its money is back, so that there is nothing left to cancel; then it queries the",
    "order again. Nobody has documented what feee.io does with such a cancel. Ask feee.io to cancel these?",
)


@dataclass(frozen=True, slots=True)
class Lesson:
    """What is to be learned: with `cancel`, of a cancel as well. The record is written to `file`."""

    order_nos: Sequence[str]
    cancel: bool
    file: Path


def learn(stack: Stack, lesson: Lesson, *, agree: Callable[[Words], bool], now: float) -> Outcome:
    """Record, compare, and write the file. Raises TroubleError, and what boto3 raises."""
    try:
        order_nos = [parse_order_no(number) for number in lesson.order_nos]
    except InvalidRequestError as error:
        return Outcome(Exit.USAGE, {"error": str(error)}, f"{error}.")
    _can_be_written(lesson.file)
    cancel = lesson.cancel and agree([*order_nos, *_QUESTION])
    also = {"cancel": True} if cancel else {}
    answers = [
        {"about": "account", **_asked(stack, {"account": True})},
        {"about": "an unknown order", **_asked(stack, {"order_no": UNKNOWN_ORDER})},
        *({"about": "an order", **_asked(stack, {"order_no": number, **also})} for number in order_nos),
    ]
    day = datetime.fromtimestamp(now, UTC).date().isoformat()
    learned = {"format": FORMAT, "day": day, "answers": answers, "choices": choices(answers)}
    found = {**learned, "differences": differences(answers)}
    lesson.file.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return Outcome(Exit.DONE, found, _words(found, lesson.file))


def _can_be_written(file: Path) -> None:
    """Check it before feee.io is asked for anything: its answer couldn't be repeated. Raises TroubleError."""
    try:
        file.open("a").close()
    except OSError as error:
        raise TroubleError(f"{file} can't be written: {error.strerror}. Nothing was asked.") from error


def _asked(stack: Stack, lesson: Mapping[str, object]) -> dict[str, Any]:
    """What the drain's function recorded."""
    payload = json.dumps({"diagnose": lesson}).encode()
    answer = stack.client("lambda").invoke(FunctionName=stack.output("ScheduleFunctionName"), Payload=payload)
    found = json.loads(answer["Payload"].read())
    if answer.get("FunctionError") or not isinstance(found, dict) or "recorded" not in found:
        kind = found.get("errorType", "an answer of another version") if isinstance(found, dict) else "no answer"
        look = stack.where.command("doctor")
        raise TroubleError(f"The drain's function failed: {kind}. Deploy this version, and see {look}.")
    return found


def _words(found: Mapping[str, Any], file: Path) -> list[str]:
    lines = []
    for number, answer in enumerate(found["answers"]):
        about = f"{answer['about']} {number - 1}" if answer["about"] == "an order" else answer["about"]
        lines += [f"{one['call']} of {about}: {_told(one)}" for one in answer["recorded"]]
        lines += [f"no cancel of {about}: {why}" for why in [answer.get("not_cancelled")] if why]
    differs = "Different from what the simulator assumes:" if found["differences"] else "As the simulator assumes."
    lines += ["", differs]
    lines += [f"  {difference}" for difference in found["differences"]]
    written = f"Written to {file}: look through it, and attach it to an issue. No key, order or address is in it."
    return [*lines, "", written]


def _told(one: Mapping[str, Any]) -> str:
    if "detail" in one:
        return f"{one.get('http_status', 'no answer')}, {one['detail']}"
    return f"HTTP {one['http_status']}, code {one['code']}, {one['msg']}"
