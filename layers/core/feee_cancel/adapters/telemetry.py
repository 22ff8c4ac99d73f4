"""What attempts came to, as metrics (CloudWatch's embedded metric format, through Powertools)."""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

from feee_cancel.domain.answer import AnswerKind
from feee_cancel.domain.cancellation import Cancellation, State

NAMESPACE = "FeeeCancel"

Handler = Callable[[Any, Any], Any]

_FINAL = {State.CANCELLED: "Cancelled", State.REJECTED: "Rejected", State.FAILED: "Failed"}


class Telemetry:
    """Told of every row that an attempt ended with. `refund_missing_after` is in seconds."""

    def __init__(self, refund_missing_after: int, now: Callable[[], float] = time.time) -> None:
        self.metrics = Metrics(namespace=NAMESPACE, service="feee_cancel")
        self._refund_missing_after = refund_missing_after
        self._now = now

    def __call__(self, row: Cancellation) -> None:
        """Count what the row tells."""
        for name in self._names(row):
            self.count(name)

    def count(self, name: str) -> None:
        """Count one."""
        self.metrics.add_metric(name=name, unit=MetricUnit.Count, value=1)

    def published(self, handler: Handler) -> Handler:
        """Write what was counted when the handler ends, however it ends; nothing where nothing was counted."""

        @wraps(handler)
        def publishing(event: Any, context: Any) -> Any:
            try:
                return handler(event, context)
            finally:
                if self.metrics.metric_set:
                    self.metrics.flush_metrics()

        return publishing

    def _names(self, row: Cancellation) -> list[str]:
        names = [_FINAL[row.state]] if row.state in _FINAL else []
        if row.answer is AnswerKind.MISCONFIGURED:
            names.append("Misconfigured")
        if row.state is State.REFUNDING and self._now() - (row.since or 0) >= self._refund_missing_after:
            names.append("RefundMissing")
        return names
