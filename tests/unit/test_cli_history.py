"""The story of an order, from the lines that the functions really log."""

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from cli.history import history
from cli.outcome import Exit
from feee_cancel_client import ApiAnswer
from functions.api.app import create
from tests.builders import NOW, ORDER_NO, refused, shown
from tests.cli import OUTPUTS, FakeApi, problem, row, stack
from tests.events import Context, post
from tests.fakes import Clock, FakeFeee, FakeTable, ports, service
from tests.template import TEMPLATE, resources


@dataclass
class FakeLogs:
    """Log groups, and what was asked of them."""

    groups: dict[str, list[str]]
    asked: list[dict[str, Any]] = field(default_factory=list)

    def get_paginator(self, operation: str) -> "FakeLogs":
        assert operation == "filter_log_events"
        return self

    def paginate(self, **asked: Any) -> Iterator[dict[str, Any]]:
        self.asked.append(asked)
        for place, message in enumerate(self.groups.get(asked["logGroupName"], ())):
            yield {"events": [{"timestamp": (NOW + place) * 1000, "message": message}]}


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    formatter = LambdaPowertoolsFormatter()
    return [formatter.format(record) for record in caplog.records]


def told(logs: FakeLogs, answer: ApiAnswer, days: int | None = None, **outputs: str) -> Any:
    there = stack(FakeApi([answer]), logs=logs)
    there = type(there)(**{**{name: getattr(there, name) for name in there.__slots__}, "outputs": OUTPUTS | outputs})
    return history(there, ORDER_NO, days=days, now=NOW + 60)


def test_the_story_is_told_from_what_the_functions_log(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    with caplog.at_level(logging.INFO):
        feee = FakeFeee(cancel=[refused()], query=[shown(status=4, create_time=NOW - 60)])
        create(service(ports(feee, FakeTable(), clock=clock)))(post(json.dumps({"order_no": ORDER_NO})), Context())
    decided = {
        "message": "attempted",
        "order_no": ORDER_NO,
        "attempt": 2,
        "state": "cancelled",
        "state_reason": "refunded",
    }
    answered: dict[str, Any] = {
        "message": "feee.io answered",
        "call": "/v2/order/cancel",
        "order_no": ORDER_NO,
        "answer": "refused",
    }
    answered |= {"code": 20003, "detail": "HTTP 200", "milliseconds": 12}
    logs = FakeLogs(
        {"api": [json.dumps(answered), json.dumps(decided), *lines(caplog), "START RequestId: 1", "[]", '{"x": 1}']}
    )
    there = ApiAnswer(200, {}, row("waiting", "too_early", due_at=NOW + 245, order_no=ORDER_NO))
    outcome = told(logs, there, ApiFunctionLogGroup="api", DeliverFunctionLogGroup="deliver")
    said = "\n".join(outcome.words)
    assert "asked feee.io to cancel the order: it refused, code 20003 (HTTP 200), after 12 ms" in said
    assert "attempt 2 ended: cancelled (the refund shows)\n" in said
    assert "user/treasury asked for it to be cancelled; it is waiting (feee.io cancels orders" in said
    assert "than five minutes only); next step at 20" in said
    assert said.splitlines()[-1].startswith(f"{ORDER_NO} is waiting: ")
    assert (outcome.exit, [one["logGroupName"] for one in logs.asked]) == (Exit.DONE, ["api", "deliver"])
    assert logs.asked[0]["filterPattern"] == f'"{ORDER_NO}"'


def test_withdrawals_batches_deliveries_and_trouble_are_told_and_others_orders_are_not() -> None:
    messages: Sequence[dict[str, Any]] = [
        {"message": "enqueued", "order_nos": ["1", ORDER_NO], "requested_by": "webhook:shop:m1"},
        {
            "message": "asked to withdraw",
            "timestamp": "2024-08-22 09:37:32,500+0000",
            "order_no": ORDER_NO,
            "state": None,
            "requested_by": None,
        },
        {"message": "the receiver answered", "event_id": f"settled_{ORDER_NO}_1", "status": 204},
        {"message": "an attempt crashed", "level": "ERROR", "order_no": ORDER_NO, "error": "KeyError"},
        {"message": "an attempt crashed", "level": "ERROR", "order_no": "1"},
        {"message": "delivered", "level": "INFO", "event_id": f"settled_{ORDER_NO}_1", "reply": "done"},
    ]
    logs = FakeLogs({"drain": [json.dumps(one) for one in messages]})
    gone = problem(404, "No cancellation of this order was requested here.")
    outcome = told(logs, gone, 3, ScheduleFunctionLogGroup="drain")
    assert [step["words"] for step in outcome.document["steps"]] == [
        "webhook:shop:m1 asked for it to be cancelled",
        "somebody asked to take it back; it is not there",
        "the settled event was posted to the receiver, which answered 204",
        "error: an attempt crashed (error KeyError)",
        f"info: delivered (event_id settled_{ORDER_NO}_1, reply done)",
    ]
    assert [step["at"] - NOW for step in outcome.document["steps"]] == [0, 1.5, 2, 3, 5]
    assert (outcome.exit, logs.asked[0]["startTime"]) == (Exit.NO, (NOW + 60 - 3 * 86_400) * 1000)


ODD: tuple[object, ...] = (None, 5, 1e300, "x", ["x"], {"x": 1})


@pytest.mark.parametrize("message", ["requested", "asked to withdraw", "feee.io answered", "attempted", "other", {}, 5])
@pytest.mark.parametrize("odd", ODD, ids=str)
def test_what_another_version_logged_is_told_as_it_is(message: object, odd: object) -> None:
    members = ("state", "state_reason", "requested_by", "due_at", "level", "call", "answer", "order_nos", "event_id")
    lines = [{"message": message, "order_no": ORDER_NO}, dict.fromkeys(members, odd) | {"message": message}]
    lines[1]["order_no"] = ORDER_NO
    logs = FakeLogs({"drain": [json.dumps(one) for one in lines]})
    outcome = told(logs, problem(404), ScheduleFunctionLogGroup="drain")
    assert len(outcome.document["steps"]) == 2


def test_where_the_logs_have_nothing_the_row_is_told() -> None:
    outcome = told(FakeLogs({}), ApiAnswer(200, {}, row("cancelled", "refunded")), ApiFunctionLogGroup="api")
    assert "have nothing of" in outcome.words[0]
    assert outcome.words[-1].endswith("is cancelled: the refund shows.")


def test_a_row_that_cant_be_read_in_full_is_told_from_the_logs_of_a_day() -> None:
    logs = FakeLogs({})
    outcome = told(logs, ApiAnswer(200, {}, {"order_no": ORDER_NO, "state": "waiting"}), ApiFunctionLogGroup="api")
    assert (outcome.exit, outcome.words[-1]) == (Exit.DONE, f"{ORDER_NO} is waiting.")
    assert logs.asked[0]["startTime"] / 1000 == NOW + 60 - 86_400 - 300


@pytest.mark.parametrize(("days", "asked_at"), [(1_000_000, NOW), (None, 1), (None, 10**15)])
def test_the_logs_are_asked_about_a_time_that_cloudwatch_knows(days: int | None, asked_at: int) -> None:
    logs = FakeLogs({})
    told(logs, ApiAnswer(200, {}, row("waiting", requested_at=asked_at)), days, ApiFunctionLogGroup="api")
    assert 0 <= logs.asked[0]["startTime"] <= (NOW + 60) * 1000


@pytest.mark.parametrize("status", [403, 404, 409])
def test_what_something_in_between_answers_is_no_answer(status: int) -> None:
    assert told(FakeLogs({}), ApiAnswer(status, {}, {"message": "Forbidden"})).exit is Exit.TROUBLE


def test_the_saved_queries_read_every_function_and_name_what_is_logged() -> None:
    """Log groups that are conditional are left out with them; the names are those of the log lines."""
    queries = resources("AWS::Logs::QueryDefinition")
    assert len(queries) == 5
    logs = {name for name in resources("AWS::Logs::LogGroup") if name.endswith("FunctionLogs")}
    for query in queries.values():
        text = json.dumps(query["LogGroupNames"])
        assert {name for name in logs if name in text} == logs


def test_the_saved_queries_are_there_whatever_the_parameters() -> None:
    kept = [one for one in TEMPLATE["Resources"].values() if one["Type"] == "AWS::Logs::QueryDefinition"]
    assert [one for one in kept if "Condition" in one] == []


def test_the_query_for_errors_finds_a_function_that_lambda_ended() -> None:
    """Lambda: telemetry schema, Status. "Task timed out" isn't written any more (DataBiosphere/azul#8140)."""
    text = resources("AWS::Logs::QueryDefinition")["ErrorsQuery"]["QueryString"]
    assert 'record.status in ["timeout", "error"]' in text
