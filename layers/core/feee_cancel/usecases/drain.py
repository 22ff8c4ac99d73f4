"""The drain: attempts what is due at a pace, askers in turn, and stays for what is due soon."""

import logging
import math
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import replace
from functools import partial
from typing import Any

from feee_cancel.domain.answer import AnswerKind
from feee_cancel.domain.cancellation import Cancellation
from feee_cancel.domain.due import Due
from feee_cancel.usecases.attempt import contained_attempt
from feee_cancel.usecases.pace import Pace, PacedFeee
from feee_cancel.usecases.ports import DrainLease, Ports
from feee_cancel.usecases.request import TICK_SECONDS
from feee_cancel.usecases.rota import Rota, queue

HORIZON_SECONDS = TICK_SECONDS + 5
"""A drain stays for what becomes due before the next tick has surely begun."""
LEASE_SECONDS = 10
"""The lease is extended well before its end; a drain that is killed holds the next one up for this long."""
REST_SECONDS = 30
"""How long the drain rests once feee.io seems to be down."""

_PATIENCE_SECONDS = 10
"""If feee.io asks for a longer rest, the drain ends."""
_MOST_REST_SECONDS = 100
"""A lease that ends much later would look as if a wrong clock had written it."""

_SCAN_SECONDS = 1.0
_EXTEND_SECONDS = 3.0
_AHEAD = 10
"""How many rows of each line are read beyond those that can begin before the next look."""
_LAG_SECONDS = 5.0
"""How long the index may show a row as it was before its attempt began."""
_LEAST_SECONDS = 0.001
"""A shorter sleep may not advance a clock."""
_FAILURES = 3
_SECONDS_OF_WORK = 4
"""At most this many seconds' worth of calls are under way: enough even if feee.io takes that long for each."""
_ROOM_BESIDES = 1.5
"""How many times as many attempts may be under way, if the others are of lines that have none."""

_NOT_SERVED = frozenset({AnswerKind.MISCONFIGURED, AnswerKind.RATE_EXCEEDED, AnswerKind.NOT_SENT})
"""With any other order the call would have failed too. NO_USABLE_ANSWER counts only if no envelope came."""

logger = logging.getLogger(__name__)


class Drain:
    """One run of the drain.

    `pace` is in calls a second, `deadline` a reading of `ports.monotonic` after which no attempt is begun; attempts run
    in `executor`. An attempt is chosen (`Rota`) and begins shortly before the place of its first call; calls of
    attempts under way have earlier places. A line with nothing under way finds room beside the others, so that nobody
    waits for what feee.io is slow about. Until feee.io has given one usable answer, at most three attempts are under
    way, five with that extra room. After three in a row without a usable answer, the drain ends and leaves its lease to
    run out, so that an outage costs feee.io and us only a few calls a minute.
    """

    def __init__(self, ports: Ports, lease: DrainLease, executor: Executor, *, pace: float, deadline: float) -> None:
        self._ports = ports
        self._lease = lease
        self._executor = executor
        self._pace = Pace(1 / pace, monotonic=ports.monotonic, sleep=ports.sleep)
        self._ahead = 1 / pace
        self._rota = Rota()
        self._side_by_side = math.ceil(pace * _SECONDS_OF_WORK)
        self._until_next_look = math.ceil(pace * _SCAN_SECONDS) + _AHEAD
        self._deadline = deadline
        self._until = 0
        self._stay_until = 0.0
        self._requested = 0
        self._holds_lease = False
        self._extend_at = 0.0
        self._failures = 0
        self._served = False
        self._running: dict[Future[Cancellation | None], Due] = {}
        self._begun: dict[Due, float] = {}
        self._look: Future[list[Due]] | None = None
        self._look_at = -math.inf
        self._alone = True

    def run(self, *, until: int) -> None:
        """Drain until nothing is due within the horizon and nobody requests more, or until the deadline.

        `until` is when a row is due that the index may not show yet; 0 if nobody knows of one. Raises
        TableUnavailableError; the leases then run out by themselves.
        """
        self._stay(until)
        if until or self._due():
            self._hold(self._lease.acquire)
        while self._holds_lease and not self._work():
            if self._lease.release():
                return
            self._hold(self._lease.extend)
        if self._holds_lease:
            self._stop()

    def _work(self) -> bool:
        """Make attempts until nothing is left to do (False), or none may be begun any more (True)."""
        due: list[Due] = []
        while self._may_begin():
            if self._look is None and (self._elapsed() >= self._look_at or not (due or self._running)):
                self._begin_look()
            if self._look and (self._look.done() or not (due or self._running)):
                due, self._look = self._unbegun(self._look.result()), None
                if not due and not self._running and self._alone and self._elapsed() > self._stay_until:
                    return False
            may_begin = self._with_room(due)
            ready = [row for row in may_begin if row.due_at <= self._now()]
            if ready and self._pace.opens_in() <= self._ahead:
                row = self._rota.choose(ready, suspicious=self._failures > 0)
                self._begin(row)
                due.remove(row)
            else:
                look_in = _SCAN_SECONDS if self._look else self._look_at - self._elapsed()
                self._pause(min(look_in, self._opens_in(may_begin)))
        self._look = None  # a look that is done would end each wait for an attempt at once
        while self._running:
            self._collect(_SCAN_SECONDS)
        return True

    def _may_begin(self) -> bool:
        self._extend_lease()
        return self._holds_lease and not self._must_rest() and self._elapsed() < self._deadline

    def _must_rest(self) -> bool:
        """Whether feee.io is taken to be down, or asks for a rest."""
        return self._failures >= _FAILURES or self._pace.rests_for() > _PATIENCE_SECONDS

    def _begin_look(self) -> None:
        """Read the index beside the attempts: if the table's answer is lost, what was seen before goes on meanwhile."""
        self._look_at, self._alone = self._elapsed() + _SCAN_SECONDS, not self._running
        self._look = self._executor.submit(self._looking())

    def _looking(self) -> Callable[[], list[Due]]:
        """Finds what is due within the horizon."""
        recently = sum(at > self._elapsed() - _LAG_SECONDS for at in self._begun.values())
        limit, now = self._until_next_look + recently, self._now()
        return partial(self._ports.cancellations.due, now=now, until=now + HORIZON_SECONDS, limit=limit)

    def _unbegun(self, found: list[Due]) -> list[Due]:
        """Those that weren't begun in this run: the index may still show a row as it was before its attempt."""
        return [row for row in found if row not in self._begun]

    def _due(self) -> list[Due]:
        return self._unbegun(self._looking()())

    def _with_room(self, due: list[Due]) -> list[Due]:
        """Those that may begin beside what is under way."""
        room = self._side_by_side if self._served else _FAILURES - self._failures
        if len(self._running) < room:
            return due
        if len(self._running) >= room * _ROOM_BESIDES:
            return []
        under_way = {queue(row) for row in self._running.values()}
        return [row for row in due if queue(row) not in under_way]

    def _opens_in(self, due: list[Due]) -> float:
        """Seconds until the next of these may begin, as far as that depends on time."""
        if not due:
            return math.inf
        return max(min(row.due_at for row in due) - self._now(), self._pace.opens_in() - self._ahead)

    def _begin(self, row: Due) -> None:
        self._begun[row] = self._elapsed()
        self._rota.begun(row)
        paced = replace(self._ports, feee=PacedFeee(self._ports.feee, self._pace))
        self._running[self._executor.submit(contained_attempt, row, paced)] = row

    def _pause(self, seconds: float) -> None:
        """Wait this long, or until an attempt or a look ends."""
        seconds = max(_LEAST_SECONDS, seconds)
        if self._running or self._look:
            self._collect(seconds)
        else:
            self._ports.sleep(seconds)

    def _collect(self, seconds: float) -> None:
        """Take the results of the attempts that ended; wait at most this long for one, or for a look."""
        self._extend_lease()
        awaited: list[Future[Any]] = [*self._running, *([self._look] if self._look else [])]
        ended, _ = wait(awaited, seconds, FIRST_COMPLETED)
        done = [attempted for attempted in self._running if attempted in ended]
        for attempted in done:
            del self._running[attempted]
        rows = [row for attempted in done if (row := attempted.result())]
        if any(map(_served, rows)):
            self._served, self._failures = True, 0
        else:
            self._failures += len(rows)

    def _stop(self) -> None:
        """End before everything is done: rest if feee.io is down, or else let the next drain go on at once."""
        if self._must_rest():
            seconds = min(max(REST_SECONDS, math.ceil(self._pace.rests_for())), _MOST_REST_SECONDS)
            logger.warning(
                "feee.io gives no usable answers, or asks for a rest; the drain rests", extra={"seconds": seconds}
            )
            self._lease.extend(now=self._now(), lease_until=math.ceil(self._now() + seconds), until=0)
            return
        while not self._lease.release():
            self._hold(self._lease.extend)
        if self._due() or self._elapsed() <= self._stay_until:
            self._ports.wake(max(self._until, math.ceil(self._now())))

    def _extend_lease(self) -> None:
        if self._holds_lease and self._elapsed() >= self._extend_at:
            self._hold(self._lease.extend)

    def _hold(self, acquire_or_extend: Callable[..., int | None]) -> None:
        """Acquire or extend the lease, and learn until when somebody requested the drain to stay."""
        self._extend_at = self._elapsed() + _EXTEND_SECONDS
        lease_until = math.ceil(self._now() + LEASE_SECONDS)
        requested = acquire_or_extend(now=self._now(), lease_until=lease_until, until=self._until)
        self._holds_lease = requested is not None
        if requested is not None and requested > self._requested:
            self._requested = requested
            self._stay(requested)

    def _stay(self, until: int) -> None:
        """Stay until then, but for no longer than the horizon, even if the clock is set back."""
        until = min(until, math.ceil(self._now() + HORIZON_SECONDS))
        self._until = max(self._until, until)
        self._stay_until = max(self._stay_until, self._elapsed() + until - self._now())

    def _now(self) -> float:
        """The clock of what is due and of leases; it may be set at any time."""
        return self._ports.now()

    def _elapsed(self) -> float:
        """The clock of whatever is measured or waited for."""
        return self._ports.monotonic()


def _served(row: Cancellation) -> bool:
    """Whether feee.io serves us: with an envelope it does, even if the order in it can't be decided on."""
    silent = row.answer is AnswerKind.NO_USABLE_ANSWER and row.code is None
    return row.answer not in _NOT_SERVED and not silent
