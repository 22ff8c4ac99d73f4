"""How far a reader walks to follow a happy `POST /cancellations`: files, changes of file, functions.

The real handler, warm, with AWS and feee.io on loopback. Functions count in the order in which they are first called,
as somebody meets them who reads each once; what Python makes of a comprehension or a lambda is part of its function.
Two walks: as far as the ports, where a reader who knows what an adapter promises turns back, and through the adapters.
`PYTHONPATH=layers/core:. python -m benchmarks.walk` prints them.
"""

import json
import os
import subprocess
import sys
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from benchmarks.inside.worker import Context
from benchmarks.runtime import ENVIRONMENT
from local.build import ROOT

_OWN = ("layers/core/feee_cancel/", "functions/")
_ORDER: dict[str, Any] = {
    "order_no": "ORDER_NO",
    "create_time": 1_724_318_708,
    "pay_time": 1_724_318_708,
    "pay_amount": 3.92,
    "refund_amount": 3.92,
    "refund_time": 1_724_319_451,
    "status": 12,
}
_ANSWER = json.dumps({"code": 0, "msg": "ok", "request_id": "r-1", "data": _ORDER})


class Stop(NamedTuple):
    """A function on the way."""

    file: str
    function: str
    in_adapter: bool


class Walk(NamedTuple):
    """What the walk comes to."""

    files: int
    changes: int
    functions: int


def walks() -> tuple[Walk, Walk]:
    """As far as the ports, and through the adapters. In a new process: this one's settings stay as they are."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.walk", "--json"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    to_ports, through = json.loads(done.stdout.splitlines()[-1])
    return Walk(*to_ports), Walk(*through)


def measured(stops: list[Stop]) -> Walk:
    """Files, changes from one file to another, and functions."""
    changes = sum(one.file != other.file for one, other in pairwise(stops))
    return Walk(len({stop.file for stop in stops}), changes, len(stops))


def stops() -> list[Stop]:
    """Each function of ours in the order in which a warm cancel first calls it. Sets environment variables."""
    command = [sys.executable, str(ROOT / "benchmarks/inside/loopback.py"), _ANSWER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as peers:
        try:
            assert peers.stdout
            aws, feee = peers.stdout.readline().split()
            at = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{aws}", "FEEE_BASE_URL": f"http://127.0.0.1:{feee}/open"}
            os.environ.update(ENVIRONMENT | at)
            handler = import_module("functions.api.app").lambda_handler
            _cancel(handler, "1")
            return _seen(handler)
        finally:
            peers.kill()


def _seen(handler: Any) -> list[Stop]:
    seen: dict[tuple[str, str], Stop] = {}

    def _note(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and (stop := _stop(frame)):
            seen.setdefault((stop.file, stop.function), stop)

    sys.setprofile(_note)
    try:
        _cancel(handler, "2")
    finally:
        sys.setprofile(None)
    return list(seen.values())


def _stop(frame: FrameType) -> Stop | None:
    file = _file(frame)
    if not file.startswith(_OWN) or frame.f_code.co_name.startswith("<"):
        return None
    return Stop(file.removeprefix(_OWN[0]), frame.f_code.co_qualname, _in_adapter(frame))


def _in_adapter(frame: FrameType | None) -> bool:
    """Whether an adapter, or what it called, is at work; but for the metrics' wrapper around the handler."""
    while frame and not _file(frame).startswith(_OWN[1]):
        if _file(frame).startswith(f"{_OWN[0]}adapters/"):
            return True
        frame = frame.f_back
    return False


def _file(frame: FrameType) -> str:
    path = Path(frame.f_code.co_filename)
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else ""


def _cancel(handler: Any, order_no: str) -> None:
    event = json.loads((ROOT / "events/api-request.json").read_text())
    answer = handler({**event, "body": json.dumps({"order_no": order_no})}, Context())
    assert json.loads(answer["body"])["state"] == "cancelled", answer


def _tell() -> None:
    through = stops()
    to_ports = [stop for stop in through if not stop.in_adapter]
    if "--json" in sys.argv:
        print(json.dumps([measured(to_ports), measured(through)]))
        return
    for name, way in (("As far as the ports", to_ports), ("Through the adapters", through)):
        print("\n{}: {} files, {} changes of file, {} functions".format(name, *measured(way)))
        for before, stop in pairwise([Stop("", "", False), *way]):
            print(f"{'' if stop.file == before.file else stop.file:30} {stop.function}")


if __name__ == "__main__":
    _tell()
