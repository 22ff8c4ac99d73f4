"""Every sample event through `sam local invoke`: the artifact of `sam build` in Lambda's image."""

import json
import re
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
import urllib3
from rich.console import Console

from benchmarks.import_time import import_time
from local.bus import settled_events
from local.containers import Containers, containers
from local.errors import LocalError
from local.ports import free_port
from local.running import for_shells
from local.sam import play, stop_ticks
from local.sam_api import usage
from local.samples import EVENTS, Prepared, function_of, prepared
from local.stack import LocalStack
from tests.e2e.curls import row_cancelled
from tests.e2e.restored import clear, renew
from tests.e2e.waiting import wait_for
from tests.starved import again_if_timed_out

pytestmark = pytest.mark.container


@dataclass(frozen=True, slots=True)
class Expected:
    """The function's answer: a status and a part of its body, or all of it. And the rows of its orders, in the end."""

    status: int | None = None
    answer: Any = None
    rows: Sequence[str | None] = field(default_factory=lambda: ["cancelled"])


TAKEN = [
    {"order_no": f"240822877214255104010{last}", "result": "taken", "state": "waiting", "why": "queued"}
    for last in (0, 1)
]
REFUSED = {
    "order_no": "24082x",
    "result": "refused",
    "detail": "order_no is required: a string of 1 to 32 digits, as feee.io gave it",
}
EXPECTED = {
    "api-batch": Expected(202, {"results": [*TAKEN, REFUSED]}, ["cancelled", "cancelled"]),
    "api-get": Expected(200, {"state": "cancelled", "refund_amount": 3.92}),
    "api-list": Expected(200, {}, ["waiting"]),
    "api-lookup": Expected(200, {"cancellable": True}, [None]),
    "api-request": Expected(200, {"state": "cancelled", "refund_amount": 3.92}),
    "api-withdraw": Expected(200, {"state": "withdrawn"}, ["withdrawn"]),
    "notify-settled": Expected(answer={"batchItemFailures": []}),
    "schedule-batch": Expected(rows=["cancelled", "cancelled"]),
    "schedule-request": Expected(),
    "schedule-tick": Expected(),
    "schedule-wake-up": Expected(),
    "webhook-cancel": Expected(202, {"state": "waiting", "state_reason": "queued"}),
}


@pytest.fixture(scope="module")
def local(container_engine: None) -> Iterator[Containers]:
    """One local stack for all."""
    with containers(Console(quiet=True)) as found:
        stop_ticks(found.stack)
        yield found


@pytest.fixture(autouse=True)
def _fresh(local: Containers) -> None:
    """No row of another test, and no drain of the emulator's that is still at work on one."""
    clear(local.stack)
    renew(local.stack)


def state(local: Containers, order_no: str) -> str | None:
    """The state in the order's row, if it has one."""
    answer = local.stack.client("dynamodb").get_item(
        TableName=local.stack.outputs["TableName"], Key={"order_no": {"S": order_no}}, ConsistentRead=True
    )
    return answer["Item"]["state"]["S"] if "Item" in answer else None


@pytest.mark.parametrize("path", sorted(EVENTS.glob("*.json")), ids=lambda path: path.stem)
def test_a_sample_event_does_in_lambdas_image_what_it_should(local: Containers, path: Path) -> None:
    does_what_it_should(local, path)


def sent(local: Containers, path: Path) -> tuple[Prepared, Any]:
    """A sample event and its function's answer. Nothing is there of an attempt before it."""
    clear(local.stack)
    sample = prepared(path, local.stack)
    return sample, local.invoke(function_of(path), sample.event)


def does_what_it_should(local: Containers, path: Path) -> None:
    expected = EXPECTED[path.stem]
    sample, answer = again_if_timed_out(sent)(local, path)
    if expected.status is None:
        assert answer == expected.answer
    else:
        body = json.loads(answer["body"])
        assert (answer["statusCode"], body | expected.answer) == (expected.status, body)
        assert all(order_no in answer["body"] for order_no in sample.order_nos)
    wait_for(lambda: [state(local, order_no) for order_no in sample.order_nos], lambda states: states == expected.rows)


@pytest.mark.long
@pytest.mark.parametrize("name", ["api-batch", "api-request", "schedule-request"])
def test_a_sample_event_is_sent_again_if_the_emulator_did_not_answer(
    local: Containers, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """As on a busy machine, where it is an unknown row in a batch, a 503, and an error."""
    sam, starved = Containers._sam, [local.stack]

    @contextmanager
    def starved_once(self: Containers, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        with ExitStack() as opened:
            if starved:
                opened.enter_context(stopped(starved.pop()))
            yield opened.enter_context(sam(self, *arguments))

    monkeypatch.setattr(Containers, "_sam", starved_once)
    does_what_it_should(local, EVENTS / f"{name}.json")
    assert "met a timeout" in capsys.readouterr().out


@contextmanager
def stopped(stack: LocalStack) -> Iterator[None]:
    """The emulator answers nobody until the block ends."""
    port = str(urlsplit(stack.endpoint).port)
    environments = {one: one.as_dict(["environ"])["environ"] or {} for one in psutil.Process().children()}
    (emulator,) = [one for one, environment in environments.items() if environment.get("GATEWAY_PORT") == port]
    emulator.suspend()
    try:
        yield
    finally:
        emulator.resume()


def test_the_sample_record_is_told_on_the_bus(local: Containers) -> None:
    with settled_events(local.stack) as events:
        sample, answer = again_if_timed_out(sent)(local, EVENTS / "notify-settled.json")
        assert answer == {"batchItemFailures": []}
        settled_at = int(sample.event["Records"][0]["dynamodb"]["NewImage"]["settled_at"]["N"])
        wait_for(
            lambda: [detail["settled_at"] for detail in events.of(sample.order_nos[0])],
            lambda told: settled_at in told,
        )


def test_what_make_sam_local_says_is_what_happened(local: Containers) -> None:
    def played() -> str:
        clear(local.stack)
        return play(EVENTS / "api-request.json", local)

    told = again_if_timed_out(played)()
    assert "ApiFunction answered with HTTP status 200" in told
    assert "in the table: cancelled (refunded), 3.92 TRX came back. Requests to feee.io: 1." in told


def test_a_function_that_fails_is_an_error(local: Containers) -> None:
    with pytest.raises(LocalError, match="ScheduleFunction failed: "):
        local.invoke("ScheduleFunction", {"until": "soon"})


def test_a_server_that_was_there_before_is_not_taken_for_sams(local: Containers) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with local.api(port) as url:
            assert urlsplit(url).port not in {port, None}


def test_the_documented_curl_works_with_start_api_and_for_no_page_from_elsewhere(
    local: Containers, tmp_path: Path
) -> None:
    secrets = tmp_path / "env.sh"
    with local.api(free_port()) as url, for_shells(local.stack, url, secrets):
        with urllib3.PoolManager() as pool:
            for headers in ({"Origin": "https://elsewhere.example"}, {"Host": "elsewhere.example"}):
                assert pool.request("GET", f"{url}/cancellations", headers=headers).status == 403
        make_order, cancel = re.findall(r"curl .*?(?=\n\n)", usage(local, url), re.DOTALL)
        row = row_cancelled(f"{make_order} --fail", cancel, partial(typed, secrets))
    assert (row["state"], row["refund_amount"]) == ("cancelled", 3.92)
    assert state(local, row["order_no"]) == "cancelled"


def typed(secrets: Path, command: str) -> str:
    shell = ["bash", "-c", f". {secrets}\n{command}"]
    return subprocess.run(shell, check=True, stdout=subprocess.PIPE, text=True).stdout


def test_bytecode_makes_importing_a_function_quicker(local: Containers) -> None:
    assert local.image
    measured = import_time()
    print(f"\n{measured}")
    assert measured.ratio <= 0.6
