"""The real template on this machine: the AWS emulator, the feee.io simulator, and the stack deployed by SAM CLI."""

import json
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from feee_cancel.adapters.tuning import BACKOFFS, OTHERS, POLICY
from feee_cancel_client.api import ApiClient
from feee_cancel_client.aws import Clients
from local import gateway_gaps, rules
from local.aws import at_emulator
from local.build import ROOT, SAM, build
from local.built_template import built_template
from local.emulator import emulator, kill_function
from local.errors import LocalError, run
from local.identity import CREDENTIALS, REGION, STACK
from local.rules.transformed import of_type, transformed
from local.signing import SECRET
from local.simulator.server import RunningSimulator, running

__all__ = ["KEY", "STACK", "LocalStack", "local_stack", "step"]

KEY = f"local-key-{secrets.token_hex(16)}"
"""The key of this process's own simulator, set in the stack's secret as a user would set feee.io's."""

_PARAMETERS = {
    "ApiRateLimit": "1000",
    "LogRetentionDays": "1",
    "Dashboard": "true",
}


@dataclass(frozen=True, slots=True)
class LocalStack:
    """The deployed stack and what it stands on."""

    directory: Path
    endpoint: str
    simulator: RunningSimulator
    outputs: Mapping[str, str]
    api: ApiClient
    client: Clients

    def kill(self, function: str) -> None:
        """Kill the processes of this function, as if its environment had crashed."""
        kill_function(self.directory, function)

    def update(self, **parameters: str) -> "LocalStack":
        """Deploy again, with these parameters besides those of a local run."""
        outputs = _deploy(build(), self.endpoint, self.client, {"FeeeBaseUrl": self.simulator.url} | parameters)
        return replace(self, outputs=outputs)

    def set_key(self, key: str) -> None:
        """Set feee.io's key in the stack's secret."""
        _set_secret(self.client, self.outputs["FeeeKeySecretArn"], {"key": key})


@contextmanager
def local_stack(console: Console, *, port: int = 0, **parameters: str) -> Iterator[LocalStack]:
    """Build, start and deploy, with progress on `console`; at the end nothing is left running. Raises LocalError.

    `port` is the emulator's, if that is free; `parameters` are the template's, besides those of a local run, and the
    parts of its Tuning by their own names.
    """
    with ExitStack() as opened:
        work = ROOT / ".local"
        work.mkdir(exist_ok=True)
        directory = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="run-", dir=work)))
        with step(console, "Building the functions and layers (sam build)"):
            template = build()
        with step(console, "Starting the feee.io simulator and the AWS emulator"):
            simulator = opened.enter_context(running(key=KEY))
            endpoint = opened.enter_context(emulator(directory, port=port))
            client = opened.enter_context(at_emulator(endpoint))
        with step(console, "Deploying template.yaml to the emulator (sam deploy)"):
            outputs = _deploy(template, endpoint, client, {"FeeeBaseUrl": simulator.url} | parameters)
        _set_secret(client, outputs["WebhookSecretArn"], {"secrets": [SECRET]})
        host = f"{outputs['ApiId']}.execute-api.localhost:{endpoint.rpartition(':')[2]}"
        api = opened.enter_context(ApiClient(f"http://{host}/v1", CREDENTIALS, REGION))
        stack = LocalStack(directory, endpoint, simulator, outputs, api, client)
        stack.set_key(KEY)
        yield stack


@contextmanager
def step(console: Console, title: str) -> Iterator[None]:
    """Show that something is going on, and that it went well."""
    with console.status(f"{title} ..."):
        yield
    console.print(f"[green]ok[/]  {title}", highlight=False)


def _set_secret(client: Clients, secret: str, document: Mapping[str, object]) -> None:
    client("secretsmanager").put_secret_value(SecretId=secret, SecretString=json.dumps(document))


def _gathered(parameters: Mapping[str, str]) -> dict[str, str]:
    """The template's parameters, with the parts of Tuning put together."""
    tuned = {name: value for name, value in parameters.items() if name in {*POLICY, *OTHERS, *BACKOFFS}}
    kept = {name: value for name, value in parameters.items() if name not in tuned}
    return kept | ({"Tuning": ",".join(f"{name}={value}" for name, value in tuned.items())} if tuned else {})


def _deploy(template: Path, endpoint: str, client: Clients, parameters: Mapping[str, str]) -> dict[str, str]:
    """Deploy, unless AWS would refuse it. Raises LocalError."""
    source = built_template(template.parent)
    deployed = transformed(source)
    if faults := rules.faults(deployed):
        raise LocalError("\n".join(["AWS wouldn't accept this template, or not do what it says:", *faults]))
    environment = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": CREDENTIALS.access_key,
        "AWS_SECRET_ACCESS_KEY": CREDENTIALS.secret_key,
        "AWS_DEFAULT_REGION": REGION,
        "SAM_CLI_TELEMETRY": "0",
        "SAM_CLI_POLL_DELAY": "0.2",  # seconds, for an emulator that is here; 5 unless it is said
    }
    overrides = [f'{name}="{value}"' for name, value in (_PARAMETERS | _gathered(parameters)).items()]
    options = ["--stack-name", STACK, "--no-confirm-changeset", "--no-progressbar"]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # SAM CLI leaves one there for each archive
        file = Path(folder, "template.json")
        file.write_text(json.dumps(source))
        command = [str(SAM), "deploy", "--config-file", str(ROOT / "samconfig.toml"), "--template-file", str(file)]
        arguments = [*options, "--parameter-overrides", *overrides]
        run([*command, *arguments], cwd=ROOT, env=environment | {"TMPDIR": folder})
    stacks = client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    if stacks[0]["StackStatus"] not in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
        raise LocalError(f"the stack is {stacks[0]['StackStatus']}: {stacks[0].get('StackStatusReason', '')}")
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stacks[0]["Outputs"]}
    document = of_type(deployed, "AWS::ApiGateway::RestApi")["Api"]["Body"]
    gateway_gaps.complete(client("apigateway"), outputs["ApiId"], document)
    return outputs
