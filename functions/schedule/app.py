"""The stack's own schedule, every minute, and wake-ups in between: the drain."""

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from feee_cancel.bootstrap import Service, bootstrap

Handler = Callable[[dict[str, Any], LambdaContext], None]

logger = Logger(service="feee_cancel")


def create(service: Service) -> Handler:
    """The handler over a service."""

    @service.published
    @logger.inject_lambda_context(clear_state=True)
    def lambda_handler(event: dict[str, Any], context: LambdaContext) -> None:
        service.drain(until=_until(event), seconds_left=context.get_remaining_time_in_millis() / 1000)

    return lambda_handler


def _until(event: dict[str, Any]) -> int:
    """A tick has an empty event, a wake-up says until when the drain should stay. Anything else fails loudly."""
    until = event.get("until", 0)
    if event.keys() - {"until"} or not isinstance(until, int):
        raise ValueError(f"neither a tick ({{}}) nor a wake-up ({{'until': <unix seconds>}}): members {sorted(event)}")
    return until


lambda_handler = create(bootstrap())
