"""Why there is no answer of the API. What the API itself answers, a refusal too, is an ApiAnswer."""


class ApiError(Exception):
    """There is no answer of the API; the message says why. Whether it got the request isn't known."""


class NoAnswerError(ApiError):
    """Nothing answered: the network, a name, a certificate, a time-out."""


class ForeignAnswerError(ApiError):
    """Something else than the API answered, such as a proxy's own page. `status` is its HTTP status."""

    def __init__(self, words: str, *, status: int) -> None:
        super().__init__(words)
        self.status = status
