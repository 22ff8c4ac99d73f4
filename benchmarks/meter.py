"""Counts the calls to DynamoDB that this process makes, and their capacity units."""

import json
import math
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

import botocore
from botocore.session import Session

READ_BYTES = 4096


class Meter:
    """Writes: units as DynamoDB tells them, for the table and its index. Reads: by its rules, from what they returned.

    (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html)
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self.forget()

    def forget(self) -> None:
        """Reset the counts."""
        self.calls: Counter[str] = Counter()
        self.read_units = 0.0
        self.write_units = 0.0

    def register(self, session: Session) -> None:
        """Listen to every client of this session."""
        session.register("provide-client-params.dynamodb.*", self._ask)
        session.register("after-call.dynamodb.*", self._count)

    def _ask(self, **event: Any) -> None:
        event["params"]["ReturnConsumedCapacity"] = "INDEXES"

    def _count(self, **event: Any) -> None:
        operation, parsed = event["model"].name, event["parsed"]
        units = parsed.get("ConsumedCapacity", {}).get("CapacityUnits", 1.0)
        with self._lock:
            self.calls[operation] += 1
            if operation == "Query":
                self.read_units += query_units(parsed.get("Items", []))
            elif operation == "GetItem":
                self.read_units += units
            else:
                self.write_units += units


def query_units(items: list[dict[str, Any]]) -> float:
    """Read request units of an eventually consistent query that returned these."""
    return max(1, math.ceil(sum(map(item_bytes, items)) / READ_BYTES)) / 2


def item_bytes(item: dict[str, Any]) -> int:
    """An item's size: names and values; a number takes a byte for two digits, and one more; a boolean takes one."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _value_bytes(value: dict[str, Any]) -> int:
    match value:
        case {"S": text}:
            return len(text.encode())
        case {"N": digits}:
            return math.ceil(len(digits) / 2) + 1
        case {"BOOL": _}:
            return 1
        case _:
            raise ValueError(json.dumps(value))


@contextmanager
def metered() -> Iterator[Meter]:
    """Every session that is made in this block has its calls counted."""
    meter = Meter()
    botocore.register_initializer(meter.register)
    try:
        yield meter
    finally:
        botocore.unregister_initializer(meter.register)
