"""What happened, as metrics (CloudWatch's embedded metric format, through Powertools; docs/decisions/0010)."""

import threading
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from aws_lambda_powertools.metrics import Metrics, MetricUnit

from feee_cancel.domain.answer import Answer, AnswerKind
from feee_cancel.domain.cancellation import Cancellation, State, StateReason
from feee_cancel.usecases.ports import Handler

NAMESPACE = "FeeeCancel"

_WRITE_SECONDS = 10
"""A drain works for minutes; its metrics are written this often, so that alarms are in time."""

_TRX: Any = "None"
"""CloudWatch has no unit for TRX."""
_REJECTED = {
    StateReason.FILLED: "RejectedFilled",
    StateReason.NEVER_PAID: "RejectedNeverPaid",
    StateReason.REFUSED: "RejectedRefused",
}
_TROUBLE = {
    AnswerKind.REFUSED: "FeeeRefused",
    AnswerKind.MISCONFIGURED: "Misconfigured",
    AnswerKind.RATE_EXCEEDED: "FeeeRateExceeded",
    AnswerKind.NOT_SENT: "FeeeNotSent",
    AnswerKind.NO_USABLE_ANSWER: "FeeeNoUsableAnswer",
}


class EmbeddedMetrics:
    """Counts from any thread, and writes while the handler works and when it ends (`published`).

    `service` is the value of the only dimension, `service`; `refund_missing_after` is in seconds.
    """

    def __init__(self, service: str, refund_missing_after: int, now: Callable[[], float] = time.time) -> None:
        self._metrics = Metrics(namespace=NAMESPACE, service=service)
        self._lock = threading.Lock()
        self._refund_missing_after = refund_missing_after
        self._now = now
        self._written_at = now()

    def started(self) -> None:
        """Count a request whose row was written."""
        self.count("Requested")

    def attempted(self, row: Cancellation) -> None:
        """Count the outcome that an attempt wrote."""
        match row:
            case Cancellation(state=State.CANCELLED):
                self._cancelled(row)
            case Cancellation(state=State.REJECTED, state_reason=StateReason() as reason) if reason in _REJECTED:
                self.count(_REJECTED[reason])
            case Cancellation(state=State.FAILED):
                self.count("Failed")
            case Cancellation(state=State.REFUNDING, since=int(since)) if self._is_missing(since):
                self.count("RefundMissing")

    def crashed(self) -> None:
        """Count an attempt that ended in an error that nobody expected."""
        self.count("AttemptCrashed")

    def answered(self, answer: Answer) -> None:
        """Count a call to feee.io: how long it took, and what went wrong with it."""
        if answer.seconds is not None:
            self._add("FeeeLatency", MetricUnit.Milliseconds, answer.seconds * 1000)
        if answer.kind in _TROUBLE:
            self.count(_TROUBLE[answer.kind])

    def backlog(self, unsettled: int, *, overdue: float) -> None:
        """Note how many rows aren't final, and for how many seconds the oldest of them has been due."""
        self._add("Unsettled", MetricUnit.Count, unsettled)
        self._add("OldestOverdue", MetricUnit.Seconds, overdue)

    def count(self, name: str) -> None:
        """Count one."""
        self._add(name, MetricUnit.Count, 1)

    def published(self, handler: Handler) -> Handler:
        """Write what was counted when the handler ends, however it ends; nothing if nothing was counted."""

        @wraps(handler)
        def publishing(event: Any, context: Any) -> Any:
            self._written_at = self._now()
            try:
                return handler(event, context)
            finally:
                self._write()

        return publishing

    def _cancelled(self, row: Cancellation) -> None:
        """Seconds count from when feee.io would have accepted it and the caller wanted it."""
        self.count("Cancelled")
        if row.refund_amount:
            self._add("RefundedTRX", _TRX, float(row.refund_amount))
        since = max(row.eligible_at or 0, row.not_before or 0, row.requested_at)
        self._add("EligibleToCancelled", MetricUnit.Seconds, max(0, (row.settled_at or since) - since))

    def _is_missing(self, since: int) -> bool:
        return self._now() - since >= self._refund_missing_after

    def _add(self, name: str, unit: MetricUnit, value: float) -> None:
        """Powertools writes by itself, and starts over, at 100 values of a metric, the most that CloudWatch accepts."""
        with self._lock:
            self._metrics.add_metric(name=name, unit=unit, value=value)
            if self._now() - self._written_at >= _WRITE_SECONDS:
                self._write()

    def _write(self) -> None:
        self._written_at = self._now()
        if self._metrics.metric_set:
            self._metrics.flush_metrics()
