"""What can be wrong with a deployment: each fault is found, in words that say what fixes it."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, NoRegionError

from cli.checkup import check_up
from cli.doctor import CHECKS, Deployment, Verdict, deployment, examine, feee, roles, unseen, work
from cli.kinds import KINDS
from cli.outcome import Exit, TroubleError
from cli.text import Copied
from cli.where import Where
from tests.cli import unreachable
from tests.doctor import AGENT, HOOK, KEY, NOW, POSTING, SETTLED, FakeAws, FakeCall, there, told, verdicts
from tests.template import resources


@dataclass(frozen=True)
class Fault:
    """`changes` to the good deployment make it; `words` and `fix` are parts of what is said."""

    changes: Mapping[str, Any]
    verdict: Verdict
    words: str
    fix: str
    parameters: Mapping[str, str] = field(default_factory=dict)


def _refused(code: int | None, kind: str = "misconfigured", **members: Any) -> dict[str, Any]:
    return {"feee": {"kind": kind, "http_status": 200, "code": code, "msg": "no", **members}}


def _secrets(**changed: str) -> dict[str, Any]:
    named = {"key": KEY, "hook": HOOK, "settled": SETTLED}
    return {"secrets": {**FakeAws().secrets, **{named[name]: value for name, value in changed.items()}}}


def _account(**changed: Any) -> dict[str, Any]:
    return {"feee": {**FakeAws().feee, **changed}}


WRONG, WARNING = Verdict.WRONG, Verdict.WARNING
VPC = {"SubnetIds": "subnet-1,subnet-2"}
RESET = {"ResourceStatus": "UPDATE_IN_PROGRESS", "LogicalResourceId": "feee", "ResourceStatusReason": "User Initiated"}
CAUSES = [
    {"ResourceStatus": "UPDATE_FAILED", "LogicalResourceId": "B", "ResourceStatusReason": "Resource update cancelled"},
    {
        "ResourceStatus": "UPDATE_FAILED",
        "LogicalResourceId": "Webhook",
        "ResourceStatusReason": "10 must be unreserved",
    },
    {"ResourceStatus": "UPDATE_FAILED", "LogicalResourceId": "A", "ResourceStatusReason": "Resource update cancelled"},
    RESET,
    {"ResourceStatus": "CREATE_FAILED", "LogicalResourceId": "Older", "ResourceStatusReason": "no"},
]
DELETED = {"LogicalResourceId": "Tick", "ResourceType": "T", "StackResourceDriftStatus": "DELETED"}
MODIFIED = {
    "LogicalResourceId": "ApiFunction",
    "ResourceType": "AWS::Lambda::Function",
    "StackResourceDriftStatus": "MODIFIED",
    "PropertyDifferences": [{"PropertyPath": "/Timeout"}],
}
HOURLY = {"State": "ENABLED", "ScheduleExpression": "rate(1 hour)", "Target": {"Arn": "x"}}

FAULTS: dict[str, Fault] = {
    "wrong key": Fault(_refused(10001), WRONG, "doesn't know the key", "set-key"),
    "address not on the list": Fault(
        _refused(20012), WRONG, "refuses the functions' address", "empty the key's IP list"
    ),
    "address not on the list, in a VPC": Fault(
        _refused(20012), WRONG, "address", "IP list at feee.io: 198.51.100.9", VPC
    ),
    "address not on the list, no gateway": Fault(
        {**_refused(20012), "gateways": []}, WRONG, "address", "docs/network.md says how to find it", VPC
    ),
    "address not on the list, an empty list of subnets": Fault(
        _refused(20012), WRONG, "address", "empty the key's IP list", {"SubnetIds": ","}
    ),
    "address not on the list, a private address too": Fault(
        {
            **_refused(20012),
            "gateways": [{"NatGatewayAddresses": [{"PrivateIp": "10.0.0.1"}, {"PublicIp": "192.0.2.7"}]}],
        },
        WRONG,
        "address",
        "IP list at feee.io: 192.0.2.7.",
        VPC,
    ),
    "User-Agent not on the list": Fault(_refused(20013), WRONG, AGENT, f"Enter {AGENT!r}"),
    "not let in": Fault(_refused(None, http_status=403), WRONG, "HTTP 403", "set-key"),
    "no key at the function": Fault(
        _refused(None, "no_key", detail="holds nothing"), WRONG, "holds nothing", "set-key"
    ),
    "feee.io down": Fault(_refused(None, "no_usable_answer", http_status=503), WRONG, "HTTP 503", "FeeeBaseUrl"),
    "feee.io out of reach": Fault(_refused(None, "not_sent", detail="gaierror"), WRONG, "gaierror", "may be down"),
    "no way out of the VPC": Fault(_refused(None, "not_sent", detail="x"), WRONG, "reach", "NAT gateway", VPC),
    "feee.io's rate exceeded": Fault(_refused(11001, "rate_exceeded"), WARNING, "11001", "lower ApiRateLimit"),
    "feee.io refuses to say": Fault(_refused(99999, "refused"), WARNING, "99999", "lookup"),
    "an address that changes": Fault(_account(address_list=2), WARNING, "2 on it", "empty the key's IP list"),
    "User-Agent not listed as it is": Fault(
        _account(user_agent_is_listed=False), WARNING, "isn't one of 1", "word for word"
    ),
    "no balance": Fault(_account(balance="0"), WARNING, "0 TRX: cancelling needs none", "Top the account up"),
    "a low rate at feee.io": Fault(_account(rate_limit="5"), WARNING, "5 calls a second", "lower ApiRateLimit"),
    "an older function": Fault({"function_error": "InvalidRequestError"}, WRONG, "InvalidRequestError", "deploy this"),
    "a foreign answer": Fault({"feee": None}, WRONG, "another version", "deploy this"),
    "key empty": Fault(_secrets(key='{"key": ""}'), WRONG, "nothing usable", "put-secret-value"),
    "key malformed": Fault(_secrets(key="not json"), WRONG, "nothing usable", "put-secret-value"),
    "webhook's secret malformed": Fault(
        _secrets(hook='{"secrets": ["x"]}'), WARNING, "nothing usable", "no webhook is"
    ),
    "outgoing secret empty": Fault(
        {**_secrets(settled='{"secrets": []}'), "outputs": POSTING}, WRONG, "nothing usable", "--outgoing"
    ),
    "events posted by nobody": Fault(
        {"reserved": {"deliver": 0}, "outputs": POSTING}, WRONG, "may not run at all: deliver", "delete-function"
    ),
    "schedule disabled": Fault(
        {"schedule": {**HOURLY, "State": "DISABLED"}}, WRONG, "it is DISABLED", "runbook.md#drain-not-running"
    ),
    "schedule deleted": Fault({"schedule": None}, WRONG, "there is no schedule", "runbook.md#drain-not-running"),
    "throttle missing": Fault({"settings": {}}, WRONG, "no setting instead of", "Deploy again"),
    "route open": Fault(
        {"methods": {"/cancellations": {"GET": "NONE"}}}, WRONG, "open to everybody: GET /cancellations", "Deploy"
    ),
    "subscription unconfirmed": Fault(
        {"subscriptions": [{"Endpoint": "a@b.example", "SubscriptionArn": "PendingConfirmation"}]},
        WARNING,
        "not confirmed yet: a@b.example",
        "Confirm by the link",
    ),
    "no access log": Fault({"access_log": {}}, WRONG, "no access log", "CreateApiGatewayLogRole"),
    "quota of 10": Fault({"unreserved": 10}, WARNING, "10 for all functions", "Service Quotas"),
    "function throttled to 0": Fault(
        {"reserved": {"webhook": 0}}, WRONG, "may not run at all: webhook", "delete-function"
    ),
    "alarm disabled": Fault(
        {"alarms_off": {"Failed"}}, WARNING, "switched off: feee-cancel-cancel", "enable-alarm-actions"
    ),
    "alarm without an action": Fault(
        {"alarms_to_nobody": {"Failed"}}, WARNING, "notify nobody: feee-cancel-cancel", "AlarmTopicArn"
    ),
    "alarm rings": Fault({"alarms_ringing": {"Failed"}}, WRONG, "in alarm: feee-cancel-cancel", "docs/runbook.md"),
    "dead-letter": Fault({"held": {"ticks": 1}}, WRONG, "1 in UndeliveredTicks", "redrive UndeliveredTicks"),
    "queue filled": Fault({"held": {"failed": 1200}}, WRONG, "1200 in FailedEvents", "redrive FailedEvents"),
    "oldest row overdue": Fault({"due": {"refunding": int(NOW) - 900}}, WRONG, "due for 900 s", "#drain-late"),
    "oldest row late": Fault({"due": {"waiting": int(NOW) - 90}}, WARNING, "due for 90 s", "#drain-late"),
    "drain not run": Fault({"ticked_at": NOW - 2_000}, WRONG, "in the last hour, and not since", "#drain-not-running"),
    "drain never run": Fault({"ticked_at": None}, WRONG, "not in the last day", "#drain-not-running"),
    "drain of a new stack": Fault({"ticked_at": None, "age": 20}, WARNING, "the stack is new", "within a minute"),
    "table being deleted": Fault(
        {"table": {"TableStatus": "DELETING", "indexes": ["state-due_at"]}},
        WRONG,
        "is DELETING, without the index state-rank",
        "as the template has it",
    ),
    "index missing": Fault(
        {"table": {"TableStatus": "ACTIVE", "indexes": ["state-rank"]}},
        WRONG,
        "is ACTIVE, without the index state-due_at",
        "as the template has it",
    ),
    "index being made": Fault(
        {"being_made": {"state-rank"}}, WRONG, "is ACTIVE, without the index state-rank", "Wait until it is ACTIVE"
    ),
    "clock an hour behind": Fault(
        {"date": formatdate(NOW + 3_600, usegmt=True)}, WRONG, "3600 s behind AWS's", "Set the clock"
    ),
    "clock a minute ahead": Fault({"date": formatdate(NOW - 60, usegmt=True)}, WARNING, "60 s ahead", "Set the clock"),
    "clock a minute behind": Fault(
        {"date": formatdate(NOW + 60, usegmt=True)}, WARNING, "60 s behind", "Set the clock"
    ),
    "no time from AWS": Fault({"date": None}, WARNING, "had no time", "Run the doctor again"),
    "update rolled back": Fault(
        {"status": "UPDATE_ROLLBACK_COMPLETE", "events": CAUSES},
        WARNING,
        "the version before it runs. Webhook: 10 must be unreserved",
        "deploy again",
    ),
    "rollback stuck": Fault({"status": "UPDATE_ROLLBACK_FAILED"}, WRONG, "the rollback", "continue-update-rollback"),
    "stack in ROLLBACK": Fault(
        {"status": "ROLLBACK_COMPLETE", "events": CAUSES}, WRONG, "Webhook: 10 must be unreserved", "delete-stack"
    ),
    "stack being changed": Fault({"status": "UPDATE_IN_PROGRESS"}, WARNING, "just now", "Run the doctor again"),
    "deleted by hand": Fault({"drifted": [DELETED]}, WRONG, "Tick (T) was deleted", "#what-was-deleted-by-hand"),
    "changed by hand": Fault({"drifted": [MODIFIED]}, WARNING, "changed at /Timeout", "change the template"),
    "comparison that lasts": Fault({"drift": ["DETECTION_IN_PROGRESS"]}, WARNING, "two minutes", "Run the doctor"),
    "comparison in part": Fault(
        {"drift": ["DETECTION_FAILED"]}, WARNING, "not all could be compared", "may read it all"
    ),
}


USUAL = Counter(one.check for one in examine(there()))
"""How many findings each check has."""


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_and_nothing_else_with_what_fixes_it(name: str) -> None:
    fault = FAULTS[name]
    findings = [*examine(there(given=fault.parameters, **fault.changes))]
    found = [one for one in findings if one.verdict is not Verdict.OK]
    assert {one.verdict for one in found} == {fault.verdict}, found
    assert Counter(one.check for one in findings)[found[0].check] == USUAL[found[0].check], "and isn't well besides"
    assert len({one.check for one in found}) == 1, "one fault is one finding's"
    assert fault.words in told(found)
    assert fault.fix in told(found)
    proposed = [one.fix for one in found if re.search(r"\./feee-cancel|\baws [a-z]", one.fix)]
    assert not proposed, "a command is a line of its own"


@pytest.mark.parametrize("name", FAULTS)
def test_a_command_that_fixes_it_is_about_the_stack_that_was_examined(name: str) -> None:
    """On the default stack, set-key would put the key of one shop into another's."""
    fault = FAULTS[name]
    found = there(given=fault.parameters, **fault.changes)
    examined = replace(found, name="desk-3", where=Where("desk-3", "eu-west-1", "it"))
    copied = [line for line in check_up("desk-3", nullcontext(examined), lambda: NOW).words if isinstance(line, Copied)]
    assert copied or not any(one.command for one in examine(examined))
    for line in copied:
        assert "--region eu-west-1 --profile it" in line
        assert "feee-cancel" not in line or "./feee-cancel" in line
        assert "./feee-cancel" not in line or " --stack desk-3 " in line


def test_at_least_25_faults_are_tried() -> None:
    assert len(FAULTS) >= 25


ALL_NEEDS = [*roles.NEEDS.values(), *roles.NEEDS_TO_POST.values()]
ACTIONS = sorted({action for needs in ALL_NEEDS for actions in needs.values() for action in actions})


@pytest.mark.parametrize("action", ACTIONS)
def test_a_permission_that_was_taken_from_a_role_is_found(action: str) -> None:
    found = told(roles.roles_allow_what_their_functions_do(there(refused_actions={action}, outputs=POSTING)))
    assert f"{action} on arn:aws:" in found
    assert "(implicitDeny)" in found
    assert "Put the role's policies back" in found


def test_a_role_is_asked_for_what_its_function_uses_in_this_stack() -> None:
    aws = FakeAws(logging={"api": "the-api-logs"})
    found = deployment("feee-cancel", lambda _: aws, FakeCall())
    found = replace(found, parameters={**found.parameters, "EventBusName": "its-own"})
    assert verdicts(roles.roles_allow_what_their_functions_do(found)) == [Verdict.OK]
    ours = "arn:aws:{}:eu-central-1:123456789012:{}"
    assert ours.format("events", "event-bus/its-own") in aws.simulated
    for group in ("the-api-logs", "/aws/lambda/webhook"):
        assert ours.format("logs", f"log-group:{group}:log-stream:x") in aws.simulated


def test_the_permissions_that_are_looked_for_are_the_templates() -> None:
    """Traces and keys of KMS are optional."""
    roles_of = resources("AWS::IAM::Role").values()
    policies = [one for properties in roles_of for one in properties.get("Policies", [])]
    statements = [one for policy in policies for one in policy["PolicyDocument"]["Statement"]]
    actions = {
        action
        for one in statements
        for action in ([one["Action"]] if isinstance(one["Action"], str) else one["Action"])
        if not action.startswith("xray:")
    }
    assert actions == set(ACTIONS)


@pytest.mark.parametrize(
    ("operation", "code", "verdict", "words"),
    [
        ("describe_table", "ResourceNotFoundException", WRONG, "no longer exists"),
        ("get_queue_attributes", "QueueDoesNotExist", WRONG, "no longer exists"),
        ("invoke", "ResourceNotFoundException", WRONG, "no longer exists"),
        ("invoke", "TooManyRequestsException", WRONG, "throttled"),
        ("invoke", "AccessDeniedException", WARNING, "may read this"),
        ("detect_stack_drift", "AccessDenied", WARNING, "couldn't be looked at"),
        ("query", "ThrottlingException", WARNING, "Health Dashboard"),
        ("get_caller_identity", "ExpiredToken", WRONG, "Sign in again"),
        ("get_secret_value", "ResourceNotFoundException", WRONG, "no longer exists"),
        ("list_subscriptions_by_topic", "NotFound", WRONG, "no longer exists"),
    ],
)
def test_what_aws_refuses_is_told_and_the_rest_goes_on(operation: str, code: str, verdict: Verdict, words: str) -> None:
    found = [*examine(there(errors={operation: code}))]
    bad = [one for one in found if one.verdict is not Verdict.OK]
    assert {one.verdict for one in bad} == {verdict}
    assert words in told(bad)
    assert len({one.check for one in found}) >= len(CHECKS)


def test_what_isnt_seen_beside_the_point_changes_no_verdict() -> None:
    found = there(status="ROLLBACK_FAILED", errors={"describe_stack_events": "AccessDenied"})
    assert verdicts(examine(found)) == [Verdict.OK, Verdict.OK, WRONG]
    found = there(given=VPC, errors={"describe_subnets": "UnauthorizedOperation"}, **_refused(20012))
    assert "says how to find it" in told(feee.feee_io_accepts_the_key(found))


@pytest.mark.parametrize(
    ("account", "words"),
    [
        (_account(address_list=None), "doesn't show whether it has one"),
        (_account(address_list=0), "it has none"),
        (_account(user_agent_list=None), "doesn't show whether it has one"),
        (_account(user_agent_list=0), "it has none"),
        (_account(balance=None), "not shown"),
        (_account(rate_limit=None), "at most 9 times a second"),
        (_account(rate_limit="9"), "9 calls a second; the stack makes at most 9"),
    ],
)
def test_what_feee_io_doesnt_show_is_no_fault(account: dict[str, Any], words: str) -> None:
    found = [*feee.feee_io_accepts_the_key(there(**account))]
    assert verdicts(found) == [Verdict.OK] * 5
    assert words in told(found)
    in_vpc = [*feee.feee_io_accepts_the_key(there(given=VPC, **_account(address_list=2)))]
    assert verdicts(in_vpc) == [Verdict.OK] * 5


def test_the_queues_of_an_outgoing_webhook_are_looked_at_where_there_are_any() -> None:
    assert set(work.QUEUES) == set(KINDS)
    with_them = there(held={"undelivered": 2, "settled": 9}, outputs=POSTING)
    assert verdicts(work.queues_of_failures_are_empty(with_them)) == [Verdict.OK] * 3 + [WRONG, Verdict.OK]


def _members(found: Deployment) -> dict[str, Any]:
    return {name: getattr(found, name) for name in Deployment.__slots__}


def test_an_older_stack_lacks_an_output() -> None:
    found = there()
    older = Deployment(**{**_members(found), "outputs": {"ApiId": "api"}})
    said = told(examine(older))
    assert "wrong: The stack has no output TickName: it isn't this project's, or it is older Deploy it again." in said


def _failing(error: Exception) -> Callable[[], Iterator[Deployment]]:
    def opened() -> Iterator[Deployment]:
        raise error
        yield

    return opened


def _expired(**metadata: Any) -> ClientError:
    error = {"Error": {"Code": "SignatureDoesNotMatch", "Message": "x"}, "ResponseMetadata": metadata}
    return ClientError(error, "DescribeStacks")  # type: ignore[arg-type] # the headers are enough here


LATE = {"HTTPHeaders": {"date": formatdate(NOW - 3_600, usegmt=True)}}


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (NoRegionError(), "Give --region"),
        (NoCredentialsError(), "There are no AWS credentials"),
        (ClientError({"Error": {"Code": "ExpiredToken", "Message": "x"}}, "DescribeStacks"), "Sign in again"),
        (ClientError({"Error": {"Code": "AccessDenied", "Message": "x"}}, "DescribeStacks"), "may read this"),
        (TroubleError("There is no stack 'feee'. Name it with --stack."), "Name it with --stack"),
        (EndpointConnectionError(endpoint_url="https://x"), "couldn't be looked at"),
        (_expired(HTTPHeaders={}), "doesn't accept these credentials"),
        (_expired(**LATE), "3600 s ahead of AWS's"),
        (_expired(HTTPHeaders={"date": formatdate(NOW, usegmt=True)}), "doesn't accept these credentials"),
    ],
)
def test_a_stack_that_cant_be_reached_is_a_finding_and_no_answer(error: Exception, words: str) -> None:
    outcome = check_up("feee-cancel", contextmanager(_failing(error))(), lambda: NOW)
    assert outcome.exit is Exit.TROUBLE
    assert words in outcome.text
    assert all(one["verdict"] == "wrong" and one["fix"] for one in outcome.document["findings"])


def test_an_api_that_cant_be_reached_is_wrong() -> None:
    assert unseen("x", unreachable()).verdict is WRONG


def test_the_exit_status_is_that_of_the_worst_finding() -> None:
    assert check_up("s", nullcontext(there()), lambda: NOW).exit is Exit.DONE
    assert check_up("s", nullcontext(there(unreserved=10)), lambda: NOW).exit is Exit.DONE
    assert check_up("s", nullcontext(there(schedule=None)), lambda: NOW).exit is Exit.NO
    assert check_up("s", nullcontext(there(FakeCall(open_to=("GET /cancellations",)))), lambda: NOW).exit is Exit.NO


def test_what_feee_io_says_moves_no_cursor() -> None:
    outcome = check_up("s", nullcontext(there(**_refused(10001, msg="\x1b[2J\x07"))), lambda: NOW)
    assert "\x1b" not in outcome.text
    assert r"\x1b[2J\x07" in outcome.text
