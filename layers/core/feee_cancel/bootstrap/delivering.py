"""Wires the outgoing webhook: the queue of settled events to the user's own URL."""

import os
from collections.abc import Callable, Mapping, Sequence

from feee_cancel.adapters.event_queue import SqsEventQueue
from feee_cancel.adapters.senders import SenderSecret
from feee_cancel.adapters.settings import Settings
from feee_cancel.adapters.subscriber import Subscriber
from feee_cancel.bootstrap.session import clients
from feee_cancel.domain.foreign_events import UnknownEventError
from feee_cancel.usecases.deliver import Delivery, deliver

__all__ = ["Delivery", "UnknownEventError", "bootstrap"]


def bootstrap(environ: Mapping[str, str] = os.environ) -> Callable[[Sequence[Delivery], float], list[str]]:
    """What delivers. Raises SettingError."""
    settings, client = Settings(environ), clients()
    senders = SenderSecret(client("secretsmanager"), settings.text("SETTLED_SECRET_ARN"))
    receiver = Subscriber(settings.text("SETTLED_WEBHOOK_URL"), senders=senders)
    queue = SqsEventQueue(client("sqs"), settings.text("SETTLED_QUEUE_URL"), settings.text("UNDELIVERED_QUEUE_URL"))
    return lambda deliveries, now: deliver(deliveries, receiver.post, queue, now=now)
