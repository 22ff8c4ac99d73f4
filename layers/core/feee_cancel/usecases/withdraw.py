"""Withdrawing a request whose order wasn't touched yet."""

from feee_cancel.domain.cancellation import Cancellation, State, StateReason
from feee_cancel.domain.decision import settled
from feee_cancel.usecases.errors import RowBusyError
from feee_cancel.usecases.ports import Intake


def withdraw(order_no: str, intake: Intake) -> Cancellation | None:
    """Withdraw what is still waiting. Returns the row as it now stands, None if there is none.

    What is in doubt isn't withdrawn: the order may be cancelled.
    Raises TableUnavailableError.
    """
    row = intake.cancellations.find(order_no)
    while row and row.state is State.WAITING and not row.in_doubt:
        taken_back = {"state": State.WITHDRAWN, "state_reason": StateReason.TAKEN_BACK}
        final = settled(row, now=intake.now(), policy=intake.policy, **taken_back)
        found, written = intake.cancellations.reschedule(final, due_at=row.due_at, requests=row.requests)
        if not written and found == row:
            raise RowBusyError(f"others are changing the cancellation of order {order_no} just now")
        row = found
    return row
