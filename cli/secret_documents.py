"""The stack's secrets, JSON documents in Secrets Manager: read, changed, written. No value is in any message."""

import json
from collections.abc import Mapping
from typing import Any

from cli.outcome import TroubleError


class Document:
    """One secret of the stack, by its ARN. Raises what boto3 raises."""

    def __init__(self, client: Any, arn: str) -> None:
        self._client = client
        self._arn = arn

    def read(self) -> dict[str, Any]:
        """What it holds; nothing if it has no value yet. Raises TroubleError if that isn't a JSON object."""
        try:
            text = self._client.get_secret_value(SecretId=self._arn).get("SecretString", "")
        except self._client.exceptions.ResourceNotFoundException as error:
            if "AWSCURRENT" in str(error):  # AWS's words for a secret without a value
                return {}
            raise
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise TroubleError(
                f"Secret {self._arn} holds something that isn't a JSON object, and was left as it is. Does it "
                "belong to another program? Empty it first: aws secretsmanager put-secret-value --secret-id ... "
                "--secret-string '{}'"
            )
        return document

    def write(self, document: Mapping[str, Any]) -> None:
        """Make this its value; Secrets Manager keeps the one before as AWSPREVIOUS."""
        self._client.put_secret_value(SecretId=self._arn, SecretString=json.dumps(document))
