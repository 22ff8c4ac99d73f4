"""Where a cancellation stands in line: whose it is, and what is known of its order."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feee_cancel.domain import rank
from feee_cancel.domain.cancellation import State, StateReason
from feee_cancel.domain.rank import Lane
from tests.builders import NOW, row

ROLE = "arn:aws:sts::123456789012:assumed-role/shop"
LONG = "arn:aws:iam::123456789012:user/" + "division/" * 50


@pytest.mark.parametrize(
    ("requested_by", "asker"),
    [
        (f"{ROLE}/i-0123456789abcdef0", ROLE),
        (f"{ROLE}/another@session", ROLE),
        (
            "arn:aws-cn:sts::123456789012:assumed-role/team/shop/x",
            "arn:aws-cn:sts::123456789012:assumed-role/team/shop",
        ),
        ("arn:aws:iam::123456789012:user/treasury", "arn:aws:iam::123456789012:user/treasury"),
        ("webhook:msg_1", "webhook"),
        ("webhook:msg_2:3#", "webhook"),
        ("event:6a1b", "schedule"),
        ("event:webhook:1", "schedule"),
        (None, "unknown"),
        ("a#b\n\x1b[2J~é", "a_b___2J__"),
    ],
)
def test_an_asker_is_known_again_whatever_changes_from_call_to_call(requested_by: str | None, asker: str) -> None:
    assert rank.asker(row(requested_by=requested_by)) == asker


def test_a_sender_with_a_name_is_an_asker_of_its_own_and_an_id_is_none() -> None:
    assert rank.asker(row(requested_by="webhook:shop:1", asker="webhook:shop")) == "webhook:shop"
    assert rank.asker(row(requested_by="webhook:shop:1")) == "webhook"


def test_long_askers_are_told_apart_all_the_same() -> None:
    askers = {rank.asker(row(requested_by=f"{LONG}{name}")) for name in ("one", "other", "é", "ü")}
    assert len(askers) == 4
    assert {len(asker) for asker in askers} == {80}
    assert rank.asker(row(requested_by=LONG[:80])) == LONG[:80]


@given(st.text())
def test_any_asker_fits_in_a_rank(requested_by: str) -> None:
    asker = rank.asker(row(requested_by=requested_by))
    assert len(asker) <= 80
    assert asker.isascii()
    assert not set(asker) & {"#", *map(chr, range(32))}
    ranked = rank.rank(row(state=State.WAITING, requested_by=requested_by))
    assert ranked is not None
    assert rank.read(ranked)[0] == asker


@pytest.mark.parametrize(
    ("fields", "lane"),
    [
        ({}, Lane.FIRST),
        ({"state_reason": StateReason.UNREACHABLE, "tries": 9}, Lane.FIRST),
        ({"state_reason": StateReason.TOO_EARLY, "status": 4}, Lane.KNOWN),
        ({"state_reason": StateReason.CANCEL_REFUSED, "status": 4, "refusals": "1/1"}, Lane.KNOWN),
        ({"state_reason": StateReason.OUTCOME_UNKNOWN, "in_doubt_after": 0}, Lane.KNOWN),
        ({"state_reason": StateReason.OUTCOME_UNKNOWN}, Lane.KNOWN),
        ({"state_reason": StateReason.ORDER_REFUSED, "refusals": "1/1", "in_doubt_after": 0}, Lane.REFUSED),
    ],
)
def test_what_is_known_of_an_order_is_its_lane(fields: dict[str, Any], lane: Lane) -> None:
    waiting = row(state=State.WAITING, **fields)
    assert rank.lane(waiting) is lane
    assert rank.read(rank.rank(waiting) or "") == ("unknown", lane)


def test_a_line_is_of_its_lane_alone() -> None:
    """An asker may have a lane's name."""
    of = [lane for lane in Lane if rank.is_of(rank.line(Lane.FIRST, Lane.REFUSED), lane)]
    assert of == [Lane.REFUSED]


def test_a_lane_of_a_later_version_is_one_of_known_orders() -> None:
    assert rank.read("webhook#express#000000000001") == ("webhook", Lane.KNOWN)


@pytest.mark.parametrize("state", [state for state in State if state is not State.WAITING])
def test_only_what_waits_has_a_rank(state: State) -> None:
    assert rank.rank(row(state=state)) is None


def test_ranks_of_a_line_are_in_the_order_in_which_its_rows_are_due() -> None:
    ranks = [rank.rank(row(state=State.WAITING, due_at=at)) or "" for at in (-5, 9, 10, NOW, NOW + 1, 10**11)]
    assert all(earlier < later for earlier, later in pairwise(ranks))
