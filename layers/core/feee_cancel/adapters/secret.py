"""feee.io's key, from Secrets Manager through Powertools: `{"key": "..."}`, kept for five minutes."""

import json
import re
from typing import TYPE_CHECKING

from aws_lambda_powertools.utilities.parameters import SecretsProvider
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError
from botocore.exceptions import ClientError

from feee_cancel.usecases.ports import KeyUnavailableError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

_MAX_AGE_SECONDS = 300
_KEY = re.compile(r"[!#-\[\]-~]{8,256}")
"""Printable ASCII that stands in a header and in JSON as it is: no space, quote or backslash."""


class SecretKey:
    """The key in the secret. Its value is in no message, and no exception that holds it is chained."""

    def __init__(self, client: "SecretsManagerClient", secret: str) -> None:
        """`secret` is the secret's ARN or name."""
        self._provider = SecretsProvider(boto3_client=client)
        self._secret = secret

    def __call__(self, *, refresh: bool = False) -> str:
        """The key, at most five minutes old. Raises KeyUnavailableError, which says what to do."""
        try:
            text = self._provider.get(self._secret, max_age=_MAX_AGE_SECONDS, force_fetch=refresh)
        except GetParameterError as error:
            cause = _code_of(error.__context__)
            raise KeyUnavailableError(f"feee.io's key can't be read from secret {self._secret}: {cause}") from error
        key = _key_in(text)
        if key is None:
            raise KeyUnavailableError(
                f"secret {self._secret} holds no usable key. Set it: aws secretsmanager put-secret-value "
                f"""--secret-id {self._secret} --secret-string '{{"key": "<key>"}}'"""
            )
        return key


def _code_of(error: BaseException | None) -> str:
    """AWS's error code, or the kind of error: AWS's messages name roles and accounts."""
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else type(error).__name__


def _key_in(text: object) -> str | None:
    try:
        document = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return None
    key = document.get("key") if isinstance(document, dict) else None
    return key if isinstance(key, str) and _KEY.fullmatch(key) else None
