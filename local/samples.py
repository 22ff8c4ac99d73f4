"""The sample events in events/: which function each is for, and what must be there before it is sent."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.build import ROOT
from local.errors import LocalError
from local.signing import signed_now
from local.stack import LocalStack

EVENTS = ROOT / "events"
_OLD_ENOUGH = 743
_LATER = 86_400


@dataclass(frozen=True, slots=True)
class Prepared:
    """An event that can be sent now, and the orders whose rows tell what it did."""

    event: dict[str, Any]
    order_nos: Sequence[str]


def function_of(path: Path) -> str:
    """The logical id of the function that a file in events/ is for, by its name: api-get.json is for ApiFunction."""
    return f"{path.name.partition('-')[0].capitalize()}Function"


def prepared(path: Path, stack: LocalStack) -> Prepared:
    """The event, with what it needs at feee.io and in the table. Raises LocalError."""
    prepare = _PREPARE.get(path.name.partition("-")[0])
    if prepare is None:
        kinds = ", ".join(f"{kind}-*.json" for kind in _PREPARE)
        raise LocalError(f"{path.name} doesn't say which function it is for; its name must be one of {kinds}")
    try:
        event = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise LocalError(f"{path} can't be read: {error}") from error
    return prepare(event, stack)


def _api(event: dict[str, Any], stack: LocalStack) -> Prepared:
    """Orders that can be cancelled; one is asked for already if the event looks at a row or takes it back."""
    match event:
        case {"pathParameters": {"order_no": str(order_no)}}:
            _order(stack, order_no)
        case {"body": str(body)}:
            return Prepared(event, _orders(json.loads(body), stack))
        case _:
            order_no = _order(stack)
    match event["httpMethod"], event["resource"]:
        case "GET", "/cancellations/{order_no}":
            stack.api.cancel(order_no)
        case ("DELETE", _) | ("GET", "/cancellations"):
            _ask_for_later(order_no, stack)
    return Prepared(event, [order_no])


def _webhook(event: dict[str, Any], stack: LocalStack) -> Prepared:
    """An order that can be cancelled. The event is signed again."""
    return Prepared(signed_now(event), _orders(json.loads(event["body"]), stack))


def _schedule(event: dict[str, Any], stack: LocalStack) -> Prepared:
    """Orders that can be cancelled. A tick or a wake-up finds one due: asked for with a time that has come since."""
    if event.keys() & {"order_no", "order_nos"}:
        return Prepared(event, _orders(event, stack))
    order_no = _order(stack)
    _ask_for_later(order_no, stack)
    stack.client("dynamodb").update_item(
        **_key(order_no, stack),
        UpdateExpression="SET due_at = :now REMOVE not_before",
        ExpressionAttributeValues={":now": {"N": str(int(time.time()))}},
    )
    return Prepared(event, [order_no])


def _notify(event: dict[str, Any], stack: LocalStack) -> Prepared:
    """The row that the event is about."""
    order_no = _order(stack, event["Records"][0]["dynamodb"]["Keys"]["order_no"]["S"])
    stack.api.cancel(order_no)
    return Prepared(event, [order_no])


_PREPARE: dict[str, Callable[[dict[str, Any], LocalStack], Prepared]] = {
    "api": _api,
    "notify": _notify,
    "schedule": _schedule,
    "webhook": _webhook,
}


def _orders(document: dict[str, Any], stack: LocalStack) -> list[str]:
    """The orders that a request document names, made at feee.io; a number that feee.io can't know is skipped."""
    numbers = document.get("order_nos", [document.get("order_no")])
    return [_order(stack, order_no) for order_no in numbers if str(order_no).isdigit()]


def _order(stack: LocalStack, order_no: str | None = None) -> str:
    """Make an order that can be cancelled and that nobody has asked for."""
    made = stack.simulator.client.create_order(order_no=order_no, age=_OLD_ENOUGH).order_no
    stack.client("dynamodb").delete_item(**_key(made, stack))
    return made


def _ask_for_later(order_no: str, stack: LocalStack) -> None:
    stack.api.cancel(order_no, not_before=int(time.time()) + _LATER)


def _key(order_no: str, stack: LocalStack) -> dict[str, Any]:
    return {"TableName": stack.outputs["TableName"], "Key": {"order_no": {"S": order_no}}}
