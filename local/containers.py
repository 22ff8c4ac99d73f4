"""SAM CLI's containers with the local stack within their reach: the functions as sam built them, in Lambda's image."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cfnlint.decode import cfn_yaml
from rich.console import Console

from local.api import CREDENTIALS, REGION
from local.build import ROOT, SAM, TEMPLATE
from local.engine import ADD_HOST, ARCHITECTURE, HOST, host_address
from local.errors import LocalError, surroundings
from local.forward import LOOPBACK, forwarded
from local.image import image
from local.stack import STACK, LocalStack, local_stack, step

LOCAL_TEMPLATE = TEMPLATE.with_name("local.json")
_FUNCTION = "AWS::Serverless::Function"


@dataclass(frozen=True, slots=True)
class Containers:
    """`stack` is what the containers work with."""

    stack: LocalStack
    image: str
    env_file: Path

    def invoke(self, function: str, event: Any) -> Any:
        """`sam local invoke`: the function's answer; SAM CLI's output and the function's log go to stderr.

        Raises LocalError where the function or SAM CLI fails.
        """
        with tempfile.NamedTemporaryFile("w", suffix=".json", dir=self.stack.directory) as file:
            json.dump(event, file)
            file.flush()
            command = self.command("invoke", function, "--event", file.name)
            done = subprocess.run(
                command, cwd=ROOT, env=sam_environment(), stdout=subprocess.PIPE, stderr=sys.stderr, text=True, check=False
            )
        if done.returncode != 0:
            raise LocalError(f"{' '.join(command)} failed with exit status {done.returncode}")
        answer = json.loads(done.stdout.strip() or "null")
        if isinstance(answer, dict) and "errorType" in answer:
            raise LocalError(f"{function} failed: {answer['errorType']}: {answer.get('errorMessage')}")
        return answer

    def command(self, command: str, *arguments: str) -> list[str]:
        """`sam local ...` on the built functions."""
        options = ("--template", str(LOCAL_TEMPLATE), "--env-vars", str(self.env_file), *ADD_HOST)
        return [str(SAM), "local", command, *arguments, *options, "--invoke-image", self.image, "--skip-pull-image"]


@contextmanager
def containers(console: Console, env_file: Path | None = None) -> Iterator[Containers]:
    """The local stack and all that containers need to work with it, until the block ends. Raises LocalError.

    `env_file` is where SAM CLI's environment file is written; it stays.
    """
    with ExitStack() as opened:
        with step(console, "Looking for Lambda's image (pulled or made the first time)"):
            run_in = image()
        stack = opened.enter_context(local_stack(console))
        address = host_address(run_in)
        if address:
            opened.enter_context(forwarded(address, _port(stack.endpoint), _port(stack.simulator.url)))
        file = env_file or stack.directory / "env.json"
        file.write_text(json.dumps(_environments(stack), indent=2))
        yield Containers(stack, run_in, file)


def sam_environment() -> dict[str, str]:
    """The environment that SAM CLI runs in."""
    return surroundings({"AWS_DEFAULT_REGION": REGION, "SAM_CLI_TELEMETRY": "0"})


def _environments(stack: LocalStack) -> dict[str, dict[str, str]]:
    """Each function's variables as deployed, with this machine's name as containers know it.

    SAM CLI passes on none that isn't declared, and template.yaml mustn't declare AWS_ENDPOINT_URL: so a copy of the
    built template declares them all, and this machine's architecture.
    """
    template = json.loads(json.dumps(cfn_yaml.load(str(TEMPLATE))))
    local = {
        "AWS_ENDPOINT_URL": stack.endpoint,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": CREDENTIALS.access_key,
        "AWS_SECRET_ACCESS_KEY": CREDENTIALS.secret_key,
        "AWS_SESSION_TOKEN": "",
    }
    environments = {}
    for name, resource in template["Resources"].items():
        if resource["Type"] == _FUNCTION:
            deployed = _deployed_environment(name, stack) | local
            environments[name] = {key: value.replace(LOOPBACK, HOST) for key, value in deployed.items()}
            resource["Properties"]["Environment"] = {"Variables": dict.fromkeys(deployed, "")}
    template["Parameters"]["Architecture"]["Default"] = ARCHITECTURE
    LOCAL_TEMPLATE.write_text(json.dumps(template, indent=2))
    return environments


def _deployed_environment(function: str, stack: LocalStack) -> dict[str, str]:
    """The variables that the function was deployed with, and the drain's name, which SAM CLI doesn't tell the drain."""
    described = stack.client("cloudformation").describe_stack_resource(StackName=STACK, LogicalResourceId=function)
    name = described["StackResourceDetail"]["PhysicalResourceId"]
    configuration = stack.client("lambda").get_function_configuration(FunctionName=name)
    variables: dict[str, str] = configuration["Environment"]["Variables"]
    return {"DRAIN_FUNCTION": name} | variables


def _port(url: str) -> int:
    return urlsplit(url).port or 0
