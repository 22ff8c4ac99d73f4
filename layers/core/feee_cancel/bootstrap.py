"""The composition root: wires the use cases to AWS and feee.io, once per execution environment."""

import os
import random
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial

import boto3.session
from botocore.config import Config

from feee_cancel.adapters.feee import FeeeClient
from feee_cancel.adapters.secret import SecretKey
from feee_cancel.adapters.settings import Settings
from feee_cancel.adapters.table import CancellationTable
from feee_cancel.adapters.telemetry import Handler, Telemetry
from feee_cancel.adapters.turn import TableTurn
from feee_cancel.adapters.waker import Waker
from feee_cancel.domain.cancellation import Cancellation, CancellationRequest, parse_order_no
from feee_cancel.usecases.attempt import ATTEMPT_SECONDS
from feee_cancel.usecases.drain import Drain
from feee_cancel.usecases.ports import Ports, Turn
from feee_cancel.usecases.request import request

_AWS = Config(
    connect_timeout=1,
    read_timeout=2,
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=50,
)
_MOST_SIDE_BY_SIDE = 64
_RESERVE_SECONDS = 4.0
"""Left of an invocation for the settling write and the answer, when the calls to feee.io must be over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What the functions call.

    `published` wraps a handler, so that its metrics are written.
    `new_turn` gives a drain its turn; its pace is in calls to feee.io a second.
    """

    ports: Ports
    published: Callable[[Handler], Handler]
    new_turn: Callable[[], Turn]
    drain_pace: float
    drain_seconds: float

    def request(self, document: object, *, requested_by: str | None, seconds_left: float) -> Cancellation:
        """Take a request document. Raises InvalidRequestError and TableUnavailableError; then nothing was accepted."""
        asked = CancellationRequest.parse(document, now=self.ports.now())
        deadline = self.ports.monotonic() + seconds_left - _RESERVE_SECONDS
        return request(asked, self.ports, requested_by=requested_by, deadline=deadline)

    def find(self, order_no: str) -> Cancellation | None:
        """The order's cancellation. Raises InvalidRequestError and TableUnavailableError."""
        return self.ports.cancellations.find(parse_order_no(order_no))

    def drain(self, *, until: int, seconds_left: float) -> None:
        """Make the attempts that are due, and stay for those that are due soon. Raises TableUnavailableError.

        No attempt is begun that couldn't end in the time left.
        """
        seconds = min(self.drain_seconds, seconds_left - ATTEMPT_SECONDS - _RESERVE_SECONDS)
        deadline = self.ports.monotonic() + seconds
        with ThreadPoolExecutor(_MOST_SIDE_BY_SIDE) as executor:
            Drain(self.ports, self.new_turn(), executor, pace=self.drain_pace, deadline=deadline).run(until=until)


def bootstrap(environ: Mapping[str, str] = os.environ) -> Service:
    """Wire the service from its settings. Raises SettingError."""
    settings = Settings.read(environ)
    client = partial(boto3.session.Session().client, config=_AWS)
    dynamodb = client("dynamodb")
    new_turn = partial(TableTurn, dynamodb, settings.table_name)
    key = SecretKey(client("secretsmanager"), settings.key_secret)
    telemetry = Telemetry(settings.policy.refund_missing_after)
    ports = Ports(
        feee=FeeeClient(settings.base_url, user_agent=settings.user_agent, key=key),
        cancellations=CancellationTable(dynamodb, settings.table_name),
        policy=settings.policy,
        now=time.time,
        monotonic=time.monotonic,
        sleep=time.sleep,
        jitter=partial(random.uniform, 0, settings.jitter),
        wake=Waker(new_turn(), cache(partial(client, "lambda")), settings.drain_function),
        observe=telemetry,
    )
    return Service(
        ports=ports,
        published=telemetry.published,
        new_turn=new_turn,
        drain_pace=settings.drain_pace,
        drain_seconds=settings.drain_seconds,
    )
