"""The outgoing webhook: from the bus through its queue to the user's own URL, which is down or gone at times."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask, Response, request
from jsonschema import Draft202012Validator
from rich.console import Console
from standardwebhooks import Webhook

from cli.doctor import Verdict, deployment, keys, operation, roles
from cli.set_webhook_secret import set_webhook_secret
from cli.target import Stack
from local.bus import settled_events
from local.simulator.listener import Listener, listening
from local.stack import STACK, LocalStack, local_stack
from tests.e2e.waiting import wait_for
from tests.template import ROOT

SCHEMA = Draft202012Validator(json.loads((ROOT / "docs/settled-event.schema.json").read_text()))
Came = tuple[Mapping[str, str], bytes]
Answer = tuple[int, Mapping[str, str]]


@dataclass
class Wallet:
    """The user's own server. An order's `answers` are given one after the other, then 204."""

    url: str
    secret: str = ""
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    came: list[Came] = field(default_factory=list)
    given: list[tuple[str, str, int]] = field(default_factory=list)
    """Of each answer: the order, the path that was asked for, and the status."""

    def about(self, order_no: str) -> list[Came]:
        return [one for one in self.came if json.loads(one[1])["order_no"] == order_no]


@pytest.fixture(scope="module")
def wallet() -> Iterator[Wallet]:
    app = Flask(__name__)

    @app.post("/<path:path>")
    def receive(path: str) -> Response:
        there.came.append((dict(request.headers.items()), body := request.get_data()))
        answers = there.answers.get(order_no := json.loads(body)["order_no"])
        status, headers = answers.pop(0) if answers else (204, {})
        there.given.append((order_no, path, status))
        return Response(status=status, headers=headers)

    listener = Listener(app)
    with listening(listener):
        there = Wallet(f"{listener.url}/settled")
        yield there


@pytest.fixture(scope="module")
def deployed_with_url(wallet: Wallet) -> Iterator[LocalStack]:
    with local_stack(Console(quiet=True), SettledWebhookUrl=wallet.url) as stack:
        there = Stack(stack.outputs, stack.api, stack.client, stack.api.url, STACK)
        made = set_webhook_secret(there, None, outgoing=True, drop_old=False)
        wallet.secret = made.document["secret"]
        yield stack


@pytest.fixture
def cancel(deployed_with_url: LocalStack, wallet: Wallet) -> Callable[..., str]:
    """Cancels an order, at once; the wallet gives the event about it these answers."""
    stack = deployed_with_url
    stack.simulator.client.set_access(rate_limit=10_000)

    def cancelled(*answers: Answer) -> str:
        order_no = stack.simulator.client.create_order(age=600).order_no
        wallet.answers[order_no] = list(answers)
        assert stack.api.cancel(order_no).status == 200
        return order_no

    return cancelled


def undelivered(stack: LocalStack) -> list[dict[str, Any]]:
    """What was given up, taken out of its queue."""
    sqs, url = stack.client("sqs"), stack.outputs["UndeliveredEventsUrl"]
    found: list[dict[str, Any]] = sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], WaitTimeSeconds=1
    ).get("Messages", [])
    for message in found:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


def test_a_settled_event_comes_signed_and_as_the_schema_says(
    deployed_with_url: LocalStack, wallet: Wallet, cancel: Callable[..., str]
) -> None:
    with settled_events(deployed_with_url) as events:
        order_no = cancel()
        came = wait_for(lambda: wallet.about(order_no))
        on_the_bus = wait_for(lambda: events.of(order_no))
    for headers, body in came:
        Webhook(wallet.secret).verify(body, {name.lower(): value for name, value in headers.items()})
        detail = json.loads(body)
        SCHEMA.validate(detail)
        assert (detail["state"], detail["refund_amount"]) == ("cancelled", 3.92)
    assert len(came) == len(on_the_bus), "once for each time that it was announced, which is at least once"


def test_the_doctor_finds_role_secret_and_function_well(deployed_with_url: LocalStack) -> None:
    there = deployment(STACK, deployed_with_url.client, deployed_with_url.api.call)
    found = [
        *keys.the_outgoing_secret_is_set(there),
        *roles.roles_allow_what_their_functions_do(there),
        *operation.no_function_is_switched_off(there),
    ]
    assert {one.verdict for one in found} == {Verdict.OK}, found
    assert "of 6 roles" in found[1].words


def test_an_event_that_a_broken_receiver_missed_comes_again_under_the_same_id_whatever_is_deployed_meanwhile(
    deployed_with_url: LocalStack, wallet: Wallet, cancel: Callable[..., str]
) -> None:
    broken: Answer = (503, {})
    order_no = cancel(broken, (307, {"Location": f"{wallet.url}/elsewhere"}), *[broken] * 4)
    wait_for(lambda: wallet.about(order_no))
    deployed_with_url.update(SettledWebhookUrl=wallet.url, RetentionDays="401")
    wait_for(lambda: (order_no, "settled", 307) in wallet.given)
    wallet.answers[order_no].clear()
    wait_for(lambda: (order_no, "settled", 204) in wallet.given, seconds=240)
    assert {path for _, path, _ in wallet.given} == {"settled"}, "no redirect is followed"
    assert len({headers["Webhook-Id"] for headers, _ in wallet.about(order_no)}) == 1


def test_a_receiver_that_is_gone_gets_no_more_and_the_event_is_kept(
    deployed_with_url: LocalStack, wallet: Wallet, cancel: Callable[..., str]
) -> None:
    undelivered(deployed_with_url)
    order_no = cancel((410, {}))
    kept = wait_for(lambda: undelivered(deployed_with_url))
    assert json.loads(kept[0]["Body"])["order_no"] == order_no
    assert kept[0]["MessageAttributes"]["why"]["StringValue"] == "the receiver answered 410 Gone"
    assert len(wallet.about(order_no)) == 1
