"""Text of others, made fit to be written anywhere."""

import re

_SURROGATES = re.compile("[\ud800-\udfff]")


def sound(text: str) -> str:
    """The text with U+FFFD for halves of characters: JSON can escape them, and nothing can encode them."""
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)
