"""A function is called again only if it waited in vain."""

import os
import subprocess
import sys
import time
from operator import attrgetter

import pytest

from feee_cancel_client.api import ApiClient
from local.errors import LocalError
from tests.starved import STARVED, again_if_starved, again_if_timed_out, each_call_once, status_in


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_a_function_waits_for_three_attempts_of_a_second() -> None:
    assert STARVED == 3, "less would hide a fault that comes and goes"


@pytest.mark.parametrize(
    ("answers", "last", "calls"),
    [
        ([(STARVED, 503), (STARVED + 1, 503), (0, 200)], 200, 3),
        ([(STARVED - 0.1, 503), (0, 200)], 503, 1),
        ([(STARVED, 500), (0, 200)], 500, 1),
        ([(STARVED, 503)] * 9, 503, 5),
    ],
)
def test_a_call_is_made_again_only_if_its_function_waited_in_vain(
    clock: list[float],
    capsys: pytest.CaptureFixture[str],
    answers: list[tuple[float, int]],
    last: int,
    calls: int,
) -> None:
    left = list(answers)

    def call() -> int:
        seconds, status = left.pop(0)
        clock[0] += seconds
        return status

    assert again_if_starved(call, int)() == last
    assert len(answers) - len(left) == calls
    said = capsys.readouterr().out.count("503 after")
    assert said == sum(seconds >= STARVED and status == 503 for seconds, status in answers[:calls]), "none is hidden"


def test_what_is_done_before_each_call_is_no_part_of_its_time(clock: list[float]) -> None:
    done = list[str]()

    def slow() -> None:
        done.append("before")
        clock[0] += STARVED

    def starved_once() -> int:
        clock[0] += STARVED if done == ["before"] else 0
        done.append("called")
        return 503

    assert again_if_starved(starved_once, int, before=slow)() == 503
    assert done == ["before", "called"] * 2


def test_where_a_fault_is_on_purpose_each_call_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    call = ApiClient.call
    monkeypatch.setattr(ApiClient, "call", again_if_starved(call, attrgetter("status")))
    with each_call_once():
        assert ApiClient.call is call
    assert ApiClient.call is not call


TIMED_OUT = b'{"message": "the request couldn\'t be accepted", "exception_name": "ReadTimeoutError"}\n'
REFUSED = b'{"message": "the request couldn\'t be accepted", "exception_name": "AccessDeniedException"}\n'
ASLEEP = b'{"message": "the drain couldn\'t be woken; the tick will do it", "error": "TableUnavailableError"}\n'
REPORT = b"REPORT RequestId: 1\tDuration: 6000 ms\n"


@pytest.mark.parametrize(
    ("first", "calls"),
    [
        ((TIMED_OUT, {"statusCode": 503}), 2),
        ((TIMED_OUT, {"batchItemFailures": [{"itemIdentifier": "1"}]}), 2),
        ((TIMED_OUT, LocalError("ScheduleFunction failed")), 2),
        ((TIMED_OUT, subprocess.CalledProcessError(2, "make")), 2),
        ((TIMED_OUT.replace(b"Read", b"Connect"), {"statusCode": 503}), 2),
        ((TIMED_OUT, {"statusCode": 202}), 2),
        ((b"Function 'WebhookFunction' timed out after 10 seconds\n", LocalError("gave no answer")), 2),
        ((ASLEEP, {"statusCode": 202}), 2),
        ((ASLEEP.replace(b"TableUnavailableError", b"ClientError"), {"statusCode": 202}), 1),
        ((REFUSED + REPORT, {"statusCode": 503}), 1),
        ((REPORT, {"statusCode": 200}), 1),
    ],
)
def test_a_sample_event_is_sent_again_only_if_its_function_logs_a_timeout(
    clock: list[float], capfd: pytest.CaptureFixture[str], first: tuple[bytes, object], calls: int
) -> None:
    outcomes = [(b"", {"statusCode": 200}), first]

    def invoke() -> object:
        clock[0] += 9 * STARVED
        log, outcome = outcomes.pop()
        subprocess.run([sys.executable, "-c", "import os, sys; os.write(2, sys.argv[1].encode())", log], check=True)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    answer = again_if_timed_out(invoke)()
    assert len(outcomes) == 2 - calls
    assert answer == ({"statusCode": 200} if calls == 2 else first[1])
    shown = capfd.readouterr()
    assert shown.err == first[0].decode(), "no log is hidden"
    assert (str(first[1]) in shown.out) == (calls == 2), "no answer is hidden"


@pytest.mark.parametrize(("log", "calls"), [(REFUSED, 1), (TIMED_OUT, 5)])
def test_a_sample_event_that_fails_remains_failed(log: bytes, calls: int) -> None:
    made = 0

    def invoke() -> None:
        nonlocal made
        made += 1
        os.write(2, log)
        raise LocalError(f"attempt {made}")

    with pytest.raises(LocalError, match=f"attempt {calls}"):
        again_if_timed_out(invoke)()


@pytest.mark.parametrize(
    ("printed", "status"),
    [
        ('{"type":"urn:feee-cancel:problem:unavailable","title":"Service Unavailable","status":503}', 503),
        ('{"type":"urn:feee-cancel:problem:not-found","detail":"status: 503","status":404}', 404),
        ('{"order_no":"503","status":503}', None),
    ],
)
def test_the_status_that_a_curl_prints_is_that_of_problem_details(printed: str, status: int | None) -> None:
    assert status_in(printed) == status
