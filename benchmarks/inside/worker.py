"""A function in a process of its own, as warm as it gets: invoked on command, one line each way.

Standard library only, beside the function. `run N` tells [seconds, seconds of processor time] of N invocations,
`profile N` what share of the time of N of them our own code takes, `memory` the peak of the resident memory in
kilobytes. What the function writes to stdout goes nowhere.
"""

import cProfile
import json
import os
import pstats
import resource
import sys
import time
from collections.abc import Callable
from importlib import import_module
from itertools import count
from typing import Any

OWN = ("feee_cancel/", "/app.py")
VENDORS = ("botocore/", "boto3/", "urllib3/", "aws_lambda_powertools/", "dateutil/", "jmespath/", "s3transfer/")

_Function = tuple[str, int, str]


class Context:
    """What Lambda tells a function of its invocation."""

    function_name = "function"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:function"
    aws_request_id = "request-1"

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 25_000


def invocations(handler: Callable[[Any, Any], Any], event: dict[str, Any]) -> Callable[[], list[float]]:
    """One invocation with an order of its own."""
    numbers = count(10**17)
    context = Context()

    def _invoke() -> list[float]:
        asked = {**event, "body": json.dumps({"order_no": str(next(numbers))})}
        started, processor = time.perf_counter(), time.process_time()
        answer = handler(asked, context)
        took = [time.perf_counter() - started, time.process_time() - processor]
        if answer["statusCode"] != 200:  # noqa: PLR2004 - RFC 9110
            sys.exit(json.dumps(answer))
        return took

    return _invoke


def own_share(stats: dict[_Function, Any]) -> float:
    """The share of the time that our own code takes: its functions, and the standard library's on their behalf.

    A function of the standard library is shared out among its callers, by the time that it took for each.
    """
    share = {function: _known_share(function) for function in stats}
    for _ in range(30):  # so deep do calls within the standard library go
        for function, (_, _, _, _, callers) in stats.items():
            total = sum(edge[3] for edge in callers.values())
            if _known_share(function) is None and total:
                share[function] = sum((share[caller] or 0) * edge[3] for caller, edge in callers.items()) / total
    taken = {function: timing[2] for function, timing in stats.items()}
    own = sum((share[function] or 0.0) * seconds for function, seconds in taken.items())
    return float(own / sum(taken.values()))


def _known_share(function: _Function) -> float | None:
    file = function[0]
    if any(part in file for part in VENDORS):
        return 0.0
    return 1.0 if any(part in file for part in OWN) else None


def main(event: dict[str, Any]) -> None:
    """Answer commands until there are no more."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    invoke = invocations(import_module("app").lambda_handler, event)
    for line in sys.stdin:
        command, _, times = line.strip().partition(" ")
        answers.write(json.dumps(_COMMANDS[command](invoke, int(times or 0))) + "\n")


def _run(invoke: Callable[[], list[float]], times: int) -> list[list[float]]:
    return [invoke() for _ in range(times)]


def _profile(invoke: Callable[[], list[float]], times: int) -> float:
    profile = cProfile.Profile()
    profile.enable()
    _run(invoke, times)
    profile.disable()
    return own_share(pstats.Stats(profile).stats)  # type: ignore[attr-defined] # not in typeshed


def _memory(_: object, __: int) -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


_COMMANDS: dict[str, Callable[[Callable[[], list[float]], int], object]] = {
    "run": _run,
    "profile": _profile,
    "memory": _memory,
}

if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
