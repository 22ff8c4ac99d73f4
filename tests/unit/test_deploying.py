"""What `make deploy` reads, waits for, clears away, and says when CloudFormation fails."""

import io
import json
import os
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from rich.console import Console

from cli.outcome import Exit, TroubleError
from cli.target import Stack
from cli.text import Copied, Words, fitted
from cli.trouble import said
from cli.where import Where
from deploy import interpreter, key, sam_cli, undeploy
from deploy.__main__ import main, signed_in
from deploy.closing import closing
from deploy.events import Events, first_cause, fix, follow, refused
from deploy.sam_cli import overrides
from deploy.state import OURS, DeployedStack
from deploy.wanted import Wanted, known_parameters, wanted
from local.errors import LocalError
from tests.cli import FakeApi, client_error
from tests.template import TEMPLATE
from tests.unit.conftest import SIGNALS

OUTPUTS = [{"OutputKey": "FeeeKeySecretArn", "OutputValue": "arn:key"}]
ID = "arn:stack"


@dataclass
class FakeCloudFormation:
    """A stack that has these statuses, one after the other; each look is the next, and the last one stays."""

    statuses: list[str | None]
    events: list[dict[str, Any]] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    description: str = OURS
    outputs: list[dict[str, str]] = field(default_factory=lambda: OUTPUTS)
    after_delete: str | None = None
    after_continue: str = "UPDATE_ROLLBACK_COMPLETE"
    protected: bool = False
    with_delete: list[dict[str, Any]] = field(default_factory=list)

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        if status is None:
            raise client_error("ValidationError")
        up = status.endswith("COMPLETE") and status not in {"ROLLBACK_COMPLETE", "DELETE_COMPLETE"}
        outputs = {"Outputs": self.outputs} if up else {}
        stack = {"StackName": "feee-cancel", "StackId": ID, "StackStatus": status, "Description": self.description}
        return {"Stacks": [{**stack, "EnableTerminationProtection": self.protected, **outputs}]}

    def delete_stack(self, **_: str) -> None:
        """AWS: "Stack [...] cannot be deleted while in status UPDATE_IN_PROGRESS", a ValidationError."""
        if (self.statuses[0] or "").endswith("_IN_PROGRESS") or self.protected:
            raise client_error("ValidationError")
        self.done.append("delete")
        self.statuses = [self.after_delete]
        self.events += self.with_delete

    def continue_update_rollback(self, **_: str) -> None:
        self.done.append("continue")
        self.statuses = ["UPDATE_ROLLBACK_IN_PROGRESS", self.after_continue]

    def get_paginator(self, _: str) -> "FakeCloudFormation":
        return self

    def paginate(self, **_: str) -> Iterator[dict[str, Any]]:
        yield {"StackEvents": self.events[::-1]}


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.events._POLL_SECONDS", 0)


def event(status: str, reason: str = "", *, name: str = "Table", kind: str = "AWS::DynamoDB::Table") -> dict[str, Any]:
    return {
        "EventId": f"{name} {status} {reason}",
        "LogicalResourceId": name,
        "ResourceType": kind,
        "ResourceStatus": status,
        "ResourceStatusReason": reason,
    }


def prepared(cloudformation: FakeCloudFormation) -> list[str]:
    said: list[str] = []
    DeployedStack(cloudformation, "feee-cancel", said.append).prepare()
    return said


@pytest.mark.parametrize("status", [None, "CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"])
def test_what_can_be_deployed_to_is_left_as_it_is(status: str | None) -> None:
    cloudformation = FakeCloudFormation([status])
    assert (prepared(cloudformation), cloudformation.done) == ([], [])


def test_a_deployment_that_never_began_is_gone_on_with() -> None:
    cloudformation = FakeCloudFormation(["REVIEW_IN_PROGRESS"])
    assert "interrupted before it began" in prepared(cloudformation)[0]
    assert cloudformation.done == []


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"])
def test_what_is_left_of_a_failed_deployment_is_removed_first(status: str) -> None:
    cloudformation = FakeCloudFormation([status])
    assert f"({status})" in prepared(cloudformation)[0]
    assert cloudformation.done == ["delete"]


@pytest.mark.parametrize("end", ["CREATE_COMPLETE", "ROLLBACK_COMPLETE"])
def test_what_goes_on_is_waited_for(end: str) -> None:
    cloudformation = FakeCloudFormation([*["CREATE_IN_PROGRESS"] * 4, end])
    assert "is at work on this stack (CREATE_IN_PROGRESS)" in prepared(cloudformation)[0]
    assert cloudformation.done == (["delete"] if end == "ROLLBACK_COMPLETE" else [])


def test_an_update_that_could_not_go_back_is_helped() -> None:
    cloudformation = FakeCloudFormation(["UPDATE_ROLLBACK_FAILED"])
    prepared(cloudformation)
    assert cloudformation.done == ["continue"]


def test_an_update_that_cannot_go_back_either_is_awss_to_help() -> None:
    cloudformation = FakeCloudFormation(["UPDATE_ROLLBACK_FAILED"], after_continue="UPDATE_ROLLBACK_FAILED")
    with pytest.raises(TroubleError, match="The stack is UPDATE_ROLLBACK_FAILED") as trouble:
        prepared(cloudformation)
    assert said(trouble.value).splitlines()[1].startswith("AWS needs help: https://")


@pytest.mark.parametrize(
    "there",
    [
        FakeCloudFormation(["CREATE_COMPLETE"], outputs=[{"OutputKey": "Site", "OutputValue": "x"}]),
        FakeCloudFormation(["ROLLBACK_COMPLETE"], description="Somebody else's"),
        FakeCloudFormation(["DELETE_FAILED"], description="Somebody else's"),
    ],
)
def test_a_stack_of_somebody_else_is_left_alone(there: FakeCloudFormation) -> None:
    with pytest.raises(TroubleError, match="isn't this project's"):
        prepared(there)
    assert there.done == []


def test_a_stack_that_cannot_be_removed_says_why() -> None:
    cloudformation = FakeCloudFormation(["ROLLBACK_COMPLETE"], after_delete="DELETE_FAILED")
    with pytest.raises(TroubleError, match=r"isn't removed \(DELETE_FAILED\)") as trouble:
        prepared(cloudformation)
    assert said(trouble.value).splitlines()[1:] == ["AWS gives no reason."]


def test_a_stack_that_is_protected_stays_and_the_words_say_how_that_ends() -> None:
    """Protect CloudFormation stacks from being deleted: the deletion fails, and the stack remains unchanged."""
    cloudformation = FakeCloudFormation(["ROLLBACK_COMPLETE"], protected=True)
    where = Where("feee-cancel", "eu-west-1", "it")
    with pytest.raises(TroubleError) as trouble:
        DeployedStack(cloudformation, "feee-cancel", list[Words]().append, where).prepare()
    command = trouble.value.words[-1]
    assert isinstance(command, Copied), "broken, it is another command"
    assert command.endswith("--stack-name feee-cancel --region eu-west-1 --profile it"), (
        "another region has such a stack"
    )
    assert "--no-enable-termination-protection" in command


def test_a_line_end_in_awss_words_is_none_of_ours() -> None:
    cloudformation = FakeCloudFormation(["ROLLBACK_COMPLETE"], after_delete="DELETE_FAILED")
    forged = event("DELETE_FAILED", "no\nThe stack is deployed.\r\x1b[2J")
    cloudformation.with_delete = [forged]
    with pytest.raises(TroubleError) as trouble:
        prepared(cloudformation)
    assert said(trouble.value).splitlines()[1:] == [
        r"Table (AWS::DynamoDB::Table) failed: no\nThe stack is deployed.\r\x1b[2J"
    ]


def test_events_of_before_are_not_told_again() -> None:
    cloudformation = FakeCloudFormation(["CREATE_COMPLETE"], events=[event("CREATE_COMPLETE")])
    events, said = Events(cloudformation, ID), list[str]()
    cloudformation.events += [event("UPDATE_IN_PROGRESS"), event("UPDATE_COMPLETE"), event("UPDATE_FAILED", "no")]
    cloudformation.events += [event("UPDATE_ROLLBACK_IN_PROGRESS")]
    assert len(follow(events, lambda: True, said.append)) == 4
    assert said == ["    updated: Table", "    update failed: Table", "    update rollback in progress: Table"]
    assert follow(events, lambda: True, said.append) == []


def test_events_are_looked_for_until_it_is_over_with_a_rest_between() -> None:
    ends, rests = iter([False, False, True]), list[float]()
    assert follow(Events(FakeCloudFormation(["x"]), ID), lambda: next(ends), print, rests.append) == []
    assert len(rests) == 2


@pytest.mark.parametrize("code", ["ValidationError", "AccessDenied"])
def test_a_stack_that_is_not_there_yet_has_no_events_and_other_trouble_is_told(code: str) -> None:
    class Refusing(FakeCloudFormation):
        def paginate(self, **_: str) -> Iterator[dict[str, Any]]:
            raise client_error(code)

    there = nullcontext() if code == "ValidationError" else pytest.raises(ClientError, match="AccessDenied")
    with there:
        assert Events(Refusing(["x"]), "feee-cancel").new() == []


def test_the_first_cause_is_named_and_not_what_follows_from_it() -> None:
    told = [
        event("CREATE_IN_PROGRESS"),
        event("CREATE_FAILED", "Resource creation cancelled", name="Queue"),
        event("CREATE_FAILED", "User: arn:... is not authorized to perform: lambda:CreateFunction", name="Api"),
        event("CREATE_FAILED", "Other", name="Later"),
        event("ROLLBACK_IN_PROGRESS", "failed to create: [Api]", name="feee-cancel", kind="AWS::CloudFormation::Stack"),
    ]
    cause, fixed = first_cause(told)
    assert cause.startswith("Api (AWS::DynamoDB::Table) failed: User: arn:... is not authorized")
    assert "lack the permission" in fixed
    assert first_cause(told[:2]) == []
    assert first_cause([event("UPDATE_FAILED", "Export in use", kind="AWS::CloudFormation::Stack")]) == []


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("CloudWatch Logs role ARN must be set in account settings to enable logging", "CreateApiGatewayLogRole=true"),
        ("The role defined for the function cannot be assumed by Lambda.", "Run it again"),
        ("feee-cancel-api already exists in stack", "STACK="),
        ("Rate exceeded", "Run it again"),
        ("The security group 'sg-1' does not exist", "SecurityGroupIds"),
        ("The provided execution role does not have permissions to call CreateNetworkInterface on EC2", "Run it again"),
        ("The provided execution role does not have permissions to call SendMessage on SQS", "Run it again"),
        ("The role ARN does not have required permissions set to API Gateway", "Run it again"),
        ("The execution role you provide must allow AWS EventBridge Scheduler to assume the role.", "Run it again"),
        (
            "Cannot access stream x. Please ensure the role can perform the GetRecords and ListStreams Actions in IAM.",
            "Run it again",
        ),
        ("Something nobody has seen", ""),
    ],
)
def test_a_cause_comes_with_what_fixes_it(reason: str, words: str) -> None:
    assert words in fix(reason)
    assert bool(fix(reason)) == bool(words)


class FakeChangeSets:
    """A stack with two change sets; the newer one was refused before it began, if AWS lets anybody ask about it."""

    def __init__(self, events: list[dict[str, str]] | None, made: tuple[int, ...] = (1, 2)) -> None:
        self._events, self._made = events, made

    def get_paginator(self, operation: str) -> Any:
        return type("Paginator", (), {"paginate": staticmethod(getattr(self, operation))})

    def list_change_sets(self, **_: str) -> list[dict[str, Any]]:
        made = [{"ChangeSetId": f"arn:{when}", "CreationTime": when} for when in self._made]
        return [{"Summaries": made}]

    def describe_stack_events(self, **_: str) -> list[dict[str, Any]]:
        return [{"StackEvents": []}]

    def describe_events(self, *, ChangeSetName: str, Filters: dict[str, bool]) -> list[dict[str, Any]]:  # noqa: N803 - boto3's names
        assert (ChangeSetName, Filters) == ("arn:2", {"FailedEvents": True})
        if self._events is None:
            raise client_error("AccessDenied")
        return [{"OperationEvents": self._events}]


def test_what_is_refused_before_it_begins_is_told_by_resource() -> None:
    """Validate stack deployments; aws-sam-cli#9154: SAM repeats only that there was something."""
    reason = "Resource of type 'AWS::CloudWatch::Alarm' with identifier 'feee-cancel-drain-late' already exists."
    events = [{"LogicalResourceId": "DrainLateAlarm", "ValidationStatusReason": reason}, {"EventType": "STACK_EVENT"}]
    told, fixed = refused(FakeChangeSets(events), "feee-cancel")
    assert told == f"DrainLateAlarm: {reason}"
    assert "choose another STACK=" in fixed
    assert refused(FakeChangeSets([]), "feee-cancel") == []
    assert refused(FakeChangeSets(None), "feee-cancel") == []
    assert refused(FakeChangeSets([], made=()), "feee-cancel") == []


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with nothing in it but what a test makes SAM CLI."""
    for name, value in {"ROOT": tmp_path, "LOG": tmp_path / "deploy.log", "SAM": tmp_path / "sam"}.items():
        monkeypatch.setattr(sam_cli, name, value)
    return tmp_path


def sam_deploys(here: Path, script: str, cloudformation: Any) -> None:
    (here / "sam").write_text(f"#!/bin/sh\n{script}\n")
    (here / "sam").chmod(0o755)
    asked = Wanted("desk-3", None, "p", {"ApiRateLimit": "3"})
    sam_cli.deploy(asked, here / "template.yaml", "eu-west-1", cloudformation, print)


def test_sam_is_asked_no_question_and_told_where(here: Path) -> None:
    sam_deploys(here, 'printf "%s\\n" "$SAM_CLI_TELEMETRY" "$@"', FakeCloudFormation(["x"]))
    telemetry, *said = (here / "deploy.log").read_text().splitlines()
    asked = " ".join(said)
    assert telemetry == "0"
    assert "--stack-name desk-3 --region eu-west-1 --profile p --no-confirm-changeset" in asked
    assert asked.endswith('--parameter-overrides ApiRateLimit="3"')


@pytest.mark.parametrize(
    ("script", "cause"),
    [
        ("echo begins; echo 'Error: Rate exceeded'; exit 1", ["Rate exceeded", "AWS limited the rate of requests."]),
        ("echo 'no way'; exit 3", ["no way"]),
        ("echo EarlyValidation; exit 1", ["Topic: already exists", "Something of this name is there"]),
    ],
)
def test_where_sam_fails_the_cause_is_said_and_where_the_rest_is(here: Path, script: str, cause: list[str]) -> None:
    events = [{"LogicalResourceId": "Topic", "ValidationStatusReason": "already exists"}]
    with pytest.raises(TroubleError) as trouble:
        sam_deploys(here, script, FakeChangeSets(events))
    first, *found, last = said(trouble.value).splitlines()
    assert (first, last) == ("The deployment failed. The cause:", "All that was said: deploy.log")
    assert [line.startswith(words) for line, words in zip(found, cause, strict=True)] == [True] * len(cause)


class ClosedTerminal(FakeCloudFormation):
    """As soon as SAM CLI runs, whoever started the deployment is sent this signal."""

    def __init__(self, number: signal.Signals, runs: Path) -> None:
        super().__init__(["CREATE_IN_PROGRESS"])
        self._number, self._runs = number, runs

    def paginate(self, **_: str) -> Iterator[dict[str, Any]]:
        if self._runs.exists():
            signal.raise_signal(self._number)
        yield {"StackEvents": []}


@pytest.mark.usefixtures("signals_as_before")
@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_sam_cli_too_and_nothing_of_it_is_left(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: signal.Signals
) -> None:
    """Such as that of a terminal that is closed, or of a CI job that is cancelled."""
    for one in SIGNALS:
        signal.signal(one, signal.SIG_DFL)
    temporary, runs = here / "tmp", here / "runs"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    script = f"trap 'rm {runs}; exit' TERM; touch $TMPDIR/archive {runs}; while :; do sleep 0.1; done"
    status = main(lambda *_: sam_deploys(here, script, ClosedTerminal(number, runs)))
    assert status is Exit.INTERRUPTED
    assert "What CloudFormation has begun goes on by itself" in capsys.readouterr().err
    assert (list(temporary.iterdir()), runs.exists()) == ([], False)


def test_what_is_wanted_has_defaults() -> None:
    assert wanted({}) == Wanted("feee-cancel", None, None, {})
    given = {
        "STACK": "desk-3",
        "REGION": "eu-west-1",
        "PROFILE": "p",
        "PARAMETERS": "ApiRateLimit=3 FeeeUserAgent='a b=c'",
    }
    asked = wanted(given)
    assert asked.parameters == {"ApiRateLimit": "3", "FeeeUserAgent": "a b=c"}
    assert asked.options == ["--stack", "desk-3", "--region", "eu-west-1", "--profile", "p"]


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"STACK": "3desk"}, "begins with a letter"),
        ({"STACK": "a;b"}, "begins with a letter"),
        ({"PARAMETERS": "ApiRateLimi=3"}, "Is ApiRateLimit meant?"),
        ({"PARAMETERS": "ApiRateLimit 3"}, "has no ="),
        ({"PARAMETERS": "FeeeUserAgent='a"}, "can't be read"),
        ({"PARAMETERS": "Tuning=MarginSeconds=999"}, "from 0 to 300"),
    ],
)
def test_what_cannot_be_wanted_is_said(variables: dict[str, str], words: str) -> None:
    with pytest.raises(TroubleError, match=words.replace("?", r"\?")):
        wanted(variables)


def test_a_value_where_none_belongs_is_not_repeated() -> None:
    for words in ("SECRET-KEY-1234", "Key=SECRET-KEY-1234", "SECRET-KEY-123==", "SECRET=x"):
        with pytest.raises(TroubleError) as trouble:
            wanted({"PARAMETERS": words})
        assert "SECRET" not in str(trouble.value)


def test_every_parameter_of_the_template_is_known() -> None:
    assert known_parameters() == list(TEMPLATE["Parameters"])
    assert TEMPLATE["Description"] == OURS


def test_values_reach_sam_as_they_are() -> None:
    assert overrides({}) == []
    assert overrides({"A": 'say "x\\"'}) == ["--parameter-overrides", 'A="say \\"x\\\\\\""']


class FakeSession:
    """A boto3 session with credentials of this kind."""

    region_name = "eu-west-1"

    def __init__(self, method: str, token: str | None) -> None:
        self._credentials = type("Credentials", (), {"method": method, "token": token})

    def get_credentials(self) -> Any:
        return self._credentials


USER_AGENT = str(TEMPLATE["Parameters"]["FeeeUserAgent"]["Default"])


def test_the_call_at_the_end_suits_the_credentials_and_can_be_copied() -> None:
    def words(*given: Any) -> str:
        lines = closing(*given)
        (user_agent,) = [line for line in lines if not isinstance(line, Copied)]
        assert fitted(user_agent, 80) == [f"    {USER_AGENT}"], "in one piece"
        return "\n".join(lines)

    outputs, parameters, url = {"ApiArn": "arn:api"}, {"FeeeUserAgent": USER_AGENT}, "https://x/v1"
    plain = words(Wanted("feee-cancel", None, None, {}), url, outputs, parameters, FakeSession("env", None))
    assert "export-credentials" not in plain
    assert "x-amz-security-token" not in plain
    asked = Wanted("desk-3", "eu-west-1", "p", {})
    sso = words(asked, url, outputs, parameters, FakeSession("sso", "token"))
    assert "export-credentials --format env --profile p" in sso
    assert "x-amz-security-token: $AWS_SESSION_TOKEN" in sso
    assert "aws:amz:eu-west-1:execute-api" in sso
    assert "make undeploy STACK=desk-3 REGION=eu-west-1 PROFILE=p" in sso
    assert "make undeploy removes it" in plain
    assert USER_AGENT in sso


def test_a_command_is_quoted_and_what_others_wrote_is_wrapped() -> None:
    """Whoever deployed the stack chose its outputs and its User-Agent; a line to be copied isn't wrapped."""
    forged = "x" * 20 + " " * 60 + "ok  $(rm x) it's all done"
    asked = Wanted("desk-3", None, "a b; rm $x", {})
    outputs, parameters = {"ApiArn": f"arn:{forged}"}, {"FeeeUserAgent": forged}
    lines = closing(asked, f"https://{forged}", outputs, parameters, FakeSession("sso", None))
    copied = [line for line in lines if isinstance(line, Copied)]
    assert not [line for line in copied if "rm x" in line]
    assert shlex.quote(f"https://{forged}/cancellations") in "\n".join(lines)
    commands = [shlex.split(line) for line in copied if "./feee-cancel" in line and "'" in line]
    assert [words[-1] for words in commands] == ["a b; rm $x"] * 3
    assert "  eval \"$(aws configure export-credentials --format env --profile 'a b; rm $x')\"" in copied
    assert any("make undeploy STACK=desk-3 'PROFILE=a b; rm $$x' removes it" in line for line in copied)


@dataclass
class FakeSecrets:
    key: str = ""

    def get_secret_value(self, **_: str) -> dict[str, str]:
        return {"SecretString": json.dumps({"key": self.key})}


LATER = ["The stack has no key of feee.io yet. Set it: ./feee-cancel set-key --stack desk-3"]


def key_asked_for(secrets: FakeSecrets, profile: str | None = None) -> list[Words]:
    said: list[Words] = []
    reached = Stack({"FeeeKeySecretArn": "arn"}, FakeApi([]), lambda _: secrets)
    key.ask_for_the_key(Wanted("desk-3", None, profile, {}), reached, said.append)
    return said


def test_without_a_terminal_nobody_is_asked_for_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    assert key_asked_for(FakeSecrets()) == [LATER]
    assert key_asked_for(FakeSecrets(), "a b") == [[f"{LATER[0]} --profile 'a b'"]]


def test_a_stack_that_has_a_key_is_asked_for_none() -> None:
    assert key_asked_for(FakeSecrets("a-good-key")) == []


@pytest.mark.parametrize(
    ("ends", "later"),
    [
        ([Exit.DONE], False),
        ([Exit.USAGE, Exit.USAGE, Exit.DONE], False),
        ([Exit.USAGE] * 3, True),
        ([Exit.TROUBLE], True),
        ([Exit.INTERRUPTED], True),
    ],
)
def test_at_a_terminal_the_key_is_asked_for_three_times_at_most(
    ends: list[Exit], monkeypatch: pytest.MonkeyPatch, *, later: bool
) -> None:
    left, asked = ends.copy(), list[Any]()

    def run(command: list[Any], **_: Any) -> Any:
        asked.append(command[1:])
        return subprocess.CompletedProcess(command, left.pop(0))

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("deploy.key.subprocess.run", run)
    _, *rest = key_asked_for(FakeSecrets())
    assert (left, rest) == ([], [LATER] if later else [])
    assert asked == [["set-key", "--stack", "desk-3"]] * len(ends)


def test_undeploy_needs_somebody_who_says_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    monkeypatch.delenv("YES", raising=False)
    with pytest.raises(TroubleError, match="YES=1"):
        undeploy._agreed("Remove?")
    monkeypatch.setenv("YES", "1")
    assert undeploy._agreed("Remove?")
    for value in ("0", "no", "false"):
        monkeypatch.setenv("YES", value)
        with pytest.raises(TroubleError, match="Nothing was changed"):
            undeploy._agreed("Remove?")


@pytest.mark.parametrize(("typed", "agreed"), [("", False), ("n\n", False), ("y\n", True), ("yes\n", True)])
def test_undeploys_question_may_be_left_with_ctrl_d(
    typed: str, monkeypatch: pytest.MonkeyPatch, *, agreed: bool
) -> None:
    monkeypatch.delenv("YES", raising=False)
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    assert undeploy._agreed("Remove?") is agreed


class FakeAccount:
    """A boto3 session whose clients are this one, or the CloudFormation given; `resources` are those listed."""

    region_name = "eu-west-1"

    def __init__(
        self,
        resources: list[dict[str, str]],
        cloudformation: FakeCloudFormation | None = None,
        counts: tuple[int, ...] = (3_000, 1),
    ) -> None:
        self._resources = resources
        self._cloudformation = cloudformation
        self._counts = counts

    def client(self, service: str) -> Any:
        return self._cloudformation if service == "cloudformation" and self._cloudformation else self

    def get_paginator(self, _: str) -> "FakeAccount":
        return self

    def paginate(self, *, StackName: str = "", TableName: str = "", **_: Any) -> Iterator[dict[str, Any]]:  # noqa: N803 - boto3's names
        if StackName:
            yield {"StackResourceSummaries": self._resources}
        elif TableName != "there":
            raise client_error("ResourceNotFoundException")
        else:
            yield from ({"Count": count} for count in self._counts)

    def describe_table(self, *, TableName: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        if TableName != "there":
            raise client_error("ResourceNotFoundException")
        return {"Table": {"TableSizeBytes": 1_000_000_000, "ItemCount": 2}}


def resource(kind: str, status: str, physical: str | None = "there") -> dict[str, str]:
    named = {} if physical is None else {"PhysicalResourceId": physical}
    return {"ResourceType": kind, "ResourceStatus": status, **named}


def test_undeploy_says_what_stays_of_a_stack_that_is_up() -> None:
    """DynamoDB counts by pages of 1 MB."""
    held = [
        resource("AWS::DynamoDB::Table", "UPDATE_COMPLETE"),
        resource("AWS::SecretsManager::Secret", "CREATE_COMPLETE"),
    ]
    said = "\n".join(undeploy._says(FakeAccount(held), "feee-cancel"))
    assert "9003 cancellations aren't settled yet" in said
    assert "table there: 2 cancellations, 1.000 GB, $0.45 a month" in said
    assert "secret there: $0.40 a month" in said


@pytest.mark.parametrize(
    "table",
    [
        resource("AWS::DynamoDB::Table", "DELETE_COMPLETE", "gone"),
        resource("AWS::DynamoDB::Table", "CREATE_FAILED", "never"),
        resource("AWS::DynamoDB::Table", "CREATE_FAILED", None),
        resource("AWS::DynamoDB::Table", "CREATE_COMPLETE", "deleted by hand"),
    ],
)
def test_undeploy_removes_what_is_left_of_a_stack_without_its_table(table: dict[str, str]) -> None:
    """ListStackResources lists resources that a rollback, or somebody by hand, has deleted, too."""
    assert "no table and no secret" in "\n".join(undeploy._says(FakeAccount([table]), "feee-cancel"))


def test_a_table_without_cancellations_under_way_is_no_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    account = FakeAccount([resource("AWS::DynamoDB::Table", "CREATE_COMPLETE")], counts=(0,))
    said = [*undeploy._says(account, "feee-cancel")]
    assert said[0] == "These stay:"


def test_a_table_that_may_not_be_looked_at_isnt_taken_for_one_that_is_gone() -> None:
    class Denied(FakeAccount):
        def describe_table(self, *, TableName: str) -> dict[str, Any]:  # noqa: N803 - boto3's name
            raise client_error("AccessDeniedException")

    with pytest.raises(ClientError, match="AccessDenied"):
        [*undeploy._says(Denied([resource("AWS::DynamoDB::Table", "CREATE_COMPLETE")]), "feee-cancel")]


def test_undeploy_waits_until_cloudformation_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """CloudFormation deletes no stack that it is updating."""
    cloudformation = FakeCloudFormation([*["UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"] * 4, "UPDATE_COMPLETE"])
    monkeypatch.setattr(undeploy, "signed_in", lambda *_: FakeAccount([], cloudformation))
    monkeypatch.setattr(undeploy, "_says", lambda *_: iter(()))
    monkeypatch.setenv("YES", "1")
    undeploy.undeploy(Wanted("feee-cancel", None, None, {}), Console(quiet=True))
    assert cloudformation.done == ["delete"]


@pytest.mark.parametrize("end", [None, "DELETE_COMPLETE"])
def test_undeploy_has_nothing_to_do_once_another_has_removed_the_stack(
    end: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """CloudFormation lists no resources of a stack that is gone, by its name."""
    cloudformation = FakeCloudFormation([*["DELETE_IN_PROGRESS"] * 4, end])
    monkeypatch.setattr(undeploy, "signed_in", lambda *_: FakeAccount([], cloudformation))
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    undeploy.undeploy(Wanted("feee-cancel", None, None, {}), Console())
    assert "There is no stack feee-cancel in eu-west-1. There is nothing to remove." in capsys.readouterr().out
    assert cloudformation.done == []


def test_undeploy_leaves_a_stack_of_somebody_else_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = FakeCloudFormation(["CREATE_COMPLETE"], outputs=[{"OutputKey": "Site", "OutputValue": "x"}])
    monkeypatch.setattr(undeploy, "signed_in", lambda *_: FakeAccount([], theirs))
    monkeypatch.setenv("YES", "1")
    with pytest.raises(TroubleError, match=r"isn't this project's\. Nothing was changed"):
        undeploy.undeploy(Wanted("feee-cancel", None, None, {}), Console(quiet=True))
    assert theirs.done == []


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (TroubleError("No."), Exit.TROUBLE, "No."),
        (TroubleError(["No.", "It can't."]), Exit.TROUBLE, "\nNo.\nIt can't.\n"),
        (LocalError("sam build failed:\nno network"), Exit.TROUBLE, "\nsam build failed:\nno network\n"),
        (client_error("ExpiredToken"), Exit.TROUBLE, "have expired"),
        (PermissionError(13, "Permission denied"), Exit.TROUBLE, "Something unexpected: PermissionError"),
        (KeyboardInterrupt(), Exit.INTERRUPTED, "goes on from there"),
    ],
)
def test_trouble_is_words_and_a_status_line_by_line(
    error: BaseException, status: Exit, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def do(*_: object) -> None:
        raise error

    assert main(do) is status
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("found", "fetched", "asked", "said"),
    [
        (True, False, 0, []),
        (False, True, 1, ["fetching one"]),
        (False, False, 1, ["fetching one", "None could be fetched"]),
    ],
)
def test_a_python_for_the_bytecode_is_fetched_if_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, found: bool, fetched: bool, asked: int, said: list[str]
) -> None:
    (tmp_path / "uv").write_text(f'#!/bin/sh\necho "$UV_PYTHON_INSTALL_DIR $@" >> {tmp_path}/asked\n'
                                 + f"touch {tmp_path}/there\n" * fetched)  # fmt: skip
    (tmp_path / "script").write_text(f"#!/bin/sh\ntest -e {tmp_path}/there && echo python || echo warning: none\n")
    for name in ("uv", "script"):
        (tmp_path / name).chmod(0o755)
    if found:
        (tmp_path / "there").touch()
    for name, value in {"_SCRIPT": "script", "_UV": "uv", "_PYTHONS": "pythons"}.items():
        monkeypatch.setattr(interpreter, name, tmp_path / value)
    told: list[str] = []
    interpreter.have_python(told.append)
    assert [words in line for words, line in zip(said, told, strict=True)] == [True] * len(said)
    calls = (tmp_path / "asked").read_text().splitlines() if asked else []
    assert calls == [f"{tmp_path / 'pythons'} python install --quiet --no-bin 3.13"] * asked
    assert (tmp_path / "asked").exists() is bool(asked)


KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        (
            {"AWS_WEB_IDENTITY_TOKEN_FILE": "/nonexistent/token", "AWS_ROLE_ARN": "arn:aws:iam::1:role/x"},
            "can't be obtained",
        ),
        (KEYS | {"AWS_ENDPOINT_URL": "localhost:4566"}, "is no address"),
        (KEYS | {"AWS_ENDPOINT_URL": "http://h:port"}, "is no address"),
        (KEYS | {"AWS_REGION": "us east 1"}, "Give a region"),
    ],
)
def test_a_deployment_says_what_is_wrong_with_aws_settings_as_the_commands_do(
    variables: dict[str, str], words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    for name, value in {"AWS_DEFAULT_REGION": "us-east-1", **variables}.items():
        monkeypatch.setenv(name, value)
    assert main(lambda asked, _: signed_in(asked, print)) is Exit.TROUBLE
    said = capsys.readouterr().err
    assert words in said
    assert "unexpected" not in said
