"""Whether it runs, and whether somebody hears of it when it doesn't."""

import math
from collections.abc import Iterator

from botocore.exceptions import ClientError

from cli.doctor.deployment import Deployment
from cli.doctor.finding import Finding, ok, warning, wrong

FUNCTIONS = ("ApiFunctionName", "WebhookFunctionName", "ScheduleFunctionName", "NotifyFunctionName")
POSTER = "DeliverFunctionName"
"""It exists only with SettledWebhookUrl."""
CALL_SECONDS = 16
"""The longest that a request at the API waits for feee.io."""
OTHERS = 6
"""One for the drain, two for ticks that find it at work, one each for webhook and notifier, one to spare."""
POSTERS = 2
"""With SettledWebhookUrl: as many post events at once as their queue's mapping allows."""


def the_tick_is_on(there: Deployment) -> Iterator[Finding]:
    """The drain's schedule is enabled, every minute, and starts the drain."""
    name, fix = "the drain's schedule is enabled", "See docs/runbook.md#drain-not-running: it has the commands."
    try:
        found = there.client("scheduler").get_schedule(Name=there.output("TickName"))
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") != "ResourceNotFoundException":
            raise
        yield wrong(name, "there is no schedule", fix)
        return
    is_so = (found["State"], found["ScheduleExpression"], found["Target"]["Arn"])
    if is_so == ("ENABLED", "rate(1 minute)", there.output("ScheduleFunctionArn")):
        yield ok(name, "every minute")
    else:
        yield wrong(name, f"it is {is_so[0]}, at {is_so[1]}, and starts {is_so[2]}", fix)


def executions_suffice(there: Deployment) -> Iterator[Finding]:
    """The account's concurrent executions are enough for the API at its throttle, and the drain beside it.

    A new account may have 10 for everything (Lambda quotas): slow calls at the API would then hold the drain up.
    """
    name = "concurrent executions suffice"
    limits = there.client("lambda").get_account_settings()["AccountLimit"]
    unreserved = limits["UnreservedConcurrentExecutions"]
    needed = math.ceil(there.number("ApiRateLimit") * CALL_SECONDS) + OTHERS + POSTERS * there.posts_events
    words = f"{unreserved} for all functions of the account and region"
    if unreserved >= needed:
        yield ok(name, words)
    else:
        yield warning(
            name,
            f"{words}; the API may use {needed} at {there.number('ApiRateLimit'):g} requests a second that feee.io is "
            "slow to answer, and the drain would wait",
            "Ask for more (Service Quotas, Lambda, Concurrent executions), or lower ApiRateLimit.",
        )


def no_function_is_switched_off(there: Deployment) -> Iterator[Finding]:
    """No function has a reserved concurrency of 0; any other reservation is reported."""
    name, client = "no function is switched off", there.client("lambda")
    reserved = {
        output: client.get_function_concurrency(FunctionName=there.output(output)).get("ReservedConcurrentExecutions")
        for output in FUNCTIONS + (POSTER,) * there.posts_events
    }
    off = [there.output(output) for output, number in reserved.items() if number == 0]
    if off:
        command = there.where.aws("lambda", "delete-function-concurrency", "--function-name", off[0])
        yield wrong(name, f"may not run at all: {', '.join(off)}", "Free its concurrency.", command)
    else:
        some = [f"{output.removesuffix('FunctionName')} {number}" for output, number in reserved.items() if number]
        yield ok(name, f"reserved: {', '.join(some)}" if some else "nothing is reserved")


def somebody_is_told(there: Deployment) -> Iterator[Finding]:
    """The alarms' topic has a subscription, and the subscriber has confirmed it."""
    name, topic = "somebody hears of alarms", there.outputs.get("AlarmTopicArn")
    if topic is None:
        yield warning(name, "the stack has no alarms", "Deploy with Alarms=you@example.com.")
        return
    found = there.client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    pending = [one["Endpoint"] for one in found if one["SubscriptionArn"] == "PendingConfirmation"]
    if pending:
        yield warning(name, f"not confirmed yet: {', '.join(pending)}", "Confirm by the link in AWS's first mail.")
    elif found:
        yield ok(name, f"{len(found)} subscribed to {topic}")
    else:
        yield warning(name, "nobody is subscribed", f"Deploy with Alarms=you@example.com, or subscribe to {topic}.")
