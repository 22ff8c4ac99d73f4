"""Every sample event through `sam local invoke`: the artifact of `sam build` in Lambda's image."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from benchmarks.import_time import import_time
from local.containers import Containers, containers
from local.emulator import free_port
from local.engine import engine
from local.errors import LocalError
from local.sam import play, stop_ticks
from local.sam_api import usage
from local.samples import EVENTS, function_of, prepared

pytestmark = pytest.mark.container


@dataclass(frozen=True, slots=True)
class Expected:
    """What becomes of an event: the function's answer, and its order's row. `calls` counts requests to feee.io."""

    status: int | None
    state: str = "cancelled"
    state_reason: str = "refunded"
    calls: int = 1


EXPECTED = {
    "api-get": Expected(200),
    "api-request": Expected(200),
    "schedule-tick": Expected(None),
    "schedule-wake-up": Expected(None),
}


@pytest.fixture(scope="module")
def local() -> Iterator[Containers]:
    """One local stack for all; a machine without an engine skips, unless REQUIRE_CONTAINERS is set, as in CI."""
    try:
        engine()
    except LocalError as error:
        if os.environ.get("REQUIRE_CONTAINERS"):
            raise
        pytest.skip(str(error))
    with containers(Console(quiet=True)) as found:
        stop_ticks(found.stack)
        yield found


@pytest.fixture(autouse=True)
def _fresh(local: Containers) -> None:
    local.stack.simulator.client.reset()


def item(local: Containers, order_no: str) -> dict[str, Any]:
    answer = local.stack.client("dynamodb").get_item(
        TableName=local.stack.outputs["TableName"], Key={"order_no": {"S": order_no}}, ConsistentRead=True
    )
    found: dict[str, Any] = answer["Item"]
    return found


@pytest.mark.parametrize("path", sorted(EVENTS.glob("*.json")), ids=lambda path: path.stem)
def test_a_sample_event_does_in_lambdas_image_what_it_should(local: Containers, path: Path) -> None:
    expected = EXPECTED[path.stem]
    sample = prepared(path, local.stack)
    before = len(local.stack.simulator.client.requests(sample.order_no))
    answer = local.invoke(function_of(path), sample.event)
    row = item(local, sample.order_no)
    assert (row["state"]["S"], row["state_reason"]["S"]) == (expected.state, expected.state_reason)
    assert row["refund_amount"] == {"N": "3.92"}
    assert local.stack.simulator.client.order(sample.order_no).accepted_cancels == 1
    assert len(local.stack.simulator.client.requests(sample.order_no)) == max(before, expected.calls)
    if expected.status is None:
        assert answer is None
    else:
        body = json.loads(answer["body"])
        assert (answer["statusCode"], body["order_no"]) == (expected.status, sample.order_no)
        assert (body["state"], body["refund_amount"]) == (expected.state, 3.92)


def test_what_make_sam_local_says_is_what_happened(local: Containers) -> None:
    told = play(EVENTS / "api-request.json", local)
    assert "ApiFunction answered with HTTP status 200" in told
    assert "in the table: cancelled (refunded), 3.92 TRX came back. Requests to feee.io: 1." in told


def test_a_function_that_fails_is_an_error(local: Containers) -> None:
    with pytest.raises(LocalError, match="ScheduleFunction failed: ValueError: neither a tick"):
        local.invoke("ScheduleFunction", {"until": "soon"})


def test_the_documented_curl_works_with_start_api(local: Containers) -> None:
    with local.api(free_port()) as url:
        commands = re.findall(r"curl .*?(?=\n\n)", usage(local, url), re.DOTALL)
        outputs = [
            subprocess.run(["bash", "-c", f"{command} --fail"], check=True, capture_output=True).stdout
            for command in commands
        ]
    row = json.loads(outputs[-1])
    assert (len(commands), row["state"], row["refund_amount"]) == (2, "cancelled", 3.92)
    assert item(local, row["order_no"])["state"] == {"S": "cancelled"}


def test_bytecode_makes_importing_a_function_quicker(local: Containers) -> None:
    assert local.image
    measured = import_time()
    print(f"\n{measured}")
    assert measured.ratio <= 0.6
