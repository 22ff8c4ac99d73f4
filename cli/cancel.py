"""`cancel`: one order is attempted at once, many go in batches; and all are followed to the end, if wanted."""

import time
from collections.abc import Sequence

from rich.console import Console

from cli import orders
from cli.board import Board
from cli.bulk import Asked, ask_all, summary
from cli.fleet import Fleet, follow
from cli.outcome import Exit, Outcome
from cli.progress import Bar
from cli.screen import show
from cli.target import Api
from cli.watch import Screen, watch


def cancel_one(
    api: Api, order_no: str, *, not_before: int | None, reason: str | None, screen: Screen, watched: bool
) -> Outcome:
    """Ask, and follow what isn't final yet."""
    asked = orders.cancel(api, order_no, not_before=not_before, reason=reason, now=time.time())
    return watch(api, order_no, screen=screen, now=time.time) if watched and asked.exit is Exit.PENDING else asked


def cancel_many(
    api: Api,
    order_nos: Sequence[str],
    *,
    not_before: int | None,
    reason: str | None,
    console: Console,
    errors: Console,
    watched: bool,
) -> Outcome:
    """Ask for all of them. The exit status is the worst that became of one."""
    began = time.time()
    members = {"not_before": not_before, "reason": reason}
    given = {name: value for name, value in members.items() if value is not None}
    with Bar("asked for", len(order_nos), console=errors) as bar:
        asked = ask_all(api, order_nos, members=given, bar=bar)
    outcome = summary(asked)
    if not watched or asked.stopped or not asked.taken:
        return outcome
    try:
        show(console, outcome.words)
    except BrokenPipeError:
        return outcome
    return _followed(api, asked, began, console)


def _followed(api: Api, asked: Asked, began: float, console: Console) -> Outcome:
    fleet = Fleet(began, open=dict(asked.taken), final=dict(asked.final))
    with Board(console) as board:
        outcome = follow(api, fleet, board, everything=False, now=time.time, sleep=time.sleep)
    worst = Exit.TROUBLE if asked.left and outcome.exit < Exit.TROUBLE else outcome.exit
    return Outcome(worst, {**outcome.document, "not_accepted": asked.left}, outcome.words)
