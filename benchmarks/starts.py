"""Cold starts: import and clients of each function against the floor, and the first invocation with our bytecode."""

import json
from collections.abc import Iterator
from statistics import median

from benchmarks.runtime import ENVIRONMENT, FLOOR, FUNCTIONS, WHOLE, Runtime
from benchmarks.table import Row, at_most, ratio
from local.build import ROOT

ROUNDS = 15
BARS = {"api": 1.05, "schedule": 1.0, "webhook": 1.0, "notify": 0.9}
BYTECODE_BAR = 0.42


def cold_starts(runtime: Runtime, rounds: int = ROUNDS) -> Iterator[Row]:
    """Processor time, because other programs on the machine don't change it much; seconds are told beside it."""
    paths = {name: runtime.path(name) for name in (FLOOR, WHOLE, *FUNCTIONS)}
    found = runtime.run("cold", rounds=rounds, paths=paths, environment=ENVIRONMENT)
    processor = {name: [one[0] for one in took] for name, took in found.items()}
    wall = {name: [one[1] for one in took] for name, took in found.items()}
    for name, bar in BARS.items():
        milliseconds = f"{median(processor[name]) * 1000:.0f} ms, floor {median(processor[FLOOR]) * 1000:.0f} ms"
        by_clock = ratio(wall[name], wall[FLOOR])
        by_whole = ratio(processor[name], processor[WHOLE])
        detail = f"{milliseconds}; by the clock {by_clock:.2f}; of the floor on whole packages {by_whole:.2f}"
        figures = {
            "processor_seconds": processor[name],
            "floor": processor[FLOOR],
            "by_clock": by_clock,
            "by_whole": by_whole,
        }
        yield at_most(f"Cold start, {name}", ratio(processor[name], processor[FLOOR]), bar, detail, **figures)


def first_invocations(runtime: Runtime, rounds: int = ROUNDS) -> Row:
    """An API request that is refused before anything is called: what is measured is the start."""
    figure = "First invocation, bytecode against none"
    if not runtime.contained:
        return Row(figure, "not measured: it takes Lambda's image", f"≤ {BYTECODE_BAR:.2f}", None)
    event = json.loads((ROOT / "events/api-request.json").read_text()) | {"body": "{}"}
    found = runtime.run(
        "first_invoke",
        rounds=rounds,
        emulator=f"{runtime.root}/rie",
        paths={"with": runtime.path("api"), "without": runtime.path("api", compiled=False)},
        environment=ENVIRONMENT,
        event=json.dumps(event),
    )
    detail = f"{median(found['with']) * 1000:.0f} ms, without {median(found['without']) * 1000:.0f} ms"
    return at_most(figure, ratio(found["with"], found["without"]), BYTECODE_BAR, detail, **found)
