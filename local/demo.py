"""`make demo`: a few cancellations through the deployed API, and what became of them."""

import sys
from collections.abc import Callable
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from local.api import ApiAnswer
from local.errors import LocalError
from local.stack import LocalStack, local_stack, step
from local.up import end_on_signals


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a journey ended: the API's answers, and the order that it was about."""

    order_no: str
    answers: list[ApiAnswer]


Journey = Callable[[LocalStack], Outcome]


def cancelled(stack: LocalStack) -> Outcome:
    return _ask(stack, age=743)


def too_early(stack: LocalStack) -> Outcome:
    return _ask(stack, age=60)


def filled(stack: LocalStack) -> Outcome:
    return _ask(stack, age=743, status=6)


def asked_twice(stack: LocalStack) -> Outcome:
    return _ask(stack, age=600, times=2)


def feee_down(stack: LocalStack) -> Outcome:
    order = stack.simulator.client.create_order(age=600)
    stack.simulator.client.misbehave("http_error", order_no=order.order_no, times=None, status=502)
    return Outcome(order.order_no, [stack.api.cancel(order.order_no)])


def unknown_order(stack: LocalStack) -> Outcome:
    return Outcome("2304170329503866885309", [stack.api.cancel("2304170329503866885309")])


def no_order_number(stack: LocalStack) -> Outcome:
    return Outcome("23041703295x", [stack.api.cancel("23041703295x")])


JOURNEYS: dict[str, Journey] = {
    "open, 12 minutes old": cancelled,
    "open, 1 minute old": too_early,
    "filled already": filled,
    "asked for twice": asked_twice,
    "feee.io answers 502": feee_down,
    "unknown to feee.io": unknown_order,
    "letters in number": no_order_number,
}


def _ask(stack: LocalStack, *, age: float, status: int = 4, times: int = 1) -> Outcome:
    order = stack.simulator.client.create_order(age=age, status=status)
    return Outcome(order.order_no, [stack.api.cancel(order.order_no) for _ in range(times)])


def play(stack: LocalStack) -> Table:
    """Play the journeys and tell them as a table."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.caption = "Calls: requests to feee.io. Refund: in TRX."
    for heading in ("Order", "HTTP", "State", "Why, next step in"):
        table.add_column(heading)
    for heading in ("Calls", "Refund"):
        table.add_column(heading, justify="right")
    for title, journey in JOURNEYS.items():
        table.add_row(title, *_cells(stack, journey(stack)))
    return table


def _cells(stack: LocalStack, outcome: Outcome) -> tuple[str, ...]:
    answer = outcome.answers[-1]
    cancellation = answer.body.get("cancellation", answer.body)
    statuses = ", ".join(str(answer.status) for answer in outcome.answers)
    calls = len(stack.simulator.client.requests(outcome.order_no))
    refund = str(cancellation.get("refund_amount") or "-")
    return statuses, cancellation.get("state", "-"), _why(answer), str(calls), refund


def _why(answer: ApiAnswer) -> str:
    """The state's reason and when the next step is due, or the problem."""
    if "Retry-After" in answer.headers:
        return f"{answer.body['state_reason']}, {answer.headers['Retry-After']} s"
    return str(answer.body.get("state_reason") or answer.body["type"].rpartition(":")[2])


def main() -> None:
    """Set up, play, show, clean up."""
    console = Console()
    end_on_signals()
    try:
        with local_stack(console) as stack:
            with step(console, "Sending cancel requests through the API"):
                table = play(stack)
            console.print(table)
        console.print("\nEverything was stopped and removed. `make local` keeps it running to play with.")
    except LocalError as error:
        sys.exit(f"\n{error}")
    except KeyboardInterrupt:
        sys.exit("\nInterrupted; everything was stopped.")


if __name__ == "__main__":
    main()
