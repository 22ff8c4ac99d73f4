"""The client as somebody else has it: installed by itself, with nothing of this checkout, and used as its page says."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from flask import Flask, Response, request
from standardwebhooks import Webhook

from local.simulator.listener import Listener, listening
from tests.template import ROOT

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
CALLS, WEBHOOK = re.findall(r"^```python\n(.*?)^```$", (ROOT / "docs/client.md").read_text(), re.MULTILINE | re.DOTALL)
ROW = {"order_no": "2304170329503866885309", "state": "cancelled"}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that it is installed into, with the build's back end that the project's environment has."""
    folder = tmp_path_factory.mktemp("installed")
    uv = [str(ROOT / ".tools/uv/bin/uv"), "pip", "install", "--quiet", "--python", sys.executable, "--offline"]
    subprocess.run([*uv, "--no-build-isolation", "--no-deps", "--target", folder, ROOT / "client"], check=True)
    return folder


def run(code: str, installed: Path, **environment: str) -> str:
    """What a program prints that has the package and, of this checkout's environment, botocore."""
    variables: Mapping[str, str] = {"PATH": os.environ["PATH"], "PYTHONPATH": str(installed), **environment}
    ran = [sys.executable, "-c", code]
    return subprocess.run(ran, cwd=installed, env=variables, check=True, capture_output=True, text=True).stdout


def test_it_needs_nothing_of_the_checkout(installed: Path) -> None:
    (distribution,) = installed.glob("feee_cancel_client-*.dist-info")
    assert "Requires-Dist: botocore" in (distribution / "METADATA").read_text()
    assert (installed / "feee_cancel_client/py.typed").exists()
    known = run("import feee_cancel_client, sys; print(*sys.modules)", installed).split()
    assert {name.partition(".")[0] for name in known} & {"cli", "local", "feee_cancel", "boto3", "rich"} == set()


@pytest.mark.parametrize(
    ("status", "body"), [(403, {"message": "Forbidden"}), (409, {"type": "urn:x", "detail": "Forbidden"})]
)
def test_the_page_tells_why_it_was_refused(installed: Path, status: int, body: dict[str, str]) -> None:
    """API Gateway's own answers have a message, no detail (its guide, gateway response types)."""
    app = Flask(__name__)

    @app.post("/v1/cancellations")
    def answer() -> Response:
        return Response(json.dumps(body), status, content_type="application/json")

    listener = Listener(app)
    with listening(listener):
        where = {"API": f"{listener.url}/v1", "AWS_REGION": "us-east-1"}
        keys = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret"}
        assert run(CALLS, installed, **where, **keys) == f"{status} Forbidden\n"


def test_the_page_is_followed(installed: Path) -> None:
    app, got = Flask(__name__), list[tuple[Mapping[str, str], bytes]]()

    @app.post("/v1/<path:path>")
    def answer(path: str) -> Response:
        got.append((dict(request.headers.items()) | {"path": path}, request.get_data()))
        return Response(json.dumps(ROW), 200, content_type="application/json")

    listener = Listener(app)
    with listening(listener):
        where = {"API": f"{listener.url}/v1", "AWS_REGION": "us-east-1", "SECRET": SECRET}
        keys = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret"}
        assert run(CALLS, installed, **where, **keys) == "200 cancelled\n"
        assert run(WEBHOOK, installed, **where) == "200\n"
    (called, document), (sent, body) = got
    assert (called["path"], json.loads(document)["reason"]) == ("cancellations", "unfilled")
    assert called["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKID/")
    assert sent["path"] == "webhooks/cancel"
    lower = {name.lower(): value for name, value in sent.items()}
    assert Webhook(SECRET).verify(body, lower) == {"order_no": "2304170329503866885310"}
