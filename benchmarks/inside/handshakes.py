"""Connections to DynamoDB that are all opened at once, as by a drain that finds much due, each with its first call.

Runs in Lambda's image, beside the layers. The argument is how many. Waits for a line, so that the share of the
processor can be set after the start; prints the seconds of each call, and how many failed.
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from botocore.exceptions import BotoCoreError

from feee_cancel.bootstrap.session import clients


def main(count: int) -> dict[str, object]:
    """What it came to."""
    client, together = clients()("dynamodb"), Barrier(count)

    def _first(_: int) -> float | None:
        together.wait()
        started = time.perf_counter()
        try:
            client.get_item(TableName="table", Key={"order_no": {"S": "1"}})
        except BotoCoreError:
            return None
        return time.perf_counter() - started

    with ThreadPoolExecutor(count) as executor:
        took = list(executor.map(_first, range(count)))
    return {"failed": took.count(None), "seconds": [one for one in took if one is not None]}


if __name__ == "__main__":
    print("started", flush=True)
    sys.stdin.readline()
    print(json.dumps(main(int(sys.argv[1]))))
