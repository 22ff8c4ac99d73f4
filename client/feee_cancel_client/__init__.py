"""A client of the service: its API, signed with AWS credentials, and its webhook, signed with a shared secret."""

from feee_cancel_client.api import ApiAnswer, ApiClient
from feee_cancel_client.errors import ApiError, ForeignAnswerError, NoAnswerError
from feee_cancel_client.webhook import signed

__all__ = ["ApiAnswer", "ApiClient", "ApiError", "ForeignAnswerError", "NoAnswerError", "signed"]
