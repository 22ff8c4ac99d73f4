"""What the ports raise, in a module of its own: code that only reads rows or secrets needn't import the ports."""


class TableUnavailableError(Exception):
    """The table couldn't be read or written: nothing was changed by this."""


class UnknownWriteError(TableUnavailableError):
    """A write got no answer, and the table couldn't be asked or doesn't show it: whether it took place is unknown."""


class RowBusyError(TableUnavailableError):
    """The table answers, but the row can't be changed as it stands, and wasn't. The message tells callers why."""


class SecretUnavailableError(Exception):
    """A secret couldn't be read or used; the message names it and how to set it, never its value."""


class NotSignedError(Exception):
    """The request isn't signed as it should be; it doesn't say what is wrong, which would help a forger."""
