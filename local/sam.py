"""`make sam-local EVENT=...`: one sample event through `sam local invoke`, and what became of its order."""

import argparse
import json
from pathlib import Path
from typing import Any

from rich.console import Console

from local.containers import Containers, containers
from local.samples import EVENTS, function_of, prepared
from local.stack import LocalStack
from local.task import task


def main() -> None:
    """Set up, invoke once, show, clean up."""
    console = Console()
    path = _arguments()
    with task(), containers(console) as local:
        stop_ticks(local.stack)
        console.print(play(path, local), highlight=False, markup=False, soft_wrap=True)


def play(path: Path, local: Containers) -> str:
    """Prepare and send the event; what came of it, in words. Raises LocalError."""
    sample = prepared(path, local.stack)
    function = function_of(path)
    answer = local.invoke(function, sample.event)
    rows = [_row(order_no, local.stack) for order_no in sample.order_nos]
    return "\n".join(["", f"{function} {_told(answer)}", "", *rows])


def stop_ticks(stack: LocalStack) -> None:
    """Delete the stack's schedules, so that the emulator's own drain does nothing that the container should do."""
    scheduler = stack.client("scheduler")
    for schedule in scheduler.list_schedules()["Schedules"]:
        scheduler.delete_schedule(Name=schedule["Name"], GroupName=schedule["GroupName"])


def _told(answer: Any) -> str:
    match answer:
        case {"statusCode": status, "body": body}:
            return f"answered with HTTP status {status}:\n\n{json.dumps(json.loads(body or 'null'), indent=2)}"
        case None:
            return "ended without an answer, as it should."
        case _:
            return f"answered:\n\n{json.dumps(answer, indent=2)}"


def _row(order_no: str, stack: LocalStack) -> str:
    answer = stack.client("dynamodb").get_item(TableName=stack.outputs["TableName"], Key={"order_no": {"S": order_no}})
    row = {name: next(iter(value.values())) for name, value in answer.get("Item", {}).items()}
    calls = f"Requests to feee.io: {len(stack.simulator.client.requests(order_no))}."
    if not row:
        return f"Order {order_no} has no row in the table. {calls}"
    why = f" ({row['state_reason']})" if "state_reason" in row else ""
    refund = f", {row['refund_amount']} TRX came back" if "refund_amount" in row else ""
    return f"The row of order {order_no} in the table: {row['state']}{why}{refund}. {calls}"


def _arguments() -> Path:
    parser = argparse.ArgumentParser(prog="python -m local.sam", description=__doc__)
    parser.add_argument("event", type=Path, nargs="?", default=EVENTS / "api-request.json")
    path: Path = parser.parse_args().event
    if not path.is_file():
        known = "\n".join(f"  events/{file.name}" for file in sorted(EVENTS.glob("*.json")))
        parser.error(f"there is no file {path}; the sample events are\n{known}")
    return path


if __name__ == "__main__":
    main()
