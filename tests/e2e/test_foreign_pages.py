"""A page from elsewhere, in a real browser, while the local stack runs: it starts, changes and reads nothing."""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from flask import Flask
from werkzeug.serving import make_server

from local.reference import served
from local.simulator.client import ControlError
from local.stack import LocalStack
from tests.chromium import Page, page
from tests.template import ROOT

ATTEMPTS = (ROOT / "tests/e2e/foreign_page.js").read_text()
ELSEWHERE, REBOUND = "elsewhere.example", "rebound.example"
RESOLVED = f"--host-resolver-rules=MAP {ELSEWHERE} 127.0.0.1, MAP {REBOUND} 127.0.0.1"
TRUST = '{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]}'
NAMES_ONLY = "This server answers to the names of this machine only.\n"
ORDER = "2304170329503866885399"
"""No other test's, so that nothing is left of it that a drain might take up."""
GUESSED = [Credentials("test", "test"), Credentials("000000000000", "test")]


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request that would do something if it were let in."""

    method: str
    url: str
    body: str | None = None


@pytest.fixture
def browser(chromium_command: str, tmp_path: Path) -> Iterator[Page]:
    with page(chromium_command, tmp_path / "profile", RESOLVED) as opened:
        yield opened


@pytest.fixture
def foreign() -> Iterator[str]:
    """The URL of the page that means ill."""
    app = Flask(__name__)
    app.add_url_rule("/", "page", lambda: "<!doctype html><body></body>")
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://{ELSEWHERE}:{server.port}/"
    server.shutdown()
    thread.join()


@pytest.fixture
def targets(stack: LocalStack) -> Iterator[list[Attempt]]:
    """What is tried at every server that `make local` and `make docs` start."""
    stack.simulator.client.create_order(order_no=ORDER, age=600)
    stack.client("dynamodb").delete_item(TableName=stack.outputs["TableName"], Key={"order_no": {"S": ORDER}})
    with served(stack.api) as reference:
        yield [*_at_the_emulator(stack), *_at_the_simulator(stack), *_at_the_reference(reference)]


def _at_the_emulator(stack: LocalStack) -> Iterator[Attempt]:
    trusted = {"RoleName": "foreign", "AssumeRolePolicyDocument": TRUST}
    role = urlencode({"Action": "CreateRole", "Version": "2010-05-08", **trusted})
    queue = urlencode({"Action": "CreateQueue", "Version": "2012-11-05", "QueueName": "foreign"})
    for url in _signed(f"{stack.endpoint}/", "iam"):
        yield Attempt("POST", url, role)
    for url in _signed(f"{stack.endpoint}/?{queue}", "sqs"):
        yield Attempt("POST", url, "x=y")
    for url in _signed(f"{stack.api.url}/cancellations", "execute-api"):
        yield Attempt("POST", url, f'{{"order_no": "{ORDER}"}}')
    yield Attempt("POST", f"{stack.api.url}/webhooks/cancel", f'{{"order_no": "{ORDER}"}}')
    yield Attempt("POST", f"{stack.endpoint}/_ministack/reset", "x=y")
    yield Attempt("GET", f"{stack.endpoint}/_ministack/health")


def _at_the_simulator(stack: LocalStack) -> Iterator[Attempt]:
    url = stack.simulator.url.removesuffix("/open")
    yield Attempt("POST", f"{url}/control/orders", '{"order_no": "666"}')
    yield Attempt("POST", f"{url}/control/reset", "{}")
    yield Attempt("POST", f"{url}/open/v2/order/cancel", f'{{"order_no": "{ORDER}"}}')
    yield Attempt("GET", f"{url}/control/requests")


def _at_the_reference(url: str) -> Iterator[Attempt]:
    for path in ("cancellations", "webhooks/cancel"):
        yield Attempt("POST", f"{url}v1/{path}", f'{{"order_no": "{ORDER}"}}')
    yield Attempt("GET", url)


def _signed(url: str, service: str) -> Iterator[str]:
    """The URL with a signature in its query: none, of guessed credentials, and made up."""
    yield url
    for credentials in GUESSED:
        request = AWSRequest("POST", url)
        SigV4QueryAuth(credentials, service, "us-east-1").add_auth(request)
        yield str(request.prepare().url)
    scope = f"{time.strftime('%Y%m%d', time.gmtime())}/us-east-1/{service}/aws4_request"
    made_up = {"X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-Credential": f"test/{scope}", "X-Amz-Signature": "00"}
    yield f"{url}{'&' if '?' in url else '?'}{urlencode(made_up)}"


def tried(browser: Page, targets: list[Attempt]) -> list[Any]:
    """What the page could read of the answers."""
    answers: list[Any] = browser.run(f"({ATTEMPTS})({json.dumps([asdict(one) for one in targets])})")
    return answers


def nothing_happened(stack: LocalStack) -> None:
    roles = [role["RoleName"] for role in stack.client("iam").list_roles()["Roles"]]
    queues = stack.client("sqs").list_queues(QueueNamePrefix="foreign").get("QueueUrls", [])
    assert roles, "the emulator was reset"
    assert ("foreign" in roles, queues) == (False, [])
    came = stack.simulator.client.requests()
    assert not [one for one in came if "Chrom" in (one.header("User-Agent") or "")], "the page reached feee.io"
    assert not stack.simulator.client.requests(ORDER), "feee.io was asked about the order"
    assert stack.simulator.client.order(ORDER).accepted_cancels == 0, "the simulator was reset"
    with pytest.raises(ControlError, match="unknown"):
        stack.simulator.client.order("666")
    assert stack.api.get(ORDER).status == 404


def test_a_page_from_elsewhere_starts_changes_and_reads_nothing(
    stack: LocalStack, foreign: str, browser: Page, targets: list[Attempt]
) -> None:
    browser.open(foreign)
    browser.wait(f"location.host.startsWith('{ELSEWHERE}') && document.readyState == 'complete' && !!document.body")
    assert tried(browser, targets) == []
    reached = {urlsplit(url).netloc for url in browser.requested}
    assert {urlsplit(one.url).netloc for one in targets} <= reached, "the browser itself let nothing out"
    nothing_happened(stack)


def test_a_page_whose_name_leads_here_starts_changes_and_reads_nothing(
    stack: LocalStack, browser: Page, targets: list[Attempt]
) -> None:
    """DNS rebinding: the page's own name, which had another address when it was loaded, is loopback's now."""
    for port in {urlsplit(one.url).port for one in targets}:
        browser.open(f"http://{REBOUND}:{port}/")
        browser.wait(f"location.host == '{REBOUND}:{port}' && document.readyState == 'complete' && !!document.body")
        here = [one for one in targets if urlsplit(one.url).port == port]
        own = [replace(one, url=urlsplit(one.url)._replace(netloc=f"{REBOUND}:{port}").geturl()) for one in here]
        assert {(status, text) for *_, status, text in tried(browser, own)} == {(403, NAMES_ONLY)}
    nothing_happened(stack)
