"""Wires the notifier: the table's stream to EventBridge."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from feee_cancel.adapters.announcer import Announcer, records_of
from feee_cancel.adapters.settings import Settings
from feee_cancel.bootstrap.session import clients

__all__ = ["bootstrap", "records_of"]


def bootstrap(environ: Mapping[str, str] = os.environ) -> Callable[[Sequence[Mapping[str, Any]]], str | None]:
    """What announces the records of the stream. Raises SettingError."""
    settings = Settings(environ)
    return Announcer(clients()("events"), settings.text("EVENT_BUS_NAME"), settings.text("TABLE_ARN")).announce
