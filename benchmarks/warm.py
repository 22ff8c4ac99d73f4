"""Warm `POST /cancellations`: time, our own code's share, calls, connections and memory, against the floor."""

import json
from collections.abc import Iterator
from statistics import median
from typing import Any

import urllib3

from benchmarks.runtime import ENVIRONMENT, FLOOR, Runtime
from benchmarks.table import Row, at_most, percentile, ratio
from local.build import ROOT
from local.simulator.order_book import DEFAULT_KEY
from local.simulator.server import running

TIMES = 2_000
SLOW_TIMES = 200
BLOCK = 10
_HAPPY = {"feee.io": 1, "putitem": 2, "updateitem": 0, "getitem": 0, "getsecretvalue": 0}
_CONNECTIONS = ("AWS connections", "feee.io connections")


def warm_calls(runtime: Runtime, times: int = TIMES, slow_times: int = SLOW_TIMES) -> Iterator[Row]:
    """The rows. Told beside them is what the bill needs."""
    found = runtime.run(
        "warm",
        paths={name: runtime.path(name) for name in (FLOOR, "api")},
        environment=ENVIRONMENT,
        event=json.loads((ROOT / "events/api-request.json").read_text()),
        answer=happy_answer(),
        times=times,
        slow_times=slow_times,
        block=BLOCK,
    )
    yield from _times("feee.io answers at once", found["at_once"], 1.10)
    yield from _times("feee.io takes 100 ms", found["slow"], 1.01)
    yield _own_code(found)
    yield _calls(found["calls"])
    memory = {name: peak / 1024 for name, peak in found["memory"].items()}
    detail = f"{memory['api']:.1f} MiB, floor {memory[FLOOR]:.1f} MiB"
    yield at_most("Memory of a warm function, at its peak", memory["api"] / memory[FLOOR], 1.15, detail, **memory)


def _times(when: str, found: dict[str, list[list[float]]], bar: float) -> Iterator[Row]:
    clock = {name: [one[0] for one in took] for name, took in found.items()}
    ours, floor = clock["api"], clock[FLOOR]
    processor = {name: [one[1] for one in took] for name, took in found.items()}
    by_processor = ratio(processor["api"], processor[FLOOR])
    milliseconds = f"{median(ours) * 1000:.2f} ms, floor {median(floor) * 1000:.2f} ms"
    detail = f"{milliseconds}, of {len(ours)}; processor time {by_processor:.2f}"
    figures = {"p50": median(ours), "floor_p50": median(floor), "times": len(ours), "by_processor": by_processor}
    yield at_most(f"Warm cancel, {when}, p50", ratio(ours, floor), bar, detail, **figures)
    tails = percentile(ours, 99), percentile(floor, 99)
    detail = f"{tails[0] * 1000:.2f} ms, floor {tails[1] * 1000:.2f} ms"
    figures = {"p99": tails[0], "floor_p99": tails[1]}
    yield at_most(f"Warm cancel, {when}, p99", tails[0] / tails[1], bar, detail, **figures)


def _own_code(found: dict[str, Any]) -> Row:
    """The share that a profile shows, of the processor time without one: a profile slows all code down equally."""
    processor = median(one[1] for one in found["at_once"]["api"])
    milliseconds = found["own_share"] * processor * 1000
    measured = f"{milliseconds:.2f} ms   {found['own_share']:.0%} of {processor * 1000:.2f} ms"
    figures = {"milliseconds": milliseconds, "processor_seconds": processor}
    return Row("Processor time of our own code, a request", measured, "≤ 1 ms", milliseconds <= 1, figures)


def _calls(calls: dict[str, int]) -> Row:
    made = {name: calls.get(name, 0) / calls["times"] for name in _HAPPY}
    opened = sum(calls.get(name, 0) for name in _CONNECTIONS)
    writes, reads = made["updateitem"] + made["putitem"], made["getitem"]
    measured = f"{made['feee.io']:g} to feee.io, {writes:g} writes, {reads:g} reads, {made['getsecretvalue']:g} secrets"
    unknown = set(calls) - set(_HAPPY) - {"times", "first", *_CONNECTIONS}
    met = made == _HAPPY and not opened and not unknown
    figures = {"calls": calls, "first": calls["first"]}
    return Row(
        "Calls per happy cancel, at the sockets", f"{measured}; {opened} new connections", "1, 2, 0, 0; 0", met, figures
    )


def happy_answer() -> str:
    """What the simulator answers to a cancel, as text, with a placeholder for the order's number."""
    with running() as simulator:
        order_no = simulator.client.create_order(age=743).order_no
        headers = {
            "key": DEFAULT_KEY,
            "User-Agent": ENVIRONMENT["FEEE_USER_AGENT"],
            "Content-Type": "application/json",
        }
        body = json.dumps({"order_no": order_no})
        with urllib3.PoolManager() as pool:
            answered = pool.request("POST", f"{simulator.url}/v2/order/cancel", body=body, headers=headers)
    return answered.data.decode().replace(order_no, "ORDER_NO")
