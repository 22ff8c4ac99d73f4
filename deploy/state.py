"""How the stack stands before anything is done to it, and bringing it to where it can be deployed."""

from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from cli.outcome import TroubleError
from cli.text import Copied
from cli.where import DEFAULT, Where
from deploy.events import Events, first_cause, follow

OURS = "Cancels feee.io orders and sees each cancellation through to the refund."
"""The template's description."""

_NEVER_LIVED = {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"}

Show = Callable[[str], None]


class DeployedStack:
    """A stack of CloudFormation by its name; `client` is CloudFormation's, `where` is how the user named it."""

    def __init__(self, client: Any, name: str, show: Show, where: Where = DEFAULT) -> None:
        self._client = client
        self._name = name
        self._where = where
        self._show = show

    def now(self) -> dict[str, Any] | None:
        """What CloudFormation says of it; None if there is none."""
        return self._look(self._name)

    def prepare(self) -> None:
        """Wait until nothing goes on, and clear away what an earlier deployment left. Raises TroubleError."""
        self.settle()
        stack = self.now()
        if stack is None:
            return
        status = stack["StackStatus"]
        if not is_ours(stack):
            raise TroubleError(
                f"There is a stack {self._name} here that isn't this project's. Nothing was changed. Choose another "
                "name: make deploy STACK=..."
            )
        if status == "REVIEW_IN_PROGRESS":
            self._show("An earlier deployment was interrupted before it began; this one goes on.")
        elif status in _NEVER_LIVED:
            self._show(f"An earlier deployment failed ({status}). What is left of it is removed first.")
            self.delete()
        elif status == "UPDATE_ROLLBACK_FAILED":
            self._show("An earlier update failed, and so did its rollback; that is finished first.")
            self._client.continue_update_rollback(StackName=self._name)
            self.settle()
            self._is_now("UPDATE_ROLLBACK_COMPLETE")

    def delete(self) -> None:
        """Delete the stack and wait until it is gone. Raises TroubleError."""
        stack = self.now()
        if stack is None:
            return
        if stack.get("EnableTerminationProtection"):
            unprotect = ("update-termination-protection", "--no-enable-termination-protection")
            command = self._where.aws("cloudformation", *unprotect, "--stack-name", self._name)
            said = f"Stack {self._name} is protected from being deleted. Nothing was changed. To remove the protection:"
            raise TroubleError([said, Copied(command)])
        events = Events(self._client, stack["StackId"])
        self._client.delete_stack(StackName=self._name)
        told = follow(events, lambda: not self._goes_on(stack["StackId"]), self._show)
        left = self._look(stack["StackId"])
        if left is not None and left["StackStatus"] != "DELETE_COMPLETE":
            cause = first_cause(told) or [left.get("StackStatusReason", "AWS gives no reason.")]
            raise TroubleError([f"The stack isn't removed ({left['StackStatus']}). The cause:", *cause])

    def settle(self) -> None:
        """Wait while CloudFormation works on it: until then it neither updates nor deletes it."""
        stack = self.now()
        if stack is None or not self._goes_on(stack["StackId"]):
            return
        self._show(f"CloudFormation is at work on this stack ({stack['StackStatus']}); waiting for that ...")
        follow(Events(self._client, stack["StackId"]), lambda: not self._goes_on(stack["StackId"]), self._show)

    def _goes_on(self, stack_id: str) -> bool:
        stack = self._look(stack_id)
        status = stack["StackStatus"] if stack else ""
        return status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS"

    def _is_now(self, status: str) -> None:
        stack = self.now() or {}
        if stack.get("StackStatus") != status:
            raise TroubleError(
                [
                    f"The stack is {stack.get('StackStatus')}: {stack.get('StackStatusReason', '')}",
                    (
                        "AWS needs help: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/"
                        "using-cfn-updating-stacks-continueupdaterollback.html"
                    ),
                ]
            )

    def _look(self, stack: str) -> dict[str, Any] | None:
        try:
            (found,) = self._client.describe_stacks(StackName=stack)["Stacks"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "ValidationError":
                raise
            return None
        gone = found["StackStatus"] == "DELETE_COMPLETE"
        return None if gone else dict(found)


def is_ours(stack: Mapping[str, Any]) -> bool:
    """A stack that is up has our outputs; one that never came up, or is older, has our description."""
    outputs = {output["OutputKey"] for output in stack.get("Outputs", [])}
    return "FeeeKeySecretArn" in outputs or (not outputs and stack.get("Description", OURS) == OURS)
