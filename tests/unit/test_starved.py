"""Only a function that waited in vain is called again."""

import time
from operator import attrgetter

import pytest

from feee_cancel_client.api import ApiClient
from tests.starved import STARVED, again_if_starved, each_call_once, status_in, status_of


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


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


def test_where_a_fault_is_on_purpose_each_call_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    call = ApiClient.call
    monkeypatch.setattr(ApiClient, "call", again_if_starved(call, attrgetter("status")))
    with each_call_once():
        assert ApiClient.call is call
    assert ApiClient.call is not call


def test_a_sample_event_is_sent_again_if_its_answer_is_that_of_the_api(clock: list[float]) -> None:
    answers = [{"statusCode": 503}, {"statusCode": 200}, {"batchItemFailures": []}, None]

    def invoke() -> object:
        clock[0] += STARVED
        return answers.pop(0)

    again = again_if_starved(invoke, status_of)
    assert [again(), again(), again()] == [{"statusCode": 200}, {"batchItemFailures": []}, None]


@pytest.mark.parametrize(
    ("printed", "status"),
    [
        ("ApiFunction answered with HTTP status 503", 503),
        ('{"statusCode": 503, "body": "{}"}', 503),
        ('{"title":"Service Unavailable","status":503}', 503),
        ("ApiFunction answered with HTTP status 200", None),
        ("5030 TRX came back", None),
    ],
)
def test_what_is_printed_of_a_function_that_waited_in_vain_is_recognised(printed: str, status: int | None) -> None:
    assert status_in(printed) == status
