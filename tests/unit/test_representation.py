"""What is shown of a cancellation can be encoded and printed, whatever text is in it."""

import json

import pytest

from feee_cancel.adapters.representation import represent, to_json
from tests.builders import row


def test_a_row_with_half_a_character_in_its_order_is_shown() -> None:
    """Such rows were written before text was made sound where it enters."""
    shown = to_json(represent(row(order='{"note": "x\\ud83d", "\\udc00": [{"y": "\\ud800"}]}')))
    assert json.loads(shown.encode())["order"] == {"note": "x\ufffd", "\ufffd": [{"y": "\ufffd"}]}


@pytest.mark.parametrize(
    "text",
    [
        "\x00",
        "\x1b[2J",
        "\x7f",
        "\x9b2J",
        "\u2028",
        "\u202e",
        "\u2066",
        "\u200f",
        "\u061c",
        "\u200b",
        "\ufeff",
        "\\u009b",
        "余额",
    ],
)
def test_text_reads_back_as_it_was_and_no_screen_obeys_it(text: str) -> None:
    shown = to_json({text: text})
    assert json.loads(shown) == {text: text}
    assert shown.isprintable()
