"""feee.io's key is wrong for a while, and is replaced while requests come in."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from feee_cancel_client.api import ApiAnswer
from local.metrics import emitted
from local.stack import KEY, LocalStack
from tests.e2e.restored import put_back, renew
from tests.e2e.waiting import wait_for
from tests.starved import STARVED

pytestmark = pytest.mark.long

REQUESTS = 60
SECONDS = 12


@pytest.fixture
def next_key(stack: LocalStack) -> Iterator[str]:
    """The old key is back afterwards, and no process is left that keeps this one for its five minutes."""
    with put_back(stack):
        yield f"key-{uuid4()}"
    renew(stack)


def ask_with_a_wrong_key(stack: LocalStack) -> list[str]:
    """Orders that were asked for while the secret held a wrong key, which it does no more."""
    feee, right, since = stack.simulator.client, f"key-{uuid4()}", time.time()
    feee.set_key(right)
    orders = [feee.create_order(age=600).order_no for _ in range(10)]
    for order_no in orders:
        assert stack.api.cancel(order_no).body["state_reason"] == "misconfigured"
    wait_for(  # a metric reports a wrong key
        lambda: sum(datum.value for datum in emitted(stack, since=since) if datum.name == "Misconfigured"),
        lambda told: told >= 10,
    )
    stack.set_key(right)
    return orders


@pytest.mark.parametrize("overlap", [True, False], ids=["feee.io takes both for a while", "feee.io takes one alone"])
def test_a_key_that_is_wrong_or_replaced_under_load_loses_no_request(
    stack: LocalStack, next_key: str, *, overlap: bool
) -> None:
    """If it accepts only one, some asked with a wrong key before: all that waits is waited for together."""
    feee = stack.simulator.client
    waiting = [] if overlap else ask_with_a_wrong_key(stack)
    orders = [feee.create_order(age=743).order_no for _ in range(REQUESTS)]

    answers: list[ApiAnswer] = []

    def _ask(place: int) -> None:
        time.sleep(max(0, started + place * SECONDS / REQUESTS - time.monotonic()))
        began = time.monotonic()
        answer = stack.api.cancel(orders[place])
        starved = answer.body.get("state") == "cancelling" or "code" not in answer.body.get("last_answer", {})
        if answer.status == 202 and starved and (seconds := time.monotonic() - began) >= STARVED:
            print(f"the table or the secret was starved: 202 after {seconds:.1f} s")
        else:
            answers.append(answer)

    def misconfigured() -> list[ApiAnswer]:
        return [answer for answer in answers if answer.body.get("state_reason") == "misconfigured"]

    def _replace() -> None:
        if overlap:
            feee.set_key(KEY, next_key)
            stack.set_key(next_key)
            return
        feee.set_key(next_key)
        wait_for(misconfigured, lambda found: len(found) >= 5)
        stack.set_key(next_key)

    started = time.monotonic()
    replacing = threading.Timer(SECONDS / 3, _replace)
    replacing.start()
    try:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(_ask, range(REQUESTS)))
    finally:
        replacing.join()  # or it would replace the key of the tests after this one
    if overlap:
        feee.set_key(next_key)  # the old one is deleted at feee.io
    assert len(answers) > REQUESTS / 2
    late = [answer for answer in answers if answer.status != 200]
    assert late == misconfigured()
    assert bool(late) == (not overlap)
    wait_for(
        lambda: Counter(feee.order(order_no).accepted_cancels for order_no in orders + waiting),
        lambda cancels: set(cancels) == {1},
        seconds=240,
    )
    wait_for(
        lambda: {stack.api.get(order_no).body["state"] for order_no in orders[-5:]},
        lambda states: states == {"cancelled"},
    )
