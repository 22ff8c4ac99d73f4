"""SAM CLI's containers with the local stack within their reach: the functions as sam built them, in Lambda's image."""

import json
import socket
import subprocess
import sys
import tempfile
import time
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
from local.engine import ADD_HOST, ARCHITECTURE, HOST, call, host_address
from local.errors import LocalError, surroundings
from local.forward import LOOPBACK, forwarded
from local.image import image
from local.stack import STACK, LocalStack, local_stack, step

LOCAL_TEMPLATE = TEMPLATE.with_name("local.json")
_START_SECONDS = 60
_STOP_SECONDS = 30
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
            with self._sam("invoke", function, "--event", file.name) as process:
                output = process.communicate()[0]
        if process.returncode != 0:
            raise LocalError(f"sam local invoke {function} failed with exit status {process.returncode}")
        answer = json.loads(output.strip() or b"null")
        if isinstance(answer, dict) and "errorType" in answer:
            raise LocalError(f"{function} failed: {answer['errorType']}: {answer.get('errorMessage')}")
        return answer

    @contextmanager
    def api(self, port: int) -> Iterator[str]:
        """`sam local start-api` until the block ends, and its URL. Raises LocalError where it doesn't start."""
        with self._sam("start-api", "--port", str(port), "--warm-containers", "LAZY") as process:
            give_up_at = time.monotonic() + _START_SECONDS
            while not _listens(port):
                if process.poll() is not None or time.monotonic() > give_up_at:
                    raise LocalError("sam local start-api didn't start; its log says why")
                time.sleep(0.1)
            yield f"http://{LOOPBACK}:{port}"

    @contextmanager
    def _sam(self, command: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """`sam local` on the built functions; stopped at the end of the block, its containers too."""
        options = ("--template", str(LOCAL_TEMPLATE), "--env-vars", str(self.env_file), *ADD_HOST)
        process = subprocess.Popen(
            [str(SAM), "local", command, *arguments, *options, "--invoke-image", self.image, "--skip-pull-image"],
            cwd=ROOT,
            env=surroundings({"AWS_DEFAULT_REGION": REGION, "SAM_CLI_TELEMETRY": "0"}),
            stdout=subprocess.PIPE if command == "invoke" else sys.stderr,
            process_group=0,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(_STOP_SECONDS)
                _remove_containers()
            if process.stdout:
                process.stdout.close()


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


def _remove_containers() -> None:
    """Remove what `sam local` leaves when it is stopped: the containers that hold a folder of this build."""
    folders = [f"--filter=volume={path}" for path in TEMPLATE.parent.iterdir() if path.is_dir()]
    if found := call("ps", "--quiet", *folders).split():
        call("rm", "--force", *found)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0


def _port(url: str) -> int:
    return urlsplit(url).port or 0
