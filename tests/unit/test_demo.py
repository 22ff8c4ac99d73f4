"""What the demo does, besides calling the API."""

import time
from types import SimpleNamespace
from typing import Any

from feee_cancel_client.api import ApiAnswer
from local import demo


class Stack:
    """The local stack on a busy machine: the function takes over a second before it calls feee.io."""

    def __init__(self) -> None:
        self.simulator = SimpleNamespace(client=self)
        self.api = self
        self.outputs = {"ApiFunctionName": "api"}
        self.called: list[str] = []
        self.killed = ""

    def create_order(self, *, age: float) -> Any:
        return SimpleNamespace(order_no="1001")

    def misbehave(self, kind: str, **options: Any) -> None:
        assert kind == "delay"

    def requests(self, order_no: str) -> list[str]:
        return self.called

    def cancel(self, order_no: str) -> ApiAnswer:
        time.sleep(1.2)
        assert not self.killed, "killed before it called feee.io"
        self.called.append(order_no)
        while not self.killed:
            time.sleep(0.01)
        return ApiAnswer(502, {}, {})

    def kill(self, function: str) -> None:
        self.killed = function


def test_the_function_is_killed_while_feee_io_answers_it_however_slow_the_machine_is() -> None:
    stack: Any = Stack()
    outcome = demo.crash(stack)
    assert (stack.killed, outcome.order_no, outcome.answers[0].status) == ("api", "1001", 502)


def test_the_calls_are_those_until_the_answer_that_the_table_shows() -> None:
    """A machine may be so slow that an order that is still waiting is attempted again before the table is drawn."""
    stack: Any = Waiting()
    outcome = demo.unknown_order(stack)
    stack.called.append("the drain's")
    assert demo._cells(outcome) == ("202", "waiting", "order_refused, 18 s", "2", "-")


class Waiting(Stack):
    """It calls feee.io twice, is refused, and will try again."""

    def cancel(self, order_no: str) -> ApiAnswer:
        self.called += [order_no] * 2
        return ApiAnswer(202, {"Retry-After": "18"}, {"state": "waiting", "state_reason": "order_refused"})
