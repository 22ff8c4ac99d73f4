"""Imports functions in fresh processes, taking turns. Standard library only: it runs in Lambda's image.

The argument is JSON: `rounds`, `paths` (a search path for each name), `environment`. Prints for each name a list of
[seconds of processor time, seconds], in the order of the rounds. The first round warms the disk's cache and isn't told.
"""

import json
import os
import subprocess
import sys
from typing import Any

TIMED = """
import time
wall, processor = time.perf_counter(), time.process_time()
import app
print(time.process_time() - processor, time.perf_counter() - wall)
"""


def main(rounds: int, paths: dict[str, list[str]], environment: dict[str, str]) -> dict[str, list[list[float]]]:
    """What each import took."""
    found: dict[str, list[list[float]]] = {name: [] for name in paths}
    for _ in range(rounds + 1):
        for name, path in paths.items():
            env = os.environ | environment | {"PYTHONPATH": os.pathsep.join(path)}
            done = subprocess.run([sys.executable, "-c", TIMED], env=env, capture_output=True, text=True, check=False)
            if done.returncode:
                sys.exit(done.stderr)
            found[name].append([float(part) for part in done.stdout.split()[-2:]])
    return {name: told[1:] for name, told in found.items()}


if __name__ == "__main__":
    spec: Any = json.loads(sys.argv[1])
    print(json.dumps(main(**spec)))
