"""SAM CLI's containers with the local stack within their reach: the functions as sam built them, in Lambda's image."""

import json
import shutil
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

from rich.console import Console

from local import sam_files
from local.build import ROOT, SAM, build
from local.engine import ADD_HOST, call, host_address
from local.errors import LocalError, surroundings
from local.forward import LOOPBACK, forwarded
from local.identity import REGION
from local.image import image
from local.ports import free_port, listens
from local.stack import LocalStack, local_stack, step

_SAM = (str(SAM.with_name("python")), "-I", str(ROOT / "local/sam_start.py"))
_START_SECONDS = 60
_ENVIRONMENT = {
    "AWS_DEFAULT_REGION": REGION,
    "SAM_CLI_TELEMETRY": "0",
    "SAM_CLI_CONTAINER_CONNECTION_TIMEOUT": str(_START_SECONDS),
}
_PORTS = 3
_STOP_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Containers:
    """`stack` is what the containers work with; `folder` has the files for SAM CLI (sam_files).

    `artifacts` is a copy of the build for this run alone: its containers are known by what they hold.
    """

    stack: LocalStack
    image: str
    artifacts: Path
    folder: Path

    def invoke(self, function: str, event: Any) -> Any:
        """`sam local invoke`: the function's answer; SAM CLI's output and the function's log go to stderr.

        Raises LocalError if the function or SAM CLI fails, or there is no answer.
        """
        with tempfile.NamedTemporaryFile("w", suffix=".json", dir=self.stack.directory) as file:
            json.dump(event, file)
            file.flush()
            with self._sam("invoke", function, "--event", file.name) as process:
                output = process.communicate()[0]
        if process.returncode != 0:
            raise LocalError(f"sam local invoke {function} failed with exit status {process.returncode}")
        try:
            answer = json.loads(output)
        except ValueError:  # SAM CLI's exit status is 0 if there is none, or the emulator's words that it took too long
            raise LocalError(f"{function} gave no answer; its log says why") from None
        if isinstance(answer, dict) and "errorType" in answer:
            raise LocalError(f"{function} failed: {answer['errorType']}: {answer.get('errorMessage')}")
        return answer

    @contextmanager
    def api(self, port: int) -> Iterator[str]:
        """`sam local start-api` until the block ends, and its URL: at another port if somebody took this one.

        Raises LocalError if it doesn't start.
        """
        for _ in range(_PORTS):
            with self._sam("start-api", "--port", str(port), "--warm-containers", "LAZY") as process:
                if _serves(process, port):
                    yield f"http://{LOOPBACK}:{port}"
                    return
                if process.poll() is None:
                    break
            port = free_port()
        raise LocalError("sam local start-api didn't start; its log says why")

    @contextmanager
    def _sam(self, command: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """`sam local` on the built functions; stopped at the end of the block, its containers too."""
        command_line = [*_SAM, "local", command, *arguments, *sam_files.options(self.folder), *ADD_HOST]
        process = subprocess.Popen(
            [*command_line, "--invoke-image", self.image, "--skip-pull-image"],
            cwd=ROOT,
            env=surroundings(_ENVIRONMENT),
            stdout=subprocess.PIPE if command == "invoke" else sys.stderr,
            process_group=0,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                _stop(process)
                _remove_containers(self.artifacts)
            if process.stdout:
                process.stdout.close()


@contextmanager
def containers(console: Console, folder: Path | None = None) -> Iterator[Containers]:
    """The local stack and all that containers need to work with it, until the block ends. Raises LocalError.

    `folder` is where the files for SAM CLI are written; they stay there. Without it they are gone at the end.
    """
    with ExitStack() as opened:
        with step(console, "Looking for Lambda's image (pulled or made the first time)"):
            run_in = image()
        stack = opened.enter_context(local_stack(console))
        address = host_address(run_in)
        if address:
            opened.enter_context(forwarded(address, _port(stack.endpoint), _port(stack.simulator.url)))
        artifacts, files = stack.directory / "build", folder or stack.directory
        shutil.copytree(build().parent, artifacts)
        sam_files.write(files, stack, artifacts)
        yield Containers(stack, run_in, artifacts, files)


def _serves(process: subprocess.Popen[bytes], port: int) -> bool:
    """Wait until it takes connections there. False if it ended before, or didn't in time."""
    give_up_at = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < give_up_at:
        if listens(process, port):
            return True
        time.sleep(0.1)
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _remove_containers(artifacts: Path) -> None:
    """Remove what `sam local` leaves when it is stopped: the containers that hold a folder of these artifacts."""
    folders = [f"--filter=volume={path}" for path in artifacts.iterdir() if path.is_dir()]
    if found := call("ps", "--quiet", *folders).split():
        call("rm", "--force", *found)


def _port(url: str) -> int:
    return urlsplit(url).port or 0
