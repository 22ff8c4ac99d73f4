"""A wait in vain says what it was for, and what was seen instead."""

import pytest

from tests.e2e.waiting import wait_for


def test_what_is_waited_for_is_returned_as_soon_as_it_is_seen() -> None:
    looks = iter([[], [1], [1, 2], [1, 2, 3]])
    assert wait_for(lambda: next(looks), lambda seen: len(seen) == 2, interval=0) == [1, 2]


def test_a_wait_in_vain_tells_what_it_was_for_and_what_was_seen() -> None:
    row = {"state": "waiting"}
    with pytest.raises(AssertionError) as caught:
        wait_for(lambda: row, lambda row: row["state"] == "cancelled", seconds=0)
    assert "waited 0 s for" in str(caught.value)
    assert 'lambda row: row["state"] == "cancelled"' in str(caught.value)
    assert "and saw, last,\n{'state': 'waiting'}" in str(caught.value)
