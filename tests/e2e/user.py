"""A user of the READMEs: a working copy, a terminal, the emulator as AWS account, and a URL that can be called."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import urllib3
from flask import Flask, Response, request

from feee_cancel_client.api import ApiClient
from local.aws import at_emulator
from local.emulator import emulator
from local.errors import surroundings
from local.identity import CREDENTIALS, REGION
from local.simulator.listener import Listener, listening
from local.simulator.server import running
from local.stack import KEY, LocalStack
from tests.e2e.waiting import wait_for
from tests.template import ROOT, default_environment
from tests.terminal import Terminal, terminal

ORDER = "2304170329503866885309"
"""The order of the READMEs' commands."""
TOMORROW = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%dT22:00:00}"


@dataclass
class User:
    """Somebody with a working copy, a terminal, and an AWS account, which the emulator is.

    `fills_in` is all that is typed differently from what the page says, and `called` what came to the user's own URL.
    """

    types: Terminal
    stack: LocalStack
    fills_in: Mapping[str, str]
    called: list[tuple[Mapping[str, str], Any]]

    def follows(self, command: str, answers: Mapping[str, str] | None = None) -> str:
        """Type a command of the page, and see what it prints."""
        for placeholder, own in self.fills_in.items():
            command = command.replace(placeholder, own)
        return self.types(command, answers)

    def has_deployed(self, outputs: Mapping[str, str]) -> None:
        """From now on there is a stack, with these outputs."""
        self.stack.api.close()
        self.stack = replace(self.stack, outputs=outputs, api=ApiClient(outputs["ApiUrl"], CREDENTIALS, REGION))

    def has_in(self, variable: str) -> str:
        return self.types(f'echo "${variable}"')

    def has_an_order(self) -> None:
        """At feee.io there is an order that can be cancelled, and nobody has asked for it."""
        self.stack.simulator.client.create_order(order_no=ORDER, age=600)
        key = {"order_no": {"S": ORDER}}
        self.stack.client("dynamodb").delete_item(TableName=self.stack.outputs["TableName"], Key=key)

    def sees_it_cancelled(self, by: str = "") -> None:
        """Its row says so, and who asked; feee.io cancelled it once."""
        row = wait_for(lambda: self.stack.api.get(ORDER).body, lambda row: row.get("state") == "cancelled")
        assert row["requested_by"].startswith(by)
        assert self.stack.simulator.client.order(ORDER).accepted_cancels == 1

    def secret(self, output: str) -> Any:
        secrets = self.stack.client("secretsmanager")
        return json.loads(secrets.get_secret_value(SecretId=self.stack.outputs[output])["SecretString"])

    def targets(self) -> dict[str, Any]:
        """The rule's targets, by their id."""
        listed = self.stack.client("events").list_targets_by_rule(Rule="order-cancellation-settled")
        return {target["Id"]: target for target in listed["Targets"]}


@contextmanager
def somebody(directory: Path) -> Iterator[User]:
    """A user at the start of the page, with the repository, set up, and credentials; nothing is deployed."""
    folder = working_copy(directory / "feee-cancel")
    with ExitStack() as opened:
        simulator = opened.enter_context(running(key=KEY))
        endpoint = opened.enter_context(emulator(directory))
        cloudformation = opened.enter_context(_telling_where_the_api_is(endpoint))
        called = list[tuple[Mapping[str, str], Any]]()
        wallet = opened.enter_context(_own_url(called))
        environment = users_environment(
            folder / ".tools/aws/bin",
            AWS_ENDPOINT_URL=endpoint,
            AWS_ENDPOINT_URL_CLOUDFORMATION=cloudformation,
            AWS_ACCESS_KEY_ID=CREDENTIALS.access_key,
            AWS_SECRET_ACCESS_KEY=CREDENTIALS.secret_key,
            AWS_DEFAULT_REGION=REGION,
            SAM_CLI_POLL_DELAY="0.2",
        )
        fills_in = {"<your key>": KEY, "2026-12-24T22:00:00": TOMORROW, "https://wallet.example/feee-cancel": wallet}
        client = opened.enter_context(at_emulator(endpoint))
        stack = LocalStack(directory, endpoint, simulator, {}, ApiClient(endpoint, CREDENTIALS, REGION), client)
        user = User(opened.enter_context(terminal(folder, environment)), stack, fills_in, called)
        try:
            yield user
        finally:
            user.stack.api.close()


def users_environment(*on_the_path: Path, **own: str) -> dict[str, str]:
    """What this user's shell has, without what `make test` and the tests add to theirs, or what says what to deploy."""
    added = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "PYTHONPATH", *default_environment()}
    added |= {"STACK", "REGION", "PROFILE", "PARAMETERS"}
    path = ":".join([*map(str, on_the_path), os.environ["PATH"]])
    kept = surroundings(own | {"PATH": path, "SAM_CLI_TELEMETRY": "0"})
    return {name: value for name, value in kept.items() if name not in added}


def working_copy(folder: Path) -> Path:
    """The repository as it is now, set up as it is."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    for name in filter(lambda name: (ROOT / name).is_file(), names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    for name in (".venv", ".tools"):
        (folder / name).symlink_to(ROOT / name)
    return folder


@contextmanager
def _telling_where_the_api_is(endpoint: str) -> Iterator[str]:
    """The emulator's CloudFormation, but for the API's URL, which it tells as on AWS."""
    app, pool = Flask(__name__), urllib3.PoolManager(retries=False, timeout=60)
    there = rf"https://(\w+)\.execute-api\.{REGION}\.amazonaws\.com"
    here = rf"http://\1.execute-api.localhost:{endpoint.rpartition(':')[2]}"

    @app.post("/")
    def cloudformation() -> Response:
        answer = pool.request("POST", endpoint, body=request.get_data(), headers=dict(request.headers))
        return Response(
            re.sub(there, here, answer.data.decode()), answer.status, content_type=answer.headers["Content-Type"]
        )

    listener = Listener(app)
    with pool, listening(listener):
        yield listener.url


@contextmanager
def _own_url(called: list[tuple[Mapping[str, str], Any]]) -> Iterator[str]:
    """A URL of the user's, and what it is called with."""
    app = Flask(__name__)

    @app.post("/feee-cancel")
    def receive() -> Response:
        called.append((dict(request.headers), request.get_json()))
        return Response(status=204)

    listener = Listener(app)
    with listening(listener):
        yield f"{listener.url}/feee-cancel"
