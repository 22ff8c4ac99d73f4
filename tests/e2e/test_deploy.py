"""`make deploy` and `make undeploy`, typed in a terminal, with the emulator as the AWS account."""

import os
import re
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from local.stack import KEY
from tests.e2e.curls import row_of_the_users
from tests.e2e.user import ORDER, User, somebody
from tests.e2e.waiting import wait_for

STACK = "feee-cancel"


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[User]:
    with somebody(tmp_path_factory.mktemp("user")) as found:
        yield found


def outputs(user: User) -> dict[str, str]:
    (stack,) = user.stack.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


@pytest.mark.long
def test_it_goes_on_where_it_was_interrupted(user: User, tmp_path: Path) -> None:
    """Ctrl-C before the stack's creation began, or during it; without a terminal nobody is asked for the key."""
    parameters = f"STACK=interrupted PARAMETERS=FeeeBaseUrl={user.stack.simulator.url}"
    process = tmp_path / "process"
    with ThreadPoolExecutor(1) as another:
        interrupted = another.submit(interrupt, user, process)
        user.types(
            f"""! bash -c 'echo $$ >"{process}"; exec timeout --foreground -s INT 3600 make deploy {parameters}'"""
        )
    interrupted.result()
    seen = user.types(f"make deploy {parameters} </dev/null")
    assert "./feee-cancel set-key --stack interrupted" in seen
    assert "The API is at " in seen
    user.types("YES=1 make undeploy STACK=interrupted")


def interrupt(user: User, process: Path) -> None:
    """Let the time of `timeout` be up as soon as CloudFormation has the stack, which is nearly always under review."""

    def status() -> str:
        try:
            (stack,) = user.stack.client("cloudformation").describe_stacks(StackName="interrupted")["Stacks"]
        except ClientError as error:
            return str(error)
        return str(stack["StackStatus"])

    wait_for(status, lambda status: "IN_PROGRESS" in status, seconds=900, interval=0.1)  # it builds first
    os.kill(int(process.read_text()), signal.SIGALRM)


def written_by(user: User) -> str:
    """What the deployment left in the working copy."""
    files = Path(user.types("pwd"), ".local").rglob("*.log")
    return "".join(path.read_text(errors="replace") for path in files)


def test_from_a_clone_to_a_cancellation_and_back(user: User) -> None:
    seen = user.types(f"make deploy PARAMETERS=FeeeBaseUrl={user.stack.simulator.url}", {"feee.io's key": KEY})
    assert "created: CancellationTable" in seen
    assert KEY not in seen + written_by(user)
    there = outputs(user)
    (url,) = re.findall(r"The API is at (\S+)", seen)
    user.has_deployed({**there, "ApiUrl": url})
    assert user.secret("FeeeKeySecretArn") == {"key": KEY}

    (curl,) = re.findall(r"^  (curl (?:.*\\\n)*.*)$", seen, re.MULTILINE)
    answer = row_of_the_users(user, lambda: user.types(curl.replace("2304170329503866885309", ORDER)))
    assert (answer["order_no"], answer["state"]) == (ORDER, "cancelled")

    again = user.types("make deploy")
    assert "feee.io's key (" not in again, "it has one"
    assert outputs(user) == there

    assert "Nothing was changed." in user.types("make undeploy", {"Remove stack": "n"})
    gone = user.types("make undeploy", {"Remove stack": "y"})
    assert f"table {there['TableName']}: 1 cancellations" in gone
    assert gone.count("$0.40 a month") == 2
    assert user.secret("FeeeKeySecretArn") == {"key": KEY}, "it stays"
    assert f"There is no stack {STACK}" in user.types("make undeploy")
