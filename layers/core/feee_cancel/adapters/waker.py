"""Starts the drain: an asynchronous invocation of its function."""

import json
import logging
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_lambda import LambdaClient

logger = logging.getLogger(__name__)


class Waker:
    """`client` is made when it is first needed: most invocations wake nobody, and a client costs a cold start time."""

    def __init__(self, client: "Callable[[], LambdaClient]", function: str) -> None:
        self._client = client
        self._function = function

    def __call__(self, until: int) -> None:
        """Start a drain that stays until this time (unix seconds). Never raises: the tick is the guarantee."""
        try:
            self._client().invoke(
                FunctionName=self._function,
                InvocationType="Event",
                Payload=json.dumps({"until": until}).encode(),
            )
        except (BotoCoreError, ClientError) as error:
            logger.warning("the drain couldn't be woken; the tick will do it", extra={"error": type(error).__name__})
