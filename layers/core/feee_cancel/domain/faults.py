"""What can be wrong with a request document."""


class InvalidRequestError(ValueError):
    """The document isn't a request. `member` is the JSON member at fault, "" for the document itself."""

    def __init__(self, member: str, detail: str) -> None:
        super().__init__(f"{member or 'the request'} {detail}")
        self.member = member
        self.detail = detail


class PastTimeError(InvalidRequestError):
    """The document is a request for a time that is past: a mistake, unless it repeats one that was accepted."""
