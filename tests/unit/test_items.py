"""How a row is read from an item: by its annotations, whatever wrote it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal  # noqa: TC003 - the annotation is read
from typing import get_args, get_type_hints

import pytest

from feee_cancel.adapters.items import decoders, floored, to_item, to_row
from feee_cancel.domain.cancellation import UNREADABLE_TIME, Cancellation, State, StateReason
from feee_cancel.domain.decision import Policy, decide
from feee_cancel.domain.times import EARLIEST, LATEST, Time
from tests.builders import NOW, refused, row, shown


@dataclass
class _Annotated:
    state: State
    tries: int
    why: StateReason | None = None
    amount: Decimal | None = None
    words: str | None = None


@dataclass
class _Unheard:
    times: tuple[int, ...]


@dataclass
class _Ambiguous:
    either: int | str


def test_a_field_is_read_by_its_type_though_annotations_be_text() -> None:
    read = {name: kind for name, (kind, _) in decoders(_Annotated).items()}
    assert read == {"state": "S", "tries": "N", "why": "S", "amount": "N", "words": "S"}
    assert isinstance(decoders(_Annotated)["state"][1]("waiting"), State)


@pytest.mark.parametrize("of", [_Unheard, _Ambiguous])
def test_a_type_that_nothing_reads_is_found_out_at_once(of: type) -> None:
    with pytest.raises(TypeError, match="no attribute of the table is read as"):
        decoders(of)


def test_an_unknown_value_is_itself_and_no_member() -> None:
    paused = State.read("paused")
    assert (paused, str(paused), f"{paused}", paused.value, paused.name) == ("paused",) * 5
    assert paused == State.read("paused")
    assert (paused in set(State), paused.is_known, paused.final, State.WAITING.is_known) == (False, False, False, True)
    assert State.read("waiting") is State.WAITING
    with pytest.raises(ValueError, match="paused"):
        State("paused")
    with pytest.raises(TypeError):
        State.read(5)  # type: ignore[arg-type] # what a table may hold


def test_what_cannot_be_read_is_written_as_it_was_until_it_is_set() -> None:
    item = to_item(row()) | {"code": {"S": "x"}, "requested_at": {"S": "today"}, "in_doubt_after": {"S": "?"}}
    read = to_row(item)
    assert (read.code, read.in_doubt_after, read.in_doubt) == (None, 0, True)
    assert to_item(read) == item
    del item["state"], item["due_at"]
    assert (to_row(item).state, to_row(item).state.is_known) == ("unreadable", False)


TIMES = [
    name for name, hint in get_type_hints(Cancellation, include_extras=True).items() if Time in (hint, *get_args(hint))
]


@pytest.mark.parametrize("written", ["0", "-5", f"{EARLIEST - 1}.5", str(LATEST), f"{NOW}000", "1E+30", "-1E+30"])
def test_a_time_in_milliseconds_or_of_a_clock_that_was_never_set_is_none_and_stays_as_it_was(written: str) -> None:
    there = {name: {"N": written} for name in TIMES}
    read = to_row(to_item(row()) | there)
    unreadable = {"requested_at", "gives_up_at", "seen_at"}
    assert len(TIMES) > len(unreadable)
    assert {name: getattr(read, name) for name in TIMES} == {
        name: UNREADABLE_TIME if name in unreadable else None for name in TIMES
    }
    assert to_item(read).items() >= there.items()


@pytest.mark.parametrize("written", [str(EARLIEST), f"{LATEST - 1}.5"])
def test_the_first_and_the_last_time_in_seconds_are_times(written: str) -> None:
    assert to_row(to_item(row()) | {"not_before": {"N": written}}).not_before == int(float(written))


def test_a_number_with_a_fraction_is_read_as_the_whole_one_before_it() -> None:
    """So a row that is due then is found as it was seen: from that second on, and before the next."""
    assert [floored(written) for written in ("1.5", "-0.5", "-1")] == [1, -1, -1]


def test_of_an_order_of_which_it_cannot_be_read_it_is_taken_that_it_was_seen_and_paid() -> None:
    read = to_row(to_item(row()) | {"seen_at": {"S": "yes"}, "paid": {"N": "1"}})
    again = decide(read, refused(), refused(), now=NOW + 99_999, policy=Policy(), jitter=0, others_shown=True)
    assert (read.paid, again.state) == (True, State.FAILED)
    assert decide(read, refused(), shown(), now=NOW, policy=Policy(), jitter=0).seen_at == NOW


def test_what_cannot_be_read_is_logged_by_its_name_and_what_is_unknown_or_written_otherwise_is_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    there = to_item(row()) | {"later": {"S": "x"}, "tries": {"N": "2.0"}}
    assert (to_row(there).tries, dict(to_row(there).unread)) == (2, {"later": {"S": "x"}})
    assert caplog.records == []
    to_row(there | {"code": {"S": "x"}})
    (logged,) = caplog.records
    assert vars(logged)["attributes"] == ["code"]
