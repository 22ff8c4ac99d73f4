"""Wires the API and the schedule: what cancels orders."""

import os
import random
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from feee_cancel.adapters.feee_client import FeeeClient
from feee_cancel.adapters.secret import SecretKey
from feee_cancel.adapters.settings import Settings
from feee_cancel.bootstrap.aws import wire
from feee_cancel.bootstrap.session import AUTHORITIES
from feee_cancel.usecases.control import ShownOrders
from feee_cancel.usecases.ports import Ports
from feee_cancel.usecases.service import Service

__all__ = ["Service", "bootstrap"]


def bootstrap(environ: Mapping[str, str] = os.environ) -> Service:
    """Wire the service from its settings. Raises SettingError."""
    settings = Settings(environ)
    wiring = wire(settings)
    intake = wiring.intake
    key = SecretKey(wiring.client("secretsmanager"), settings.text("FEEE_KEY_SECRET_ARN"))
    telemetry = wiring.telemetry
    base_url, user_agent = settings.text("FEEE_BASE_URL"), settings.text("FEEE_USER_AGENT")
    feee = FeeeClient(base_url, user_agent=user_agent, key=key, answered=telemetry.answered, authorities=AUTHORITIES)
    ports = Ports(
        feee=feee,
        cancellations=intake.cancellations,
        messages=intake.messages,
        policy=intake.policy,
        now=intake.now,
        monotonic=time.monotonic,
        sleep=time.sleep,
        jitter=partial(random.uniform, 0, wiring.tuning.jitter_percent / 100),
        wake=intake.wake,
        telemetry=telemetry,
        control=ShownOrders(),
    )
    return Service(
        ports=ports,
        published=telemetry.published,
        count=telemetry.count,
        new_lease=wiring.new_lease,
        drain_pace=wiring.tuning.drain_pace,
        drain_seconds=wiring.tuning.drain_seconds,
        diagnosis=partial(_diagnose, feee, user_agent, intake.now),
        demands_caller=not settings.in_sam_local(),
    )


def _diagnose(
    feee: FeeeClient, user_agent: str, now: Callable[[], float], wanted: object, *, deadline: float
) -> dict[str, Any]:
    """See `diagnose`, which is imported only here: it is rarely asked for, so no cold start should pay for it."""
    from feee_cancel.adapters.diagnosis import diagnose  # noqa: PLC0415 - as the docstring says

    return diagnose(feee, wanted, user_agent=user_agent, now=now(), deadline=deadline)
