"""The application: what the API, the schedules and the operator can ask for."""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from feee_cancel.domain.answer import Answer
from feee_cancel.domain.cancellation import Cancellation, State
from feee_cancel.domain.documents import (
    Asked,
    CancellationRequest,
    EventRequest,
    parse_batch,
    parse_event,
    parse_order_no,
    unless_past,
)
from feee_cancel.domain.due import Due, Period
from feee_cancel.domain.faults import InvalidRequestError
from feee_cancel.domain.order import Order
from feee_cancel.domain.outlook import Outlook, outlook
from feee_cancel.usecases.attempt import ATTEMPT_SECONDS
from feee_cancel.usecases.backlog import recall_what_is_due_too_late, report_backlog
from feee_cancel.usecases.drain import Drain
from feee_cancel.usecases.enqueue import Enqueued, deduplicate, enqueue_all, of_known_state
from feee_cancel.usecases.errors import TableUnavailableError
from feee_cancel.usecases.listing import list_page
from feee_cancel.usecases.ports import Diagnosis, DrainLease, Handler, Ports
from feee_cancel.usecases.request import are_asked, request_cancellation
from feee_cancel.usecases.withdraw import withdraw

_MOST_SIDE_BY_SIDE = 64
_WRITES_SIDE_BY_SIDE = 10
_RESERVE_SECONDS = 4.0
"""What must be left of an invocation when the calls to feee.io end: for the settling write and the answer."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What the functions call. Every method may raise TableUnavailableError: nothing was accepted, or nobody knows.

    `published` wraps a handler, so that its metrics are written; `count` adds one to a metric.
    `new_lease` gives a drain its lease; its pace is in calls to feee.io a second. `demands_caller` is False only if
    nothing in front of the API verifies signatures: in SAM CLI's containers.
    """

    ports: Ports
    published: Callable[[Handler], Handler]
    count: Callable[[str], None]
    new_lease: Callable[[], DrainLease]
    drain_pace: float
    drain_seconds: float
    diagnosis: Diagnosis
    demands_caller: bool = True

    def request(self, document: object, *, requested_by: str | None, seconds_left: float) -> Cancellation:
        """Accept a request document, and try at once. Raises InvalidRequestError."""
        now = self.ports.now()
        asked = unless_past(
            lambda earliest: CancellationRequest.parse(document, now=now, earliest=earliest),
            lambda asked: are_asked([asked], self.ports),
        )
        deadline = self._deadline(seconds_left)
        return request_cancellation(asked, self.ports, requested_by=requested_by, deadline=deadline)

    def enqueue_batch(self, document: object, *, requested_by: str | None) -> list[Enqueued]:
        """Enqueue a batch for the drain. Returns what became of each order number, in order.

        Raises InvalidRequestError if the fault isn't in one order number; then nothing was accepted.
        """
        now = self.ports.now()
        asked = unless_past(
            lambda earliest: parse_batch(document, now=now, earliest=earliest),
            lambda asked: are_asked(asked, self.ports),
        )
        return self._enqueue_all(asked, requested_by)

    def enqueue_event(self, document: object, *, invocation: str) -> None:
        """Enqueue the request or the batch of an event for the drain, once for each run of its schedule.

        An event without an `execution_id` is recognised by its `invocation`. Raises InvalidRequestError if anything in
        it is at fault; its good orders were accepted all the same.
        """

        def _message(event: EventRequest) -> str:
            return f"event:{event.execution_id or invocation}"

        def _repeats(event: EventRequest) -> bool:
            return self.ports.messages.seen(_message(event)) or are_asked(event.asked, self.ports)

        now = self.ports.now()
        event = unless_past(lambda earliest: parse_event(document, now=now, earliest=earliest), _repeats)
        message = _message(event)
        deduplicate(
            message, self.ports, lambda: _check_all_written(self._enqueue_all(event.asked, message, event.scheduled_at))
        )
        for fault in event.asked:
            if isinstance(fault, InvalidRequestError):
                raise fault

    def find(self, order_no: str) -> Cancellation | None:
        """The order's cancellation. Raises InvalidRequestError."""
        return self.ports.cancellations.find(parse_order_no(order_no))

    def page(
        self, states: Sequence[State], *, limit: int, after: Due | None, period: Period | None = None
    ) -> tuple[list[Cancellation], Due | None]:
        """A page of the list, or of what became final in a period, and where the next one begins."""
        return list_page(self.ports.cancellations, states, limit=limit, after=after, period=period)

    def withdraw(self, order_no: str) -> Cancellation | None:
        """Withdraw what is still waiting. Returns the row as it now stands. Raises InvalidRequestError."""
        return withdraw(parse_order_no(order_no), self.ports)

    def look_up(self, order_no: str, *, seconds_left: float) -> Answer:
        """Ask feee.io how the order stands; changes nothing. Raises InvalidRequestError."""
        return self.ports.feee.query(parse_order_no(order_no), deadline=self._deadline(seconds_left))

    def outlook(self, order: Order) -> Outlook:
        """What a cancel of this order would do now."""
        return outlook(order, now=self.ports.now(), policy=self.ports.policy)

    def diagnose(self, wanted: object, *, seconds_left: float) -> dict[str, Any]:
        """What can be said of feee.io from here, as JSON and without a secret. Raises InvalidRequestError."""
        return self.diagnosis(wanted, deadline=self._deadline(seconds_left))

    def tick(self, *, seconds_left: float) -> None:
        """Report the backlog and recall what is due too late; then drain, whether or not these could be read."""
        try:
            recall_what_is_due_too_late(self.ports, report_backlog(self.ports))
        except TableUnavailableError:
            logger.exception("the backlog couldn't be read")
        self.drain(until=0, seconds_left=seconds_left)

    def drain(self, *, until: int, seconds_left: float) -> None:
        """Make the attempts that are due, and stay for those that are due soon.

        No attempt is begun that couldn't end in the time left.
        """
        seconds = min(self.drain_seconds, seconds_left - ATTEMPT_SECONDS - _RESERVE_SECONDS)
        deadline = self.ports.monotonic() + seconds
        with ThreadPoolExecutor(_MOST_SIDE_BY_SIDE) as executor:
            Drain(self.ports, self.new_lease(), executor, pace=self.drain_pace, deadline=deadline).run(until=until)

    def _deadline(self, seconds_left: float) -> float:
        return self.ports.monotonic() + seconds_left - _RESERVE_SECONDS

    def _enqueue_all(
        self, asked: Sequence[Asked], requested_by: str | None, sent_at: float | None = None
    ) -> list[Enqueued]:
        with ThreadPoolExecutor(_WRITES_SIDE_BY_SIDE) as executor:
            enqueued = enqueue_all(asked, self.ports, executor, requested_by=requested_by, sent_at=sent_at)
        order_nos = [row.order_no for row in enqueued if isinstance(row, Cancellation)]
        logger.info("enqueued", extra={"order_nos": order_nos, "requested_by": requested_by})
        return enqueued


def _check_all_written(enqueued: Sequence[Enqueued]) -> None:
    """Raises TableUnavailableError if an order couldn't be written: the event comes again."""
    for one in enqueued:
        if isinstance(one, TableUnavailableError):
            raise one
        if isinstance(one, Cancellation):
            of_known_state(one)
