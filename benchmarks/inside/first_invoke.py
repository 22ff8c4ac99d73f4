"""First invocations through Lambda's runtime interface: the emulator that SAM CLI ships, and the runtime's own client.

Standard library only: it runs in Lambda's image. The argument is JSON: `rounds`, `emulator` (its path), `paths` (for
each name, the function's folder and its layers), `environment`, `event`. Prints for each name a list of seconds, from
the invocation until its answer: the emulator starts the runtime when the first one comes.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from http.client import HTTPConnection
from typing import Any


def first_invoke(path: list[str], environment: dict[str, str], emulator: str, event: str) -> float:
    """Seconds until the answer; the environment is gone afterwards."""
    port, api_port = _free_port(), _free_port()
    env = os.environ | environment | {"PYTHONPATH": os.pathsep.join(path), "LAMBDA_TASK_ROOT": path[0]}
    addresses = [
        f"--runtime-interface-emulator-address=127.0.0.1:{port}",
        f"--runtime-api-address=127.0.0.1:{api_port}",
    ]
    command = [emulator, *addresses, sys.executable, "-m", "awslambdaric", "app.lambda_handler"]
    process = subprocess.Popen(
        command,
        env=env | {"_HANDLER": "app.lambda_handler"},
        cwd=path[0],
        process_group=0,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_until_it_listens(port)
        connection = HTTPConnection("127.0.0.1", port, timeout=30)
        connection.connect()
        started = time.perf_counter()
        connection.request("POST", "/2015-03-31/functions/function/invocations", event)
        answer = json.loads(connection.getresponse().read())
        seconds = time.perf_counter() - started
        if "statusCode" not in answer:
            sys.exit(json.dumps(answer))
        connection.close()
        return seconds
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_it_listens(port: int) -> None:
    give_up_at = time.monotonic() + 10
    while time.monotonic() < give_up_at:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    sys.exit("the runtime interface emulator didn't start")


def main(rounds: int, paths: dict[str, list[str]], **how: Any) -> dict[str, list[float]]:
    """What each took; the first round warms the disk's cache and isn't told."""
    found: dict[str, list[float]] = {name: [] for name in paths}
    for _ in range(rounds + 1):
        for name, path in paths.items():
            found[name].append(first_invoke(path, **how))
    return {name: told[1:] for name, told in found.items()}


if __name__ == "__main__":
    spec: Any = json.loads(sys.argv[1])
    print(json.dumps(main(**spec)))
