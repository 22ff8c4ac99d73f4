"""`make memory`: latency and price of each function at the sizes of memory that it might have (docs/decisions/0024).

As AWS Lambda Power Tuning does on AWS: Lambda's image under the share of a processor that Lambda gives with a size, a
whole one at 1,769 MB, but for INIT, which has all of one. AWS and feee.io are stand-ins on this machine, over real TLS.
"""

import asyncio
import json
import shutil
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any
from uuid import uuid4

import trustme
from rich.console import Console

from benchmarks.bill import PRICES
from benchmarks.inside.loopback import Peer
from benchmarks.runtime import ENVIRONMENT, FUNCTIONS, Runtime, runtime
from benchmarks.table import Row, percentile, released, shown
from benchmarks.warm import happy_answer
from layers import authorities
from local.build import ROOT
from local.engine import call, engine, host_address
from local.errors import LocalError
from local.image import image
from local.signing import SECRET, signed_now
from local.task import task

SIZES = (128, 256, 512, 1024, 1769)
WHOLE_PROCESSOR = 1769
"""MB at which Lambda gives one processor (Configure Lambda function memory)."""
TIMES = 20
AT_ONCE = 36
"""The most attempts that a drain has under way: four seconds of calls at the pace of 9 a second."""
CONNECT_SECONDS = 1.0
"""`connect_timeout` of the clients, which TLS's handshake has for itself again."""
_DYNAMODB_SECONDS, _FEEE_SECONDS = 0.005, 0.1
_AWS, _FEEE = "aws.test", "feee.test"
_SECRET = json.dumps({"SecretString": json.dumps({"key": "bench-key-00000000", "secrets": {"shop": SECRET}})})
_ANSWERS = {
    "getsecretvalue": _SECRET,
    "query": json.dumps({"Items": [], "Count": 0}),
    "updateitem": json.dumps({"Attributes": {"requested_end": {"N": "0"}}}),
    "putevents": json.dumps({"Entries": [{"EventId": "1"}], "FailedEntryCount": 0}),
}


def memory(run_in: Runtime, sizes: Sequence[int] = SIZES, functions: Sequence[str] = FUNCTIONS) -> Iterator[Row]:
    """A row for each function and size. Raises LocalError if there is no container engine."""
    if not run_in.contained:
        raise LocalError("the sizes of memory can be measured in Lambda's image only")
    with _peers() as (ports, authority):
        _trust(authority, Path(run_in.source) / "opt/python/botocore/authorities")
        for function in functions:
            for size in sizes:
                yield _row(function, size, *_measured(run_in, function, size, ports))
        for size in sizes:
            yield _handshakes(run_in, size, ports)


def _row(function: str, size: int, start: float, took: list[float]) -> Row:
    first, *warm = took
    price = PRICES["GB-seconds"].dollars * size / 1024
    dollars = {"warm": price * median(warm) * 1e6, "cold": price * (start + first) * 1e6}
    measured = (
        f"start {start * 1000:.0f} ms, first {first * 1000:.0f} ms, warm {median(warm) * 1000:.0f} ms "
        f"(p95 {percentile(warm, 95) * 1000:.0f} ms); a million warm ${dollars['warm']:.2f}, "
        f"cold ${dollars['cold']:.2f}"
    )
    figures = {"size": size, "start": start, "first": first, "warm": warm, "dollars": dollars}
    return Row(f"{function} at {size:,} MB", measured, figures=figures)


def _measured(run_in: Runtime, function: str, size: int, ports: Mapping[str, int]) -> tuple[float, list[float]]:
    """Seconds of a start and of each invocation."""
    start, took = _limited(run_in, function, size, ports, "limited", json.dumps(_events(function)))
    return json.loads(start), json.loads(took)


def _handshakes(run_in: Runtime, size: int, ports: Mapping[str, int]) -> Row:
    """Whether all connections that a drain opens at once are there within `connect_timeout`, TLS included."""
    _, told = _limited(run_in, "schedule", size, ports, "handshakes", str(AT_ONCE))
    found = json.loads(told)
    slowest = max(found["seconds"], default=0.0)
    measured = f"{found['failed']} failed, the slowest {slowest:.2f} s   of {AT_ONCE}"
    met = not found["failed"] and slowest < CONNECT_SECONDS
    return Row(
        f"Connections at once at {size:,} MB", measured, f"< {CONNECT_SECONDS:g} s", met, {"size": size, **found}
    )


def _limited(
    run_in: Runtime, function: str, size: int, ports: Mapping[str, int], script: str, argument: str
) -> tuple[str, str]:
    """What a script of benchmarks/inside prints first, at full speed, and then under a size's share of a processor."""
    name = f"feee-cancel-memory-{uuid4().hex[:8]}"
    at = {"AWS_ENDPOINT_URL": f"https://{_AWS}:{ports[_AWS]}", "FEEE_BASE_URL": f"https://{_FEEE}:{ports[_FEEE]}/open"}
    variables = ENVIRONMENT | at | {"PYTHONPATH": ":".join(run_in.path(function))}
    command = [
        *(engine(), "run", "--rm", "--interactive", "--read-only", "--name", name),
        *("--volume", f"{run_in.source}:{run_in.root}:ro"),
        *(part for host in (_AWS, _FEEE) for part in ("--add-host", f"{host}:host-gateway")),
        *(part for variable in variables.items() for part in ("--env", "=".join(variable))),
        *("--entrypoint", "python3.13", image(), f"{run_in.root}/inside/{script}.py", argument),
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        start = process.stdout.readline()
        if start:
            call("update", f"--cpus={size / WHOLE_PROCESSOR:.3f}", name)
            process.stdin.write("\n")
            process.stdin.close()
        took = process.stdout.read()
    if not took:
        raise LocalError(f"{script}.py failed for {function} at {size} MB")
    return start, took


def _events(function: str) -> list[Any]:
    """One for each invocation, each with an order of its own."""
    if function == "notify":
        return [_sample("notify-settled")] * (TIMES + 1)
    if function == "schedule":
        return [_sample("schedule-tick")] * (TIMES + 1)
    order_nos = [str(10**17 + number) for number in range(TIMES + 1)]
    bodies = [json.dumps({"order_no": order_no}) for order_no in order_nos]
    if function == "api":
        return [_sample("api-request") | {"body": body} for body in bodies]
    return [signed_now(_sample("webhook-cancel") | {"body": body}) for body in bodies]


def _sample(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((ROOT / f"events/{name}.json").read_text())
    return event


def _aws(head: bytes, _: bytes) -> tuple[bytes, float]:
    target = head.lower().partition(b"x-amz-target:")[2].split(b"\r\n")[0].strip().decode()
    return _ANSWERS.get(target.rpartition(".")[2], "{}").encode(), _DYNAMODB_SECONDS


def _feee(answer: str) -> Callable[[bytes, bytes], tuple[bytes, float]]:
    return lambda _, body: (answer.replace("ORDER_NO", json.loads(body)["order_no"]).encode(), _FEEE_SECONDS)


@contextmanager
def _peers() -> Iterator[tuple[dict[str, int], trustme.CA]]:
    """The stand-ins' ports by name, and who vouches for them."""
    authority, loop = trustme.CA(), asyncio.new_event_loop()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(_AWS, _FEEE).configure_cert(context)

    async def _listen() -> dict[str, int]:
        answers = {_AWS: _aws, _FEEE: _feee(happy_answer())}
        servers = {
            name: await loop.create_server(partial(Peer, name, answers[name]), _this_machine(), 0, ssl=context)
            for name in answers
        }
        return {name: server.sockets[0].getsockname()[1] for name, server in servers.items()}

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    ports = loop.run_until_complete(_listen())
    thread.start()
    try:
        yield ports, authority
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def _trust(authority: trustme.CA, directory: Path) -> None:
    """Add the stand-ins' authority to those of the layer."""
    bundle, own = directory.with_name("own.pem"), directory.with_name("own")
    authority.cert_pem.write_to_path(str(bundle))
    authorities.main(bundle, own)
    for file in own.iterdir():
        shutil.copy(file, directory)


def _this_machine() -> str:
    """The address that containers reach it by."""
    return host_address(image()) or "127.0.0.1"


def main() -> None:
    """Measure and tell."""
    console = Console()
    with task(), runtime() as run_in:
        console.print(shown(list(memory(run_in)), released()))


if __name__ == "__main__":
    main()
