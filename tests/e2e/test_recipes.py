"""The recipes of docs/events.md, typed as they stand there: chats that are told, and orders that cancel themselves."""

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask, Response, request

from local.identity import CREDENTIALS, REGION
from local.simulator.listener import Listener, listening
from local.stack import LocalStack
from tests.e2e.waiting import wait_for
from tests.template import ROOT

PAGE = (ROOT / "docs/events.md").read_text()
EXPECTED = {
    "slack": {"text": "Order {} is cancelled: refunded"},
    "telegram": {"chat_id": "4711", "text": "Order {} is cancelled: refunded"},
    "feishu": {"msg_type": "text", "content": {"text": "Order {} is cancelled: refunded"}},
    "dingtalk": {"msgtype": "text", "text": {"content": "Order {} is cancelled: refunded"}},
}
READ_METRICS = "arn:aws:iam::aws:policy/CloudWatchReadOnlyAccess"
RULES = ("settled-orders", "order-placed")

pytestmark = pytest.mark.usefixtures("jq_command")


def blocks(heading: str) -> list[str]:
    """The commands below a heading, block by block; but for the question, whose answer is in the environment."""
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return [
        re.sub(r"^read .*$", "", block, flags=re.MULTILINE)
        for block in re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    ]


@dataclass
class Shell:
    """The user's shell, the emulator as the AWS account."""

    stack: LocalStack

    def types(self, text: str, **variables: str) -> None:
        environment = os.environ | {
            "AWS_ENDPOINT_URL": self.stack.endpoint,
            "AWS_ACCESS_KEY_ID": CREDENTIALS.access_key,
            "AWS_SECRET_ACCESS_KEY": CREDENTIALS.secret_key,
            "AWS_DEFAULT_REGION": REGION,
            "PATH": f"{ROOT / '.tools/aws/bin'}:{os.environ['PATH']}",
            "ROLE_ARN": "arn:aws:iam::000000000000:role/tell",
            "SCHEDULE_FUNCTION_ARN": self.stack.outputs["ScheduleFunctionArn"],
            "CHAT": "4711",
        }
        run = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            env=environment | variables,
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, f"{text}\n{run.stderr}"


@pytest.fixture
def shell(stack: LocalStack) -> Iterator[Shell]:
    yield Shell(stack)
    events = stack.client("events")
    for rule in {one["Name"] for one in events.list_rules()["Rules"]} & set(RULES):
        ids = [target["Id"] for target in events.list_targets_by_rule(Rule=rule)["Targets"]]
        events.remove_targets(Rule=rule, Ids=ids)
        events.delete_rule(Name=rule)


def test_each_chat_gets_its_own_words_and_nothing_of_who_asked(stack: LocalStack, shell: Shell) -> None:
    told: dict[str, list[Any]] = {}
    app = Flask(__name__)

    @app.post("/<chat>")
    def hear(chat: str) -> Response:
        told.setdefault(chat, []).append(request.get_json(force=True))
        return Response(status=200)

    def of_this_order() -> dict[str, Any]:
        """What each chat got about it: other tests' orders are settled meanwhile, too."""
        heard = [(chat, words) for chat, all_words in list(told.items()) for words in all_words]
        return {chat: words for chat, words in heard if order_no in json.dumps(words)}

    listener = Listener(app)
    setup, *chats = blocks("Into a chat")
    with listening(listener):
        for chat in chats:
            (name,) = re.findall(r"^tell (\w+) ", chat)
            shell.types(f"{setup}\n{chat}", URL=f"{listener.url}/{name}")
        order_no = stack.simulator.client.create_order(age=600).order_no
        assert stack.api.cancel(order_no, reason="secret plans").status == 200
        wait_for(of_this_order, lambda told: told.keys() == EXPECTED.keys())
    assert of_this_order() == json.loads(json.dumps(EXPECTED).replace("{}", order_no))


def test_alarms_go_to_slack_or_teams_by_their_topic_and_the_channel_may_only_read(
    stack: LocalStack, shell: Shell
) -> None:
    """The AWS CLI checks the requests against the service's model; the emulator has no such service."""
    asked: dict[str, Any] = {}
    app = Flask(__name__)

    @app.post("/<action>")
    def configure(action: str) -> dict[str, str]:
        asked[action] = request.get_json(force=True)
        return {}

    listener, topic = Listener(app), stack.outputs["AlarmTopicArn"]
    where = {"WORKSPACE": "T07EA123LEP", "TEAM": str(uuid4()), "TENANT": str(uuid4()), "CHANNEL": "C07EZ1ABC23"}
    iam, role = stack.client("iam"), "feee-cancel-chat"
    try:
        with listening(listener):
            recipe = "\n".join(blocks("Alarms in Slack or Teams"))
            shell.types(recipe, AWS_ENDPOINT_URL_CHATBOT=listener.url, TOPIC_ARN=topic, **where)
        arn, trust = (iam.get_role(RoleName=role)["Role"][name] for name in ("Arn", "AssumeRolePolicyDocument"))
        attached = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    finally:
        iam.detach_role_policy(RoleName=role, PolicyArn=READ_METRICS)
        iam.delete_role(RoleName=role)
    assert [policy["PolicyArn"] for policy in attached] == [READ_METRICS]
    assert trust["Statement"][0]["Principal"] == {"Service": "chatbot.amazonaws.com"}
    assert asked.keys() == {"create-slack-channel-configuration", "create-ms-teams-channel-configuration"}
    for one in asked.values():
        wanted = (one["SnsTopicArns"], one["IamRoleArn"], one["GuardrailPolicyArns"])
        assert wanted == ([topic], arn, [READ_METRICS])


def test_an_order_that_is_placed_is_cancelled_unless_it_is_filled_by_then(stack: LocalStack, shell: Shell) -> None:
    (block,) = blocks("Cancel unless filled")
    shell.types(block)
    client = stack.simulator.client
    rests, filled = client.create_order(age=600).order_no, client.create_order(age=600, steps=[(1, 5)]).order_no
    at = int(time.time()) + 20
    entries = [
        {
            "Source": "my.shop",
            "DetailType": "Order Placed",
            "Detail": json.dumps({"order_no": order_no, "cancel_at": at}),
        }
        for order_no in (rests, filled)
    ]
    stack.client("events").put_events(Entries=entries)
    wait_for(lambda: stack.api.get(rests).body, lambda row: row.get("state") == "waiting")
    cancelled = wait_for(lambda: stack.api.get(rests).body, lambda row: row.get("state") == "cancelled")
    rejected = wait_for(lambda: stack.api.get(filled).body, lambda row: row.get("state") == "rejected")
    assert cancelled["settled_at"] >= at
    assert (cancelled["reason"], cancelled["requested_by"][:6]) == ("unfilled", "event:")
    assert rejected["state_reason"] == "filled"
    assert client.requests(rests)[0].at >= at
