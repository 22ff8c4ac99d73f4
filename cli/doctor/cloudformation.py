"""The stack as CloudFormation has it."""

from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from cli.doctor.deployment import Deployment
from cli.doctor.finding import Finding, ok, warning, wrong

_NAME = "the stack is deployed"
_DRIFT = "nothing was changed by hand"
_COMPLETE = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "IMPORT_COMPLETE"}
_AS_BEFORE = {"UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "IMPORT_ROLLBACK_COMPLETE"}
_STUCK = {"UPDATE_ROLLBACK_FAILED", "UPDATE_FAILED"}
_LOOKS, _PAUSE = 60, 2
"""Two minutes: how often to look, and the seconds in between."""


def the_stack_is_deployed(there: Deployment) -> Iterator[Finding]:
    """Its last creation or update went well; otherwise, the cause comes first."""
    status = there.described["StackStatus"]
    if status in _COMPLETE:
        yield ok(_NAME, f"{there.name}: {status}")
    elif status in _AS_BEFORE:
        words = f"{status}: the last update failed, and the version before it runs"
        yield warning(_NAME, words + _cause(there), "Fix the cause, and deploy again: make deploy.")
    elif status.endswith("_IN_PROGRESS"):
        yield warning(_NAME, f"{status}: it is being changed just now", "Run the doctor again when that is done.")
    elif status in _STUCK:
        command = there.where.aws("cloudformation", "continue-update-rollback", "--stack-name", there.name)
        words = f"{status}: the last update failed, and so did the rollback{_cause(there)}"
        yield wrong(_NAME, words, "Fix the cause, then continue the rollback.", command)
    else:
        command = there.where.aws("cloudformation", "delete-stack", "--stack-name", there.name)
        words = f"{status}: it doesn't work{_cause(there)}"
        yield wrong(_NAME, words, "Fix the cause, delete the stack, and deploy it again: make deploy.", command)


def _cause(there: Deployment) -> str:
    """What failed first in the last operation; events come latest first. "" if that can't be seen."""
    try:
        events = there.client("cloudformation").describe_stack_events(StackName=there.name)["StackEvents"]
    except ClientError:
        return ""
    first: Mapping[str, Any] = {}
    for event in events:
        reason = event.get("ResourceStatusReason", "")
        if event["ResourceStatus"].endswith("_FAILED") and "cancelled" not in reason.lower():
            first = event
        if reason == "User Initiated":
            break
    return f". {first['LogicalResourceId']}: {first.get('ResourceStatusReason', '?')}" if first else ""


def nothing_was_changed_by_hand(there: Deployment) -> Iterator[Finding]:
    """What CloudFormation finds when it compares each resource with the template (drift detection)."""
    client = there.client("cloudformation")
    detection = client.detect_stack_drift(StackName=there.name)["StackDriftDetectionId"]
    found = _detected(there, client, detection)
    if found["DetectionStatus"] == "DETECTION_IN_PROGRESS":
        yield warning(_DRIFT, "CloudFormation is still comparing after two minutes", "Run the doctor again.")
        return
    drifted = client.describe_stack_resource_drifts(
        StackName=there.name, StackResourceDriftStatusFilters=["MODIFIED", "DELETED"]
    )["StackResourceDrifts"]
    yield from map(_drifted, drifted)
    if found["DetectionStatus"] == "DETECTION_FAILED":
        said = found.get("DetectionStatusReason", "CloudFormation doesn't say why")
        yield warning(
            _DRIFT, f"not all could be compared: {said}", "Run the doctor with credentials that may read it all."
        )
    elif not drifted:
        yield ok(_DRIFT, "every resource that CloudFormation can compare is as in the template")


def _detected(there: Deployment, client: Any, detection: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = {}
    for _ in range(_LOOKS):
        found = client.describe_stack_drift_detection_status(StackDriftDetectionId=detection)
        if found["DetectionStatus"] != "DETECTION_IN_PROGRESS":
            break
        there.rest(_PAUSE)
    return found


def _drifted(one: Mapping[str, Any]) -> Finding:
    which = f"{one['LogicalResourceId']} ({one['ResourceType']})"
    if one["StackResourceDriftStatus"] == "DELETED":
        fix = "CloudFormation doesn't make it again by itself: see docs/doctor.md#what-was-deleted-by-hand."
        return wrong(_DRIFT, f"{which} was deleted", fix)
    paths = [difference["PropertyPath"] for difference in one.get("PropertyDifferences", [])]
    fix = "Set it back, or change the template: deploying the same template again doesn't restore it."
    return warning(_DRIFT, f"{which} was changed at {', '.join(paths) or 'a property'}", fix)
