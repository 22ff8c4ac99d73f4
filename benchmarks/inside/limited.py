"""A function that is started at full speed and then invoked under whatever share of a processor it has been given.

Standard library only: it runs in Lambda's image. The argument is JSON: the events, one for each invocation. Prints the
seconds that the start took; then waits for a line, and prints the seconds of each invocation. What the function writes
goes nowhere.
"""

import json
import os
import sys
import time
from importlib import import_module
from typing import Any


class Context:
    """What Lambda tells a function of its invocation."""

    function_name = "function"
    memory_limit_in_mb = 128
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:function"
    aws_request_id = "request-1"

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 25_000


def main(events: list[Any]) -> None:
    """Start, wait, invoke."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    started = time.perf_counter()
    handler = import_module("app").lambda_handler
    answers.write(json.dumps(time.perf_counter() - started) + "\n")
    sys.stdin.readline()
    took = []
    for event in events:
        started = time.perf_counter()
        answer = handler(event, Context())
        took.append(time.perf_counter() - started)
        if answer and (answer.get("statusCode", 200) >= 300 or answer.get("batchItemFailures")):  # noqa: PLR2004 - RFC 9110
            sys.exit(json.dumps(answer))
    answers.write(json.dumps(took) + "\n")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
