"""What every function that takes requests needs of AWS: clients, the table, and the way to wake the drain."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from feee_cancel.adapters.lease import TableLease
from feee_cancel.adapters.messages import HandledMessages
from feee_cancel.adapters.settings import Settings
from feee_cancel.adapters.table import CancellationTable
from feee_cancel.adapters.telemetry import EmbeddedMetrics
from feee_cancel.adapters.tuning import Tuning, tuned
from feee_cancel.adapters.waker import Waker
from feee_cancel.bootstrap.session import clients
from feee_cancel.usecases.ports import Intake

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True, slots=True)
class Wiring:
    """`client` makes a client of the one session; `new_lease` gives a drain its lease; `telemetry` is the intake's."""

    client: Callable[[str], Any]
    intake: Intake
    new_lease: Callable[[], TableLease]
    telemetry: EmbeddedMetrics
    tuning: Tuning


def wire(settings: Settings) -> Wiring:
    """The table and what belongs to it. Raises SettingError."""
    client, table = clients(), settings.text("TABLE_NAME")
    dynamodb: DynamoDBClient = client("dynamodb")
    new_lease = partial(TableLease, dynamodb, table)
    tuning = tuned(settings)
    policy = tuning.policy
    telemetry = EmbeddedMetrics(settings.text("SERVICE_NAME"), policy.refund_missing_after)
    intake = Intake(
        cancellations=CancellationTable(dynamodb, table),
        messages=HandledMessages(dynamodb, table),
        policy=policy,
        now=time.time,
        wake=Waker(new_lease(), cache(partial(client, "lambda")), settings.drain_function()),
        telemetry=telemetry,
    )
    return Wiring(client, intake, new_lease, telemetry, tuning)
