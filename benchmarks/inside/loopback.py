"""AWS and feee.io on loopback, with answers that cost next to nothing to give: what is measured is the caller.

Standard library only. DynamoDB keeps no rows: every write is taken. Counts
what reaches the sockets: requests by operation, and connections. Listens on two ports, which it prints; argument 1 is
the text of feee.io's answer to a cancel, with ORDER_NO for the order's number.
"""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

SECRET = {"SecretString": json.dumps({"key": "bench-key-00000000"})}

counts: Counter[str] = Counter()
answers_after = [0.0]
"""Seconds that feee.io takes."""


class Peer(asyncio.Protocol):
    """One kept connection; a request's head and body may come apart."""

    def __init__(self, name: str, answer: Callable[[bytes, bytes], tuple[bytes, float]]) -> None:
        counts[f"{name} connections"] += 1
        self._answer = answer
        self._received = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, rest = self._received.partition(b"\r\n\r\n")
        lower = head.lower()
        length = int(lower.partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
        if not found or len(rest) < length:
            return
        self._received = b""
        body, seconds = self._answer(head, rest)
        written = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
            len(body),
            body,
        )
        if seconds:
            asyncio.get_running_loop().call_later(seconds, self._transport.write, written)
        else:
            self._transport.write(written)


def aws(head: bytes, _: bytes) -> tuple[bytes, float]:
    """DynamoDB and Secrets Manager, by the operation that the request's head names."""
    operation = head.lower().partition(b"x-amz-target:")[2].split(b"\r\n")[0].strip().decode().rpartition(".")[2]
    counts[operation] += 1
    return json.dumps(SECRET).encode() if operation == "getsecretvalue" else b"{}", 0


def feee(head: bytes, body: bytes) -> tuple[bytes, float]:
    """feee.io; and a control that sets how long it takes, gives the counts and resets them."""
    path = head.split(b" ")[1].decode()
    if path.startswith("/control"):
        answers_after[0] = float(path.partition("?")[2])
        told = json.dumps(counts).encode()
        for name in counts:
            counts[name] = 0
        return told, 0
    counts["feee.io"] += 1
    return sys.argv[1].replace("ORDER_NO", json.loads(body)["order_no"]).encode(), answers_after[0]


async def main() -> None:
    """Serve until killed."""
    loop = asyncio.get_running_loop()
    at_aws = await loop.create_server(lambda: Peer("AWS", aws), "127.0.0.1", 0)
    at_feee = await loop.create_server(lambda: Peer("feee.io", feee), "127.0.0.1", 0)
    print(at_aws.sockets[0].getsockname()[1], at_feee.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
