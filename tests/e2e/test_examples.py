"""The first call in five languages (examples/): each program against scripted answers, and against the local stack."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import urlopen

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from flask import Flask, Response, request
from standardwebhooks import Webhook

from local.signing import SECRET
from local.simulator.listener import Listener, listening
from local.stack import LocalStack
from tests.e2e.waiting import wait_for
from tests.template import ROOT

EXAMPLES = ROOT / "examples"
ORDER = "2304170329503866885309"
PROGRAMS = {
    "webhook.sh": ("sh",),
    "webhook.py": (sys.executable,),
    "webhook.go": ("go", "run"),
    "webhook.php": ("php",),
    "Webhook.java": ("java",),
    "sigv4.sh": ("sh",),
    "sigv4.py": (sys.executable,),
}
CREDENTIALS = Credentials("AKIDEXAMPLE", "an/example+secret", "a-token")
MOST_LINES = 39
SECONDS = 600

Asked = tuple[Mapping[str, str], bytes]


@dataclass
class Api:
    """Answers as scripted, one status after the other; 0 hangs up. `asked` has what came."""

    url: str
    script: list[int] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)


@contextmanager
def scripted() -> Iterator[Api]:
    app = Flask(__name__)
    app.config["PROPAGATE_EXCEPTIONS"] = True  # or a connection that breaks is answered 500

    @app.post("/<path:path>")
    def answer(path: str) -> Response:
        api.asked.append((dict(request.headers.items()) | {"path": f"/{path}"}, request.get_data()))
        status = api.script.pop(0)
        if not status:
            raise ConnectionError
        return Response(
            f'{{"answer": {status}}}', status, content_type="application/json", headers={"Retry-After": "1"}
        )

    listener = Listener(app)
    with listening(listener):
        api = Api(f"{listener.url}/v1")
        yield api


@contextmanager
def in_front_of(stack: LocalStack) -> Iterator[str]:
    """The stack's API at an address that every resolver knows, for requests that are rightly signed."""
    app = Flask(__name__)

    @app.post("/v1/<path:path>")
    def forward(path: str) -> Response:
        headers, body = dict(request.headers.items()), request.get_data()
        verified((headers | {"path": f"/v1/{path}"}, body))
        passed = {name: value for name, value in headers.items() if name.startswith("Webhook-")}
        if passed:
            answer = stack.api.call("POST", f"/{path}", body, credentials=None, headers=passed)
        else:
            answer = stack.api.call("POST", f"/{path}", body)
        return Response(json.dumps(answer.body, default=str), answer.status, content_type="application/json")

    listener = Listener(app)
    with listening(listener):
        yield f"{listener.url}/v1"


def _can_run(program: str) -> bool:
    return bool(shutil.which(PROGRAMS[program][0]) or os.environ.get("REQUIRE_LANGUAGES"))


@pytest.fixture(params=PROGRAMS)
def program(request: pytest.FixtureRequest) -> str:
    name = str(request.param)
    if not _can_run(name):
        pytest.skip(f"examples/{name} is not tried: there is no {PROGRAMS[name][0]} on this machine")
    return name


@pytest.fixture
def programs() -> list[str]:
    """Those whose language is on this machine; each other one is skipped by the tests of one program."""
    return [*filter(_can_run, PROGRAMS)]


def run(program: str, url: str, directory: Path, order_no: str = ORDER) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(directory),
        "API": url,
        "SECRET": SECRET,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": str(CREDENTIALS.access_key),
        "AWS_SECRET_ACCESS_KEY": str(CREDENTIALS.secret_key),
        "AWS_SESSION_TOKEN": str(CREDENTIALS.token),
    }
    command = [*PROGRAMS[program], str(EXAMPLES / program), order_no]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False)


def verified(asked: Asked) -> str:
    """Who signed it: the webhook's message or the access key. Fails if the signature isn't right."""
    headers, body = asked
    if "Webhook-Id" in headers:
        Webhook(SECRET).verify(body.decode(), {name.lower(): value for name, value in headers.items()})
        return headers["Webhook-Id"]
    names = re.findall(r"SignedHeaders=([^,]+)", headers["Authorization"])[0].split(";")
    signed = {name: value for name, value in headers.items() if name.lower() in names}
    again = AWSRequest("POST", f"http://{headers['Host']}{headers['path']}", signed, body)
    again.context["timestamp"] = headers["X-Amz-Date"]
    auth = SigV4Auth(CREDENTIALS, "execute-api", "us-east-1")
    expected = auth.signature(auth.string_to_sign(again, auth.canonical_request(again)), again)
    assert headers["Authorization"].endswith(f"Signature={expected}")
    return str(CREDENTIALS.access_key)


def test_a_scripted_server_hangs_up_without_an_answer() -> None:
    with scripted() as api:
        api.script = [0]
        with pytest.raises(ConnectionError):
            urlopen(f"{api.url}/hang-up", b"{}", timeout=60)


@pytest.mark.parametrize(
    ("answers", "says", "status"),
    [
        ([200], "200 cancelled, the money is back", 0),
        ([503, 202], "202 accepted, it will be settled", 0),
        ([0, 409], "409 can't be cancelled any more", 1),
    ],
)
def test_an_example_tells_the_answers_apart_and_asks_again_as_the_same_request(
    program: str, answers: list[int], says: str, status: int, tmp_path: Path
) -> None:
    with scripted() as api:
        api.script = list(answers)
        ended = run(program, api.url, tmp_path)
        assert (ended.returncode, ended.stdout.strip()) == (status, f'{says} {{"answer": {answers[-1]}}}'), ended.stderr
        assert len(api.asked) == len(answers)
        assert len({verified(asked) for asked in api.asked}) == 1


@pytest.mark.long
def test_an_example_that_gets_no_answer_fails_and_says_that_asking_again_is_safe(
    programs: list[str], tmp_path: Path
) -> None:
    """All of them at the same time: each waits half a minute between its five requests."""

    def ended(program: str) -> tuple[str, int, int, str]:
        with scripted() as api:
            api.script = [503, 0, 429, 500, 503]
            (tmp_path / program).mkdir()
            done = run(program, api.url, tmp_path / program)
            return program, done.returncode, len(api.asked), (done.stdout + done.stderr).partition("\n")[0]

    with ThreadPoolExecutor(len(programs)) as executor:
        said = "No answer. Nothing is lost: ask again later."
        assert [*executor.map(ended, programs)] == [(program, 1, 5, said) for program in programs]


def test_an_example_shows_no_secret(program: str, tmp_path: Path) -> None:
    with scripted() as api:
        api.script = [401]
        ended = run(program, api.url, tmp_path)
    assert ended.returncode == 1
    for secret in (SECRET, SECRET.removeprefix("whsec_"), str(CREDENTIALS.secret_key)):
        assert secret not in ended.stdout + ended.stderr


@pytest.mark.parametrize("program", PROGRAMS)
def test_an_example_is_short(program: str) -> None:
    assert len((EXAMPLES / program).read_text().splitlines()) <= MOST_LINES


def test_an_example_cancels_an_order_on_the_local_stack(program: str, stack: LocalStack, tmp_path: Path) -> None:
    order_no = stack.simulator.client.create_order(age=600).order_no
    with in_front_of(stack) as url:
        ended = run(program, url, tmp_path, order_no)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.startswith("202 accepted" if "ebhook" in program else "200 cancelled")

    wait_for(lambda: stack.api.get(order_no).body, lambda row: row.get("state") == "cancelled")
    assert stack.simulator.client.order(order_no).accepted_cancels == 1
