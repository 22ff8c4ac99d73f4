"""What CloudFormation reports about a stack: each event once, as progress; and what went wrong first, in words."""

import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

_POLL_SECONDS = 2
_FOLLOWS_FROM_ANOTHER = re.compile(r"^Resource (creation|update|deletion) cancelled", re.IGNORECASE)
_FIXES = {
    r"CloudWatch Logs role ARN must be set": "API Gateway has no role to write logs with in this account and region: "
    "PARAMETERS=CreateApiGatewayLogRole=true.",
    r"cannot be assumed by Lambda|must allow AWS EventBridge Scheduler to assume|ensure the role can perform|"
    r"(execution role|role ARN) does not have (required )?permissions": (
        "AWS hadn't spread the new role yet. Run it again: make deploy. If that doesn't help, a policy of the "
        "organization denies it."
    ),
    r"Rate exceeded|Throttl|TooManyRequests": "AWS limited the rate of requests. Run it again: make deploy.",
    r"not authorized to perform|AccessDenied|explicit deny": "These credentials lack the permission that AWS names. "
    "Ask for it, or deploy with others (PROFILE=).",
    r"already exists": "Something of this name is there and isn't this stack's. Remove it, or choose another STACK=.",
    r"LimitExceeded|maximum (number|limit)|quota": "A quota of the account is used up: raise it (Service Quotas), or "
    "remove what isn't needed.",
    r"Event bus .* does not exist|EventBus": "There is no event bus of the name in EventBusName in this region.",
    r"subnet|security group|[Nn]etwork": "Check SubnetIds and SecurityGroupIds: both, of one VPC in this region.",
    r"KMS|kms:": "Check the KMS key's ARN, and that its policy allows these credentials to use it.",
}
"""What fixes a failure, by what AWS says; the first that fits."""


@dataclass
class Events:
    """A stack's events from now on, oldest first; `stack` is its name or, once it may be deleted, its id."""

    client: Any
    stack: str
    seen: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.new()

    def new(self) -> list[dict[str, Any]]:
        """Those that weren't seen before."""
        fresh: list[dict[str, Any]] = []
        for event in self._newest_first():
            if event["EventId"] in self.seen:
                break
            fresh.append(event)
        self.seen |= {event["EventId"] for event in fresh}
        return fresh[::-1]

    def _newest_first(self) -> Iterable[dict[str, Any]]:
        try:
            for page in self.client.get_paginator("describe_stack_events").paginate(StackName=self.stack):
                yield from page["StackEvents"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "ValidationError":  # there is no such stack yet
                raise


def follow(
    events: Events,
    ended: Callable[[], bool],
    show: Callable[[str], None],
    rest: Callable[[float], None] = time.sleep,
) -> list[dict[str, Any]]:
    """Show each event as a line until `ended` says so. Returns all of them."""
    told: list[dict[str, Any]] = []
    while True:
        over = ended()
        for event in events.new():
            told.append(event)
            if line := _line(event):
                show(line)
        if over:
            return told
        rest(_POLL_SECONDS)


def first_cause(events: Sequence[dict[str, Any]]) -> list[str]:
    """What failed first, in CloudFormation's words, and what fixes it if that is known; empty if nothing failed.

    A line each: a line end in AWS's words isn't ours.
    """
    for event in events:
        reason = event.get("ResourceStatusReason", "")
        follows = _FOLLOWS_FROM_ANOTHER.match(reason) or event["ResourceType"] == "AWS::CloudFormation::Stack"
        if event["ResourceStatus"].endswith("_FAILED") and not follows:
            said = f"{event['LogicalResourceId']} ({event['ResourceType']}) failed: {reason or 'AWS gives no reason.'}"
            return [line for line in (said, fix(reason)) if line]
    return []


def refused(client: Any, stack: str) -> list[str]:
    """What CloudFormation found in the newest change set before it began, a line each; empty if it doesn't say.

    (Validate stack deployments: the change set says only that a validation failed, and DescribeEvents has the rest.)
    """
    try:
        pages = client.get_paginator("list_change_sets").paginate(StackName=stack)
        newest = max((one for page in pages for one in page["Summaries"]), key=lambda one: one["CreationTime"])
        asked = {"ChangeSetName": newest["ChangeSetId"], "Filters": {"FailedEvents": True}}
        pages = client.get_paginator("describe_events").paginate(**asked)
        found = [event for page in pages for event in page["OperationEvents"] if "ValidationStatusReason" in event]
    except (ClientError, ValueError):
        return []
    lines = [f"{one.get('LogicalResourceId', 'The template')}: {one['ValidationStatusReason']}" for one in found]
    return [*lines, *filter(None, [fix(" ".join(lines))])]


def fix(reason: str) -> str:
    """What fixes it, as far as that is known; "" otherwise."""
    return next((words for pattern, words in _FIXES.items() if re.search(pattern, reason)), "")


def _line(event: dict[str, Any]) -> str:
    status = event["ResourceStatus"]
    if status.endswith("_IN_PROGRESS") and "ROLLBACK" not in status:
        return ""
    what = status.lower().replace("_", " ").removesuffix(" complete")
    past = {"create": "created", "update": "updated", "delete": "deleted"}
    return f"    {past.get(what, what)}: {event['LogicalResourceId']}"
