"""What every function needs of AWS: clients of one session, the table, and the way to wake the drain."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import boto3
import botocore.httpsession
import botocore.session
from botocore.config import Config
from botocore.handlers import BUILTIN_HANDLERS

from feee_cancel.adapters.lease import TableLease
from feee_cancel.adapters.messages import TakenMessages
from feee_cancel.adapters.settings import Settings
from feee_cancel.adapters.table import CancellationTable
from feee_cancel.adapters.telemetry import EmbeddedMetrics
from feee_cancel.adapters.tuning import Tuning
from feee_cancel.adapters.waker import Waker
from feee_cancel.usecases.ports import Intake

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_CONFIG = Config(
    connect_timeout=1,
    read_timeout=2,
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=50,
    # Work for each call: AWS checks what is sent anyway, and botocore's own name is put together of a dozen parts.
    parameter_validation=False,
    user_agent="feee-cancel",
)

AUTHORITIES: str | None = getattr(botocore.httpsession, "AUTHORITIES", None)
"""Where the layer keeps botocore's certificates so that one is read when it is needed; None outside the layer."""

logging.getLogger("botocore").setLevel(logging.WARNING)  # it tells of its credentials and endpoints at each start
# What no line has needn't be found out for each (Optimization in Python's Logging HOWTO).
logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


@dataclass(frozen=True, slots=True)
class Wiring:
    """`client` makes a client of the one session; `new_lease` gives a drain its lease; `telemetry` is the intake's."""

    client: Callable[[str], Any]
    intake: Intake
    new_lease: Callable[[], TableLease]
    telemetry: EmbeddedMetrics
    tuning: Tuning


def clients() -> Callable[[str], Any]:
    """Makes clients of one session: a session of its own for each would cost a cold start another 60 ms."""
    return partial(_session().client, config=_CONFIG)


def _session() -> boto3.Session:
    """boto3's session, with those of botocore's 128 handlers that every service has (docs/decisions/0011)."""
    session = botocore.session.Session(include_builtin_handlers=False)
    for event, handler, *_ in BUILTIN_HANDLERS:
        if "." not in event:  # such as before-call.s3.PutObject: none is for a service that is called here
            session.register(event, handler)
    return boto3.Session(botocore_session=session)


def wire(settings: Settings) -> Wiring:
    """The table and what belongs to it. Raises SettingError."""
    client, table = clients(), settings.text("TABLE_NAME")
    dynamodb: DynamoDBClient = client("dynamodb")
    new_lease = partial(TableLease, dynamodb, table)
    tuned = settings.tuning()
    policy = tuned.policy
    telemetry = EmbeddedMetrics(settings.text("SERVICE_NAME"), policy.refund_missing_after)
    intake = Intake(
        cancellations=CancellationTable(dynamodb, table),
        messages=TakenMessages(dynamodb, table),
        policy=policy,
        now=time.time,
        wake=Waker(new_lease(), cache(partial(client, "lambda")), settings.drain_function()),
        telemetry=telemetry,
    )
    return Wiring(client, intake, new_lease, telemetry, tuned)
