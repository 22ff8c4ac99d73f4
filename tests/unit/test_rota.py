"""Whose turn it is."""

from typing import Any

import pytest

from feee_cancel.domain.cancellation import State
from feee_cancel.domain.due import Due
from feee_cancel.domain.rank import Lane
from feee_cancel.usecases.rota import REFUSED_SHARE, Rota

FIRST: dict[str, Any] = {"asker": "a", "lane": Lane.FIRST}


def due(order_no: str, due_at: int = 0, state: State = State.WAITING, **fields: Any) -> Due:
    return Due(order_no, state, due_at, **(FIRST | fields))


def order(*ready: Due, suspicious: bool = False) -> list[str]:
    """In which order these are begun."""
    rota, left, begun = Rota(), list(ready), []
    while left:
        row = rota.choose(left, suspicious=suspicious)
        rota.begun(row)
        left.remove(row)
        begun.append(row.order_no)
    return begun


def test_of_one_line_the_earliest_due_comes_first() -> None:
    assert order(due("1", 3), due("2", 1), due("3", 2)) == ["2", "3", "1"]


def test_askers_take_turns_however_much_each_has() -> None:
    many = [due(f"a{n}", n) for n in range(3)]
    assert order(*many, due("b1", 9, asker="b"), due("c1", 8, asker="c")) == ["a0", "c1", "b1", "a1", "a2"]


def test_an_askers_lanes_take_turns() -> None:
    many = [due(f"f{n}", n) for n in range(3)]
    known = [due(f"k{n}", 5 + n, lane=Lane.KNOWN) for n in range(2)]
    assert order(*many, *known) == ["f0", "k0", "f1", "k1", "f2"]


def test_both_ends_of_a_long_line_take_turns_and_the_latest_is_the_last_that_came() -> None:
    ends = [due("l1", 8, latest=True), due("l2", 9, latest=True)]
    assert order(due("e1", 1), due("e2", 2), *ends) == ["l2", "e1", "l1", "e2"]


def test_refunds_and_leases_that_ended_have_a_turn_of_their_own() -> None:
    many = [due(f"a{n}", n) for n in range(4)]
    refunds = [due(f"r{n}", 5 + n, State.REFUNDING) for n in range(2)]
    assert order(*many, *refunds, due("c", 9, State.CANCELLING)) == ["a0", "r0", "c", "a1", "r1", "a2", "a3"]


def test_refused_orders_wait_for_all_others_but_for_their_small_share() -> None:
    refused = [due(f"r{n}", -n, lane=Lane.REFUSED) for n in range(1, 4)]
    begun = order(*[due(f"{n}", n) for n in range(10)], *refused)
    assert [place for place, order_no in enumerate(begun) if order_no.startswith("r")] == [REFUSED_SHARE - 1, 11, 12]


def test_refused_orders_of_several_askers_take_turns() -> None:
    refused = [due(f"a{n}", n, lane=Lane.REFUSED) for n in (1, 2)]
    assert order(*refused, due("b1", 3, asker="b", lane=Lane.REFUSED)) == ["a1", "b1", "a2"]


def test_where_an_outage_is_suspected_an_order_that_was_served_last_is_the_better_witness() -> None:
    ready = [due("1", 1, troubled=True), due("2", 2), due("3", 3, troubled=True)]
    assert order(*ready) == ["1", "2", "3"]
    assert order(*ready, suspicious=True) == ["2", "1", "3"]


def test_whoever_has_many_due_shares_every_other_attempt_with_all_who_have() -> None:
    many = [due(f"{asker}{n}", n, asker=asker) for n in range(20) for asker in "ab"]
    few = [due(f"c{n}", 99, asker="c") for n in range(3)]
    assert order(*many, *few)[:7] == ["c0", "a0", "c1", "b0", "c2", "a1", "b1"]


@pytest.mark.parametrize(("count", "second"), [(9, "c"), (10, "a0")])
def test_ten_are_many_and_their_turn_goes_to_nobody_who_has_few(count: int, second: str) -> None:
    """Whoever else was never served, and is due before."""
    many = [due(f"a{n}", 9, asker="a") for n in range(count)]
    few = [due(asker, n, asker=asker) for n, asker in enumerate("bcd")]
    assert order(*many, *few)[:2] == ["b", second]
