"""What each command of the README and of the pages behind it has to do, typed in their order."""

import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from local.stack import KEY
from tests.e2e.curls import row_of_the_users
from tests.e2e.user import ORDER, TOMORROW, User
from tests.e2e.waiting import wait_for
from tests.starved import again_if_starved, status_in
from tests.template import TEMPLATE

STACK = "feee-cancel"

Step = Callable[[User, str], None]


def goes_well(user: User, command: str) -> None:
    user.follows(command)


def deploys(user: User, command: str) -> None:
    """With one answer, feee.io's key; and with where feee.io is, which the page doesn't say."""
    user.types(f"export PARAMETERS=FeeeBaseUrl={user.stack.simulator.url}")
    user.follows(command, {"feee.io's key": KEY})
    (stack,) = json.loads(user.types(f"aws cloudformation describe-stacks --stack-name {STACK}"))["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    given = {parameter["ParameterKey"]: parameter["ParameterValue"] for parameter in stack["Parameters"]}
    defaults = {name: str(parameter["Default"]) for name, parameter in TEMPLATE["Parameters"].items()}
    assert given == defaults | {"FeeeBaseUrl": user.stack.simulator.url}
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    user.has_deployed(outputs)
    assert user.secret("FeeeKeySecretArn") == {"key": KEY}


def finds_the_api(user: User, command: str) -> None:
    user.follows(command)
    assert user.has_in("API") == user.stack.outputs["ApiUrl"]


def sets_an_output(user: User, command: str) -> None:
    user.follows(command)
    name, _, output = command.removesuffix(")").replace("=$(output ", " ").partition(" ")
    assert user.has_in(name) == user.stack.outputs[output]


def cancels(user: User, command: str) -> None:
    answer = row_of_the_users(user, lambda: user.follows(command))
    assert (answer["order_no"], answer["state"], answer["refund_amount"]) == (ORDER, "cancelled", 3.92)
    user.sees_it_cancelled("arn:aws:iam:")


def sets_the_webhook_secret(user: User, command: str) -> None:
    user.follows(command)
    assert user.secret("WebhookSecretArn") == {"secrets": {"shop": user.has_in("SECRET")}}


def sends_a_webhook(user: User, command: str) -> None:
    user.has_an_order()
    answer = json.loads(again_if_starved(lambda: user.follows(command), status_in)())
    assert answer == {"order_no": ORDER, "state": "waiting", "state_reason": "queued"}
    user.sees_it_cancelled("webhook:shop:" + user.has_in("ID"))
    assert json.loads(user.follows(command))["state"] == "cancelled", "a redelivery changes nothing"


def makes_a_schedule(user: User, command: str) -> None:
    """Its time comes: the test moves it, and changes nothing else. (The emulator takes every time as UTC.)"""
    user.has_an_order()
    user.follows(command)
    scheduler = user.stack.client("scheduler")
    made = scheduler.get_schedule(Name="cancel-tonight")
    assert (made["ScheduleExpression"], made["ScheduleExpressionTimezone"]) == (f"at({TOMORROW})", "Asia/Shanghai")
    kept = {name: made[name] for name in ("Name", "FlexibleTimeWindow", "Target", "ActionAfterCompletion")}
    scheduler.update_schedule(**kept, ScheduleExpression=f"at({datetime.now(UTC):%Y-%m-%dT%H:%M:%S})")
    user.sees_it_cancelled("event:")
    names = partial(scheduler.list_schedules, NamePrefix="cancel-tonight")
    wait_for(lambda: names()["Schedules"], lambda schedules: schedules == [])


def makes_a_rule(user: User, command: str) -> None:
    user.follows(command)
    rule = user.stack.client("events").describe_rule(Name="order-cancellation-settled")
    assert (rule["State"], json.loads(rule["EventPattern"])["source"]) == ("ENABLED", ["feee-cancel"])


def policy(action: str, **to: object) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, **to}]})


def is_mailed(user: User, command: str) -> None:
    """A queue stands for the mailbox: it subscribes to the topic."""
    sns, sqs = user.stack.client("sns"), user.stack.client("sqs")
    topic, mailbox = sns.create_topic(Name="settled")["TopicArn"], sqs.create_queue(QueueName="mailbox")["QueueUrl"]
    address = sqs.get_queue_attributes(QueueUrl=mailbox, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    publishing = policy("sns:Publish", Principal={"Service": "events.amazonaws.com"}, Resource=topic)
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=publishing)
    sending = policy("sqs:SendMessage", Principal={"Service": "sns.amazonaws.com"}, Resource=address)
    sqs.set_queue_attributes(QueueUrl=mailbox, Attributes={"Policy": sending})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=address)
    user.types(f"TOPIC_ARN={topic}")
    user.follows(command)
    assert user.targets()["mail"]["Arn"] == topic
    user.has_an_order()
    user.stack.api.cancel(ORDER)
    mails = list[Any]()

    def mailed() -> list[Any]:
        got = sqs.receive_message(QueueUrl=mailbox, MaxNumberOfMessages=10).get("Messages", [])
        mails.extend(json.loads(json.loads(mail["Body"])["Message"]) for mail in got)
        return mails

    wait_for(mailed, lambda mails: any(mail["detail"]["order_no"] == ORDER for mail in mails))


def is_called(user: User, command: str) -> None:
    iam, trust = user.stack.client("iam"), policy("sts:AssumeRole", Principal={"Service": "events.amazonaws.com"})
    role = iam.create_role(RoleName="calls-the-wallet", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    allowed = policy("events:InvokeApiDestination", Resource=user.has_in("DESTINATION_ARN"))
    iam.put_role_policy(RoleName="calls-the-wallet", PolicyName="call", PolicyDocument=allowed)
    user.types(f"ROLE_ARN={role}")
    user.follows(command)
    target = user.targets()["wallet"]
    assert (target["Arn"], target["RoleArn"]) == (user.has_in("DESTINATION_ARN"), role)
    user.has_an_order()
    user.stack.api.cancel(ORDER)
    wait_for(lambda: user.called)
    headers, event = user.called[0]
    assert (headers["X-Api-Key"], event["detail"]["order_no"]) == (KEY, ORDER)


def is_told_of_the_cancellation(user: User, command: str) -> None:
    user.has_an_order()
    told = user.follows(command)
    assert "3.92 TRX came back" in told
    user.sees_it_cancelled("arn:aws:iam:")
    assert user.stack.api.get(ORDER).body["reason"] == "unfilled"


def watches_to_the_end(user: User, command: str) -> None:
    """It ends with status 0 because the order is cancelled: in twenty seconds, and nobody asks again."""
    user.has_an_order()
    assert user.stack.api.cancel(ORDER, not_before=int(time.time()) + 20).body["state"] == "waiting"
    assert "3.92 TRX came back" in user.follows(command)
    user.sees_it_cancelled("arn:aws:iam:")


def lists_what_waits(user: User, command: str) -> None:
    user.has_an_order()
    user.stack.api.cancel(ORDER, not_before=int(time.time()) + 86_400)
    assert ORDER in user.follows(command)
    user.stack.api.withdraw(ORDER)
    assert ORDER not in user.follows(command)


def sends_failed_events_again(user: User, command: str) -> None:
    user.has_an_order()
    failed = {"requestPayload": {"order_no": ORDER}, "responsePayload": {"errorType": "TableUnavailableError"}}
    sqs, url = user.stack.client("sqs"), user.stack.outputs["FailedEventsUrl"]
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps(failed))
    assert "Nothing was changed." in user.types(f"! {command}"), "Enter is no"
    assert "TableUnavailableError" in user.follows(command, {"": "y"})
    user.sees_it_cancelled("event:")
    assert user.follows(command) == "FailedEvents is empty."


_PUT_TARGETS = "aws events put-targets --rule order-cancellation-settled --targets"
JOURNEY: Mapping[str, Step] = {
    "make deploy": deploys,
    "API=$(aws cloudformation": finds_the_api,
    "output()": goes_well,
    "API=$(output": sets_an_output,
    "WEBHOOK_SECRET_ARN=$(output": sets_an_output,
    "SCHEDULE_FUNCTION_ARN=$(output": sets_an_output,
    "SCHEDULE_ROLE_ARN=$(output": sets_an_output,
    'curl -s -X POST "$API/cancellations"': cancels,
    "SECRET=whsec_$(openssl": goes_well,
    'aws secretsmanager put-secret-value --secret-id "$WEBHOOK_SECRET_ARN"': sets_the_webhook_secret,
    'BODY=\'{"order_no":': goes_well,
    "KEY=$(printf": goes_well,
    "SIGNATURE=$(printf": goes_well,
    'curl -s -X POST "$API/webhooks/cancel"': sends_a_webhook,
    "aws scheduler create-schedule": makes_a_schedule,
    "aws events put-rule": makes_a_rule,
    f'{_PUT_TARGETS} "Id=mail,Arn=$TOPIC_ARN"': is_mailed,
    "CONNECTION_ARN=$(aws": goes_well,
    "DESTINATION_ARN=$(aws": goes_well,
    f'{_PUT_TARGETS} "Id=wallet,Arn=$DESTINATION_ARN,RoleArn=$ROLE_ARN"': is_called,
    "./feee-cancel cancel": is_told_of_the_cancellation,
    "./feee-cancel watch": watches_to_the_end,
    "./feee-cancel list": lists_what_waits,
    "./feee-cancel redrive": sends_failed_events_again,
}
"""What a command has to do, by how it begins."""
