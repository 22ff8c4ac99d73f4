"""`make demo`: a few cancellations through the deployed API, and what became of them."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.text import visible
from feee_cancel_client.api import ApiAnswer
from local.bus import SettledEvents, settled_events
from local.errors import LocalError
from local.signing import signed
from local.stack import LocalStack, local_stack, step
from local.task import task

_FINAL = {"cancelled", "rejected", "withdrawn", "failed"}
_PATIENCE_SECONDS = 180  # the drain comes every minute, and an emulator on a busy machine may miss it once


@dataclass(frozen=True, slots=True)
class Outcome:
    """The order that a journey was about, the answers to what was asked, and how it stands now.

    `calls` is how often feee.io was called for it until now, `seconds` how long it took to settle by itself, if it did.
    """

    order_no: str
    answers: list[ApiAnswer]
    now: ApiAnswer
    calls: int
    seconds: float | None = None


Journey = Callable[[LocalStack], Outcome]


def cancelled(stack: LocalStack) -> Outcome:
    return _ask(stack, age=743)


def too_early(stack: LocalStack) -> Outcome:
    return _ask(stack, age=60)


def filled(stack: LocalStack) -> Outcome:
    return _ask(stack, age=743, status=6)


def asked_twice(stack: LocalStack) -> Outcome:
    return _ask(stack, age=600, times=2)


def hangs_up(stack: LocalStack) -> Outcome:
    return _ask(stack, age=600, misbehaviour="reset", acts=True)


def feee_down(stack: LocalStack) -> Outcome:
    return _ask(stack, age=600, misbehaviour="http_error", calls=2)


def unknown_order(stack: LocalStack) -> Outcome:
    return _answered(stack, "2304170329503866885309", [stack.api.cancel("2304170329503866885309")])


def no_order_number(stack: LocalStack) -> Outcome:
    return _answered(stack, "23041703295x", [stack.api.cancel("23041703295x")])


def soon_eligible(stack: LocalStack) -> Outcome:
    return _ask(stack, age=285)


def refund_later(stack: LocalStack) -> Outcome:
    return _ask(stack, age=600, refund="later", refund_after=4)


def crash(stack: LocalStack) -> Outcome:
    """Kill the function while feee.io is answering it."""
    feee = stack.simulator.client
    order_no = feee.create_order(age=600).order_no
    feee.misbehave("delay", order_no=order_no, times=1, acts=True, seconds=6)
    with ThreadPoolExecutor(1) as beside:
        asked = beside.submit(stack.api.cancel, order_no)
        while not (feee.requests(order_no) or asked.done()):
            time.sleep(0.1)
        stack.kill(stack.outputs["ApiFunctionName"])
        return _answered(stack, order_no, [asked.result()])


def taken_back(stack: LocalStack) -> Outcome:
    order = stack.simulator.client.create_order(age=600)
    asked = stack.api.cancel(order.order_no, not_before=int(time.time()) + 3600)
    return _answered(stack, order.order_no, [asked, stack.api.withdraw(order.order_no)])


def by_webhook(stack: LocalStack) -> Outcome:
    """Signed with a secret, without AWS credentials."""
    order = stack.simulator.client.create_order(age=600)
    body = json.dumps({"order_no": order.order_no})
    return _answered(stack, order.order_no, [stack.api.webhook(body, signed(body))])


def in_a_batch(stack: LocalStack) -> Outcome:
    order_nos = [stack.simulator.client.create_order(age=600).order_no for _ in range(3)]
    return _answered(stack, order_nos[-1], [stack.api.batch(order_nos)])


AT_ONCE: dict[str, Journey] = {
    "open, 12 minutes old": cancelled,
    "open, 1 minute old": too_early,
    "filled already": filled,
    "asked for twice": asked_twice,
    "feee.io hangs up": hangs_up,
    "unknown to feee.io": unknown_order,
    "letters in number": no_order_number,
    "taken back": taken_back,
}
BY_ITSELF: dict[str, Journey] = {
    "by signed webhook": by_webhook,
    "in a batch of three": in_a_batch,
    "eligible in 20 s": soon_eligible,
    "refund shows later": refund_later,
    "feee.io answers 503": feee_down,
    "function crashes": crash,
}


def _ask(  # noqa: PLR0913 - each with a default that most journeys leave
    stack: LocalStack,
    *,
    age: float,
    status: int = 4,
    times: int = 1,
    refund: str = "at_once",
    refund_after: float = 0,
    misbehaviour: str | None = None,
    calls: int | None = 1,
    acts: bool | None = None,
) -> Outcome:
    feee = stack.simulator.client
    order = feee.create_order(age=age, status=status, refund=refund, refund_after=refund_after)
    if misbehaviour:
        feee.misbehave(misbehaviour, order_no=order.order_no, times=calls, acts=acts)
    return _answered(stack, order.order_no, [stack.api.cancel(order.order_no) for _ in range(times)])


def _answered(stack: LocalStack, order_no: str, answers: list[ApiAnswer]) -> Outcome:
    return Outcome(order_no, answers, answers[-1], _calls(stack, order_no))


def _calls(stack: LocalStack, order_no: str) -> int:
    return len(stack.simulator.client.requests(order_no))


def play(stack: LocalStack, console: Console) -> None:
    """Play the journeys, tell them as a table, and show the event that one of them ended with."""
    with settled_events(stack) as events:
        outcomes = _played(stack, console)
        console.print(_table(outcomes))
        order_no = outcomes["by signed webhook"].order_no
        console.print(
            "\nOn EventBridge, for the order that came by webhook, as for each that is final:", highlight=False
        )
        console.print_json(data=_event(events, order_no), ensure_ascii=True)


def _event(events: SettledEvents, order_no: str) -> dict[str, Any]:
    """The order's settled event, without what feee.io said."""
    give_up_at = time.monotonic() + _PATIENCE_SECONDS
    while not (found := events.of(order_no)):
        if time.monotonic() > give_up_at:
            raise LocalError(f"no settled event came for order {order_no}")
        time.sleep(0.5)
    return {name: value for name, value in found[0].items() if name not in {"order", "last_answer"}}


def _played(stack: LocalStack, console: Console) -> dict[str, Outcome]:
    stack.simulator.client.set_access(rate_limit=100)  # the demo's requests come faster than feee.io would take them
    with step(console, "Sending cancel requests through the API"):
        outcomes = {title: journey(stack) for title, journey in (BY_ITSELF | AT_ONCE).items()}
    with step(console, "Waiting for what settles by itself (up to half a minute)"):
        give_up_at = time.monotonic() + _PATIENCE_SECONDS
        for title in BY_ITSELF:
            outcomes[title] = _settled(stack, outcomes[title], give_up_at)
    return outcomes


def _table(outcomes: dict[str, Outcome]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.caption = "Calls: requests to feee.io. Refund: in TRX."
    for heading in ("Order", "HTTP", "State", "Why, next step in"):
        table.add_column(heading)
    for heading in ("Calls", "Refund"):
        table.add_column(heading, justify="right")
    for title in AT_ONCE | BY_ITSELF:
        table.add_row(title, *(Text(visible(cell)) for cell in _cells(outcomes[title])))
    return table


def _settled(stack: LocalStack, outcome: Outcome, give_up_at: float) -> Outcome:
    """Look at the cancellation until it is final; nobody asks for it again."""
    while time.monotonic() < give_up_at:
        now = stack.api.get(outcome.order_no)
        if now.body.get("state") in _FINAL:
            seconds = now.body["settled_at"] - now.body["requested_at"]
            return replace(outcome, now=now, calls=_calls(stack, outcome.order_no), seconds=seconds)
        time.sleep(0.5)
    raise LocalError(f"order {outcome.order_no} isn't settled after {_PATIENCE_SECONDS} s: {outcome.now.body}")


def _cells(outcome: Outcome) -> tuple[str, ...]:
    cancellation = outcome.now.body.get("cancellation", outcome.now.body)
    statuses = ", ".join(str(answer.status) for answer in outcome.answers)
    refund = str(cancellation.get("refund_amount") or "-")
    return statuses, cancellation.get("state", "-"), _why(outcome), str(outcome.calls), refund


def _why(outcome: Outcome) -> str:
    """The state's reason and when the next step is due or how long it took, or the problem."""
    body, headers = outcome.now.body, outcome.now.headers
    if outcome.seconds is not None:
        return f"{body['state_reason']} after {outcome.seconds} s"
    if "Retry-After" in headers:
        return f"{body['state_reason']}, {headers['Retry-After']} s"
    return str(body.get("state_reason") or body["type"].rpartition(":")[2])


def main() -> None:
    """Set up, play, show, clean up."""
    console = Console()
    with task():
        with local_stack(console) as stack:
            play(stack, console)
        console.print("\nEverything was stopped and removed. `make local` keeps it running to play with.")


if __name__ == "__main__":
    main()
