"""Every plan within bounds: so many turns, at most one fault; and random plans beyond."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.explorer.scheduler import Plan, Step

Run = Callable[[Plan], list[Step]]
"""Plays a plan in a fresh world, and raises if an invariant doesn't hold."""


@dataclass(slots=True)
class Explored:
    """How many schedules were played."""

    schedules: int = 0


def explore(run: Run, *, turns: int, faults_up_to: int) -> Explored:
    """Play every plan of at most `turns` turns; with at most `faults_up_to` of them, each with every single fault too.

    A turn is only worth planning where another actor can go on; what follows a turn or a fault is found by playing it.
    """
    explored = Explored()
    left: list[Plan] = [Plan()]
    while left:
        plan = left.pop()
        steps = run(plan)
        explored.schedules += 1
        first = max(plan.turns, default=-1) + 1
        if plan.fault is None:
            if len(plan.turns) < turns:
                left += [Plan({**plan.turns, at: other}) for at, other in _turns(steps, first)]
            if len(plan.turns) <= faults_up_to:
                left += [Plan(plan.turns, (at, fault)) for at, step in enumerate(steps) for fault in step.faults]
        elif len(plan.turns) < turns and len(plan.turns) < faults_up_to:
            # A fault leads elsewhere: turns after it are found from there.
            left += [
                Plan({**plan.turns, at: other}, plan.fault)
                for at, other in _turns(steps, max(first, plan.fault[0] + 1))
            ]
    return explored


def _turns(steps: list[Step], first: int) -> Iterator[tuple[int, int]]:
    for at, step in enumerate(steps[first:], first):
        for other in step.others:
            yield at, other


def wander(run: Run, *, schedules: int, seed: int) -> Explored:
    """Random plans with many turns and a fault each."""
    chosen, explored = random.Random(seed), Explored()
    steps = run(Plan())
    for _ in range(schedules):
        length = len(steps) + 6
        turns = {chosen.randrange(length): chosen.randrange(4) for _ in range(chosen.randrange(2, 9))}
        plan = Plan(turns)
        steps = run(plan)
        faulty = [(at, fault) for at, step in enumerate(steps) for fault in step.faults]
        run(Plan(turns, chosen.choice(faulty)))
        explored.schedules += 2
    return explored
