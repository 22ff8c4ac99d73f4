"""Why there is no answer of the API. What the API itself answers, a refusal too, is an ApiAnswer."""

from botocore.exceptions import HTTPClientError

_UNSENT = (
    "The request can't be sent. Is HTTPS_PROXY or HTTP_PROXY the address of a proxy? Do the AWS credentials contain "
    "blanks or line ends?"
)


class ApiError(Exception):
    """There is no answer of the API; the message says why. Whether it got the request isn't known."""


class NoAnswerError(ApiError):
    """Nothing answered: the network, a name, a certificate, a time-out."""


class ForeignAnswerError(ApiError):
    """Something else than the API answered, such as a proxy's own page. `status` is its HTTP status."""

    def __init__(self, words: str, *, status: int) -> None:
        super().__init__(words)
        self.status = status


def told(error: Exception) -> str:
    """What botocore says, unless it repeats what it couldn't read: a header's token, or an address with a password."""
    unreadable = type(error) is HTTPClientError and isinstance(error.kwargs.get("error"), ValueError)
    return _UNSENT if unreadable else str(error)
