"""Warm invocations of the API's function and of the floor, taking turns, with AWS and feee.io on loopback.

Standard library only: it runs in Lambda's image. The argument is JSON: `paths`, `environment`, `event`, `answer`
(feee.io's), `times` (invocations at feee.io answering at once), `block` (so many in a row), `slow_times`. Prints what
it found.
"""

import json
import os
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SLOW_SECONDS = 0.1
WARM_UP = 50
PROFILED = 100


class Worker:
    """See worker.py."""

    def __init__(self, path: list[str], environment: dict[str, str], event: Any) -> None:
        env = os.environ | environment | {"PYTHONPATH": os.pathsep.join(path)}
        command = [sys.executable, str(HERE / "worker.py"), json.dumps(event)]
        self.process = subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, command: str) -> Any:
        """One command, and its answer."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def main(
    paths: dict[str, list[str]],
    environment: dict[str, str],
    event: Any,
    answer: str,
    times: int,
    slow_times: int,
    block: int,
) -> dict[str, Any]:
    """What was measured, by name."""
    command = [sys.executable, str(HERE / "loopback.py"), answer]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True)]
    try:
        assert processes[0].stdout
        aws, feee = processes[0].stdout.readline().split()
        at = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{aws}", "FEEE_BASE_URL": f"http://127.0.0.1:{feee}/open"}
        workers = {name: Worker(path, environment | at, event) for name, path in paths.items()}
        processes += [worker.process for worker in workers.values()]
        control = HTTPConnection("127.0.0.1", int(feee), timeout=10)
        return _measured(workers, control, times, slow_times, block)
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _measured(
    workers: dict[str, Worker], control: HTTPConnection, times: int, slow_times: int, block: int
) -> dict[str, Any]:
    _control(control, 0)
    cold = {}
    for name, worker in workers.items():
        worker.ask("run 1")
        cold[name] = _control(control, 0)
    for worker in workers.values():
        worker.ask(f"run {WARM_UP}")
    _control(control, 0)
    workers["api"].ask(f"run {block}")
    calls = {"times": block, "first": cold["api"], **_control(control, 0)}
    at_once = _alternating(workers, times, block)
    memory = {name: worker.ask("memory") for name, worker in workers.items()}
    _control(control, SLOW_SECONDS)
    slow = _alternating(workers, slow_times, max(1, slow_times // 4))
    _control(control, 0)
    own = [workers["api"].ask(f"profile {PROFILED}") for _ in range(3)]
    return {"at_once": at_once, "slow": slow, "calls": calls, "memory": memory, "own_share": sorted(own)[1]}


def _alternating(workers: dict[str, Worker], times: int, block: int) -> dict[str, list[list[float]]]:
    found: dict[str, list[list[float]]] = {name: [] for name in workers}
    for _ in range(max(1, times // block)):
        for name, worker in workers.items():
            found[name] += worker.ask(f"run {block}")
    return found


def _control(connection: HTTPConnection, seconds: float) -> Any:
    """Set how long feee.io takes, and reset the counts. Returns what they were."""
    connection.request("GET", f"/control?{seconds}")
    return json.loads(connection.getresponse().read())


if __name__ == "__main__":
    spec: Any = json.loads(sys.argv[1])
    print(json.dumps(main(**spec)))
