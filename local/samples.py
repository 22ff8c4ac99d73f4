"""The sample events in events/: which function each is for, and what must be there before it is sent."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.build import ROOT
from local.errors import LocalError
from local.stack import LocalStack

EVENTS = ROOT / "events"
_OLD_ENOUGH = 743
_LATER = 86_400


@dataclass(frozen=True, slots=True)
class Prepared:
    """An event that can be sent now, and the order whose row tells what it did."""

    event: Any
    order_no: str


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
        return prepare(json.loads(path.read_text()), stack)
    except (OSError, ValueError) as error:
        raise LocalError(f"{path} can't be read: {error}") from error


def _api(event: dict[str, Any], stack: LocalStack) -> Prepared:
    """An order that can be cancelled; unless the event asks for it to be, it is cancelled already."""
    order_no = (event.get("pathParameters") or json.loads(event.get("body") or "{}"))["order_no"]
    _forget(order_no, stack)
    stack.simulator.client.create_order(order_no=order_no, age=_OLD_ENOUGH)
    if event["httpMethod"] != "POST":
        stack.api.cancel(order_no, reason="unfilled")
    return Prepared(event, order_no)


def _schedule(event: dict[str, Any], stack: LocalStack) -> Prepared:
    """An order that is due: asked for with a time that has come since."""
    order_no = stack.simulator.client.create_order(age=_OLD_ENOUGH).order_no
    stack.api.cancel(order_no, not_before=int(time.time()) + _LATER)
    stack.client("dynamodb").update_item(
        TableName=stack.outputs["TableName"],
        Key={"order_no": {"S": order_no}},
        UpdateExpression="SET due_at = :now",
        ExpressionAttributeValues={":now": {"N": str(int(time.time()))}},
    )
    return Prepared(event, order_no)


_PREPARE: dict[str, Callable[[dict[str, Any], LocalStack], Prepared]] = {"api": _api, "schedule": _schedule}


def _forget(order_no: str, stack: LocalStack) -> None:
    stack.client("dynamodb").delete_item(TableName=stack.outputs["TableName"], Key={"order_no": {"S": order_no}})
