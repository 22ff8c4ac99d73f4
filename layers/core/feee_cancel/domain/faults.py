"""What can be wrong with a request document."""


class InvalidRequestError(ValueError):
    """The document isn't a request. `member` is the JSON member at fault, None for the document itself."""

    def __init__(self, member: str | None, detail: str) -> None:
        named = "the request" if member is None else member or '""'
        super().__init__(f"{named} {detail}")
        self.member = member
        self.detail = detail


class PastTimeError(InvalidRequestError):
    """The document is a request for a time that is past: a mistake, unless it repeats one that was accepted."""
