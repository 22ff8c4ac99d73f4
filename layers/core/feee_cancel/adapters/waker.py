"""Starts the drain, unless one is at work: an asynchronous invocation of its function."""

import json
import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from feee_cancel.adapters.lease import TableLease
from feee_cancel.usecases.errors import TableUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_lambda import LambdaClient

logger = logging.getLogger(__name__)


class Waker:
    """`client` is made when it is first needed: making it slows down a cold start, and most invocations wake nobody."""

    def __init__(self, lease: TableLease, client: "Callable[[], LambdaClient]", function: str) -> None:
        self._lease = lease
        self._client = client
        self._function = function

    def __call__(self, until: int) -> None:
        """Make sure that a drain stays until this time (unix seconds). Never raises: the tick is the guarantee."""
        try:
            if self._lease.may_wake(until, now=time.time()):
                self._invoke(until)
        except (BotoCoreError, ClientError, TableUnavailableError) as error:
            logger.warning("the drain couldn't be woken; the tick will do it", extra={"error": type(error).__name__})

    def _invoke(self, until: int) -> None:
        accepted = self._client().invoke(
            FunctionName=self._function, InvocationType="Event", Payload=json.dumps({"until": until}).encode()
        )
        with suppress(BotoCoreError, HTTPError):  # it was accepted, whatever becomes of the rest
            accepted["Payload"].read()  # or botocore makes another connection the next time
