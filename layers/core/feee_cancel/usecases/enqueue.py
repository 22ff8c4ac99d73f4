"""Enqueueing requests for the drain, as webhooks, batches and schedules do: feee.io isn't called yet."""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import TypeVar

from feee_cancel.domain.cancellation import Cancellation
from feee_cancel.domain.documents import Asked, CancellationRequest
from feee_cancel.domain.faults import InvalidRequestError
from feee_cancel.usecases.errors import RowBusyError, TableUnavailableError
from feee_cancel.usecases.ports import Intake
from feee_cancel.usecases.request import entry_of, reschedule, start, wake_for

Enqueued = Cancellation | InvalidRequestError | TableUnavailableError
"""What became of one order of a batch: its row, or why it wasn't enqueued."""

T = TypeVar("T")

logger = logging.getLogger(__name__)


def enqueue(
    asked: CancellationRequest,
    intake: Intake,
    *,
    requested_by: str | None,
    asker: str | None = None,
    sent_at: float | None = None,
) -> Cancellation:
    """Write the request, for the drain to attempt. Returns the row as it now stands.

    `sent_at` is a message's own time: one that is older than what ended the cancellation changes nothing. The caller
    wakes the drain (`wake_for`).

    Raises TableUnavailableError: nothing was accepted, or (UnknownWriteError) nobody knows.
    """
    now = intake.now()
    entry = entry_of(asked, now=now, requested_by=requested_by, asker=asker, sent_at=sent_at)
    row, started = start(asked, intake, entry, now=now)
    return row if started else reschedule(row, entry, intake, now=now)


def enqueue_all(
    asked: Sequence[Asked],
    intake: Intake,
    executor: Executor,
    *,
    requested_by: str | None,
    sent_at: float | None = None,
) -> list[Enqueued]:
    """Enqueue all of them in parallel, and wake the drain. Returns what became of each, in order."""

    def _one(one: Asked) -> Enqueued:
        if isinstance(one, InvalidRequestError):
            return one
        try:
            return enqueue(one, intake, requested_by=requested_by, sent_at=sent_at)
        except TableUnavailableError as error:
            logger.warning("an order couldn't be written", extra={"order_no": one.order_no, "error": str(error)})
            return error

    enqueued = list(executor.map(_one, asked))
    wake_for([row for row in enqueued if isinstance(row, Cancellation)], intake)
    return enqueued


def of_known_state(row: Cancellation) -> Cancellation:
    """The row that a message led to. Raises RowBusyError if this version doesn't know its state.

    Nothing was changed then, so the message mustn't be remembered as done: it is sent again.
    """
    if not row.state.is_known:
        raise RowBusyError(f"a newer version wrote the state of order {row.order_no}, {row.state}")
    return row


def deduplicate(message: str, intake: Intake, work: Callable[[], T]) -> T | None:
    """Do the work of a message unless it was done before; then returns None. Work that fails isn't remembered."""
    if intake.messages.seen(message):
        return None
    done = work()
    try:
        intake.messages.remember(message, now=intake.now())
    except TableUnavailableError:
        logger.exception("a message can't be remembered; a redelivery would be enqueued again")
    return done
