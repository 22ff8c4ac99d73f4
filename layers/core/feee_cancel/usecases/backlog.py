"""The backlog: how much is still to be done, and how late it is."""

from feee_cancel.usecases.ports import Intake


def report_backlog(intake: Intake) -> None:
    """Report how many rows aren't final, and for how long the oldest has been due. Raises TableUnavailableError."""
    due_at = intake.cancellations.unsettled()
    overdue = intake.now() - min(due_at) if due_at else 0
    intake.telemetry.backlog(len(due_at), overdue=max(0, overdue))
