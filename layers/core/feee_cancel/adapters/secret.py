"""The secrets, JSON documents in Secrets Manager: kept for five minutes.

No value is in a message, and no exception that holds one is chained.
"""

import json
import math
import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeGuard, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from feee_cancel.usecases.errors import SecretUnavailableError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

T = TypeVar("T")

_MAX_AGE_SECONDS = 300
_KEY = re.compile(r"[!#-\[\]-~]{8,256}")
"""Printable ASCII that needs no escaping in a header or in JSON: no space, quote or backslash."""


class Secret(Generic[T]):
    """One secret, by its ARN or name: what `find` finds in its JSON object, read again after five minutes.

    `example` is what it should hold, for the message if it doesn't.
    """

    def __init__(
        self,
        client: "SecretsManagerClient",
        name: str,
        *,
        find: Callable[[dict[str, Any]], T | None],
        example: str,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._name = name
        self._find = find
        self._example = example
        self._now = now
        self._found: T | None = None
        self._read_at = -math.inf

    def __call__(self, *, refresh: bool = False) -> T:
        """What is found in it; read again if there is nothing, for it may just have been set.

        Raises SecretUnavailableError, which says what to do.
        """
        if refresh or not 0 <= self._now() - self._read_at < _MAX_AGE_SECONDS:
            self._read()
        if not self._found:
            self._read()
        if not self._found:
            raise SecretUnavailableError(
                f"secret {self._name} holds nothing usable. Put {self._example} in a file, and set it from there: "
                f"aws secretsmanager put-secret-value --secret-id {self._name} --secret-string file://secret.json"
            )
        return self._found

    def _read(self) -> None:
        try:
            text = self._client.get_secret_value(SecretId=self._name).get("SecretString")
        except (BotoCoreError, ClientError) as error:
            raise SecretUnavailableError(f"secret {self._name} can't be read: {_code_of(error)}") from error
        self._found, self._read_at = self._find(_object(text)), self._now()


class SecretKey(Secret[str]):
    """feee.io's key: `{"key": "..."}`."""

    def __init__(self, client: "SecretsManagerClient", name: str, now: Callable[[], float] = time.time) -> None:
        super().__init__(client, name, find=_key_in, example='{"key": "<key>"}', now=now)


def is_key(value: object) -> TypeGuard[str]:
    """Whether this can be feee.io's key, which must fit into a header as it is."""
    return isinstance(value, str) and _KEY.fullmatch(value) is not None


def _key_in(document: dict[str, Any]) -> str | None:
    key = document.get("key")
    return key if is_key(key) else None


def _code_of(error: BaseException) -> str:
    """AWS's error code, or the kind of error: AWS's messages name roles and accounts."""
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else type(error).__name__


def _object(text: object) -> dict[str, Any]:
    try:
        document = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
