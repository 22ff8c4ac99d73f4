"""`make profile FUNCTION=api`: where a function's cold start goes, as a tree of the imports that take longest."""

import argparse
import re
from dataclasses import dataclass, field

from rich.console import Console
from rich.tree import Tree

from benchmarks.runtime import ENVIRONMENT, FLOOR, FUNCTIONS, runtime
from local.task import task

_LINE = re.compile(r"import time:\s+(\d+) \|\s+(\d+) \| ( *)(\S+)")
_RUNS = 5


@dataclass(slots=True)
class Import:
    """Milliseconds: its own, and with all that it imports for the first time."""

    name: str
    own: float
    total: float
    children: list["Import"] = field(default_factory=list)


def parsed(output: str) -> list[Import]:
    """The imports that `python -X importtime` tells, which tells each after those that it caused."""
    waiting: dict[int, list[Import]] = {}
    for own, total, indent, name in _LINE.findall(output):
        depth = len(indent) // 2
        children = waiting.pop(depth + 1, [])
        waiting.setdefault(depth, []).append(Import(name, int(own) / 1000, int(total) / 1000, children))
    return waiting.get(0, [])


def drawn(one: Import, least: float) -> Tree:
    """The tree of what takes at least so many milliseconds, the longest first."""
    tree = Tree(f"{one.total:6.1f} ms  {one.name}  [dim](itself {one.own:.1f})[/]", highlight=False)
    rest = [child for child in one.children if child.total < least]
    for child in sorted(one.children, key=lambda child: -child.total):
        if child.total >= least:
            tree.add(drawn(child, least))
    if rest:
        tree.add(f"[dim]{sum(child.total for child in rest):6.1f} ms  {len(rest)} more[/]")
    return tree


def main() -> None:
    """Draw the fastest of a few runs: the others were held up."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile", description=__doc__)
    parser.add_argument("function", nargs="?", choices=(*FUNCTIONS, FLOOR), default="api")
    parser.add_argument("--least", type=float, default=2.0, help="milliseconds that an import must take to be shown")
    arguments = parser.parse_args()
    console = Console()
    with task(), runtime() as run_in:
        path = run_in.path(arguments.function)
        how = ("-X", "importtime", "-c", "import app")
        outputs = [run_in.output(*how, path=path, environment=ENVIRONMENT) for _ in range(_RUNS)]
        app = min((each[-1] for each in map(parsed, outputs)), key=lambda each: each.total)
        console.print(f"{arguments.function}, with {run_in.name}. `app` itself makes the clients.", highlight=False)
        console.print(drawn(app, arguments.least))


if __name__ == "__main__":
    main()
