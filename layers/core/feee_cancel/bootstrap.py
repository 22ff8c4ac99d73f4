"""The composition root: wires the use cases to AWS and feee.io, once per execution environment."""

import os
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import boto3.session
from botocore.config import Config

from feee_cancel.adapters.feee import FeeeClient
from feee_cancel.adapters.secret import SecretKey
from feee_cancel.adapters.settings import Settings
from feee_cancel.adapters.table import CancellationTable
from feee_cancel.domain.cancellation import Cancellation, CancellationRequest, parse_order_no
from feee_cancel.domain.decision import Policy
from feee_cancel.usecases.ports import Ports
from feee_cancel.usecases.request import request

_AWS = Config(
    connect_timeout=1,
    read_timeout=2,
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=50,
)
_RESERVE_SECONDS = 4.0
"""Left of an invocation for the settling write and the answer, when the calls to feee.io must be over."""


@dataclass(frozen=True, slots=True)
class Service:
    """What the functions call."""

    ports: Ports

    def request(self, document: object, *, requested_by: str | None, seconds_left: float) -> Cancellation:
        """Take a request document. Raises InvalidRequestError and TableUnavailableError; then nothing was accepted."""
        asked = CancellationRequest.parse(document, now=self.ports.now())
        deadline = self.ports.monotonic() + seconds_left - _RESERVE_SECONDS
        return request(asked, self.ports, requested_by=requested_by, deadline=deadline)

    def find(self, order_no: str) -> Cancellation | None:
        """The order's cancellation. Raises InvalidRequestError and TableUnavailableError."""
        return self.ports.cancellations.find(parse_order_no(order_no))


def bootstrap(environ: Mapping[str, str] = os.environ) -> Service:
    """Wire the service from its settings. Raises SettingError."""
    settings = Settings.read(environ)
    client = partial(boto3.session.Session().client, config=_AWS)
    return Service(
        Ports(
            feee=FeeeClient(
                settings.base_url,
                user_agent=settings.user_agent,
                key=SecretKey(client("secretsmanager"), settings.key_secret),
            ),
            cancellations=CancellationTable(client("dynamodb"), settings.table_name),
            policy=Policy(
                margin=settings.margin_seconds,
                gives_up_after=settings.gives_up_after_seconds,
                kept_for=settings.kept_for_seconds,
            ),
            now=time.time,
            monotonic=time.monotonic,
            jitter=random.random,
        )
    )
