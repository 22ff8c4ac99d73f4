"""The stack that is examined: what CloudFormation says of it, and how to reach it."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cli.target import Call, arn, output
from cli.where import DEFAULT, Where


@dataclass(frozen=True, slots=True)
class Deployment:
    """`described` is the stack as CloudFormation has it; `parameters` are its own, as they are in force.

    `client` makes boto3 clients, `call` asks the API, `where` is how the user named it, `now` tells the time in unix
    seconds, `rest` sleeps.
    """

    name: str
    described: Mapping[str, Any]
    outputs: Mapping[str, str]
    parameters: Mapping[str, str]
    client: Callable[[str], Any]
    call: Call
    where: Where = DEFAULT
    now: Callable[[], float] = time.time
    rest: Callable[[float], None] = time.sleep

    def number(self, parameter: str) -> float:
        """A parameter that is a number."""
        return float(self.parameters[parameter])

    def output(self, key: str) -> str:
        """An output. Raises TroubleError if the stack's version has no such output."""
        return output(self.outputs, key)

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a resource in the stack's own account and region."""
        return arn(self.outputs, service, resource)

    @property
    def in_vpc(self) -> bool:
        """Whether the functions that call feee.io run in a VPC."""
        return bool(self.parameters.get("SubnetIds", "").strip(","))

    @property
    def posts_events(self) -> bool:
        """Whether settled events are posted to a URL of the user's (SettledWebhookUrl)."""
        return "SettledEventsUrl" in self.outputs


def deployment(name: str, client: Callable[[str], Any], call: Call, where: Where = DEFAULT) -> Deployment:
    """The stack of this name, as CloudFormation describes it. Raises what boto3 raises."""
    (stack,) = client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    outputs = {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])}
    parameters = {one["ParameterKey"]: one["ParameterValue"] for one in stack.get("Parameters", [])}
    return Deployment(name, stack, outputs, parameters, client, call, where)
