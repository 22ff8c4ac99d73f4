"""`make docs`: the API's reference as a page (Swagger UI over openapi.yaml) whose "try it" calls the local stack.

The assets come from Powertools' package; the page loads nothing from elsewhere. The API needs signatures, which a page
can't make, so calls go to the server of the page, which signs them with the local stack's credentials.
"""

import hmac
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

import yaml
from flask import Flask, Response, abort, request
from rich.console import Console

from feee_cancel.adapters.representation import to_json
from feee_cancel_client.api import ApiClient
from feee_cancel_client.running import Running, read
from local import running
from local.build import ROOT
from local.ports import free_port
from local.signing import SECRET, signed
from local.simulator.client import ControlError, SimulatorClient
from local.simulator.listener import Listener, listening
from local.stack import local_stack
from local.task import task

EXAMPLE = "2304170329503866885309"
"""The order of the examples in openapi.yaml; it is made, so that they work as they stand."""
_PORT = 8080
_STAGE = "/v1"
_ASSETS = files("aws_lambda_powertools.event_handler.openapi.swagger_ui")
_FILES = {
    "/swagger-ui.js": ("swagger-ui-bundle.min.js", "text/javascript"),
    "/swagger-ui.css": ("swagger-ui.min.css", "text/css"),
}
_NOTE = """**This page calls the local stack.** Its server signs each call (Signature Version 4; the webhook's as in
Standard Webhooks) with the local stack's own test credentials. Order {example} is there to be cancelled.

"""
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>feee.io order cancellation: the API</title>
<meta name="secret" content="{secret}">
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/swagger-ui.css">
<div id="swagger-ui"></div>
<script src="/swagger-ui.js"></script>
<script src="/start.js"></script>
"""
_START = """const secret = document.querySelector("meta[name=secret]").content;
SwaggerUIBundle({
  url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null, tryItOutEnabled: true,
  requestInterceptor: (request) => { request.headers["X-Page-Secret"] = secret; return request; },
});
"""
_POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"
_KEPT = ("Content-Type", "Retry-After", "Location", "Allow")


def reference(api: ApiClient, webhook_secret: str) -> Flask:
    """The page, what it loads, and the API behind it, which is called with the secret that the page holds."""
    app = Flask(__name__, static_folder=None)
    document = json.dumps(_document())
    secret = secrets.token_urlsafe(30)

    @app.before_request
    def only_this_page() -> None:
        """A second lock behind the guard's: another page can neither read the secret nor send the header."""
        request.get_data()  # all of it, or the rest would begin the connection's next request
        told = request.headers.get("X-Page-Secret", "")
        if request.path.startswith(f"{_STAGE}/") and not hmac.compare_digest(told.encode(), secret.encode()):
            abort(HTTPStatus.FORBIDDEN)

    @app.after_request
    def nothing_from_elsewhere(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = _POLICY
        return response

    @app.get("/")
    def page() -> Response:
        return Response(_PAGE.format(secret=secret), mimetype="text/html")

    @app.get("/start.js")
    def start() -> Response:
        return Response(_START, mimetype="text/javascript")

    @app.get("/openapi.json")
    def openapi() -> Response:
        return Response(document, mimetype="application/json")

    for path, (name, kind) in _FILES.items():
        app.add_url_rule(path, name, _asset, defaults={"name": name, "kind": kind})

    @app.route(f"{_STAGE}/<path:path>", methods=["GET", "POST", "DELETE"])
    def call(path: str) -> Response:
        return _call(api, f"/{path}", webhook_secret)

    return app


def _asset(name: str, kind: str) -> Response:
    return Response((_ASSETS / name).read_bytes(), mimetype=kind)


def _call(api: ApiClient, path: str, webhook_secret: str) -> Response:
    """The page's call, signed, and its answer."""
    target = urlsplit(request.full_path.rstrip("?"))
    whole = f"{path}?{target.query}" if target.query else path
    body = request.get_data() or None
    if path == "/webhooks/cancel":
        text = (body or b"").decode(errors="replace")
        answer = api.webhook(text, signed(text, secret=webhook_secret))
    else:
        answer = api.call(request.method, whole, body, content_type=request.content_type)
    kept = {name: answer.headers[name] for name in _KEPT if name in answer.headers}
    return Response(to_json(answer.body), answer.status, kept)


def _document() -> dict[str, Any]:
    """openapi.yaml as it concerns a caller of the local stack: without signatures."""
    document: dict[str, Any] = yaml.safe_load((ROOT / "openapi.yaml").read_text())
    document["info"]["description"] = _NOTE.format(example=EXAMPLE) + document["info"]["description"]
    del document["components"]["securitySchemes"]  # nothing to fill in: the server signs
    for operation in (operation for path in document["paths"].values() for operation in path.values()):
        operation["security"] = []
    return document | {"servers": [{"url": _STAGE, "description": "The local stack; calls are signed"}]}


@contextmanager
def served(api: ApiClient, port: int = 0, *, webhook_secret: str = SECRET) -> Iterator[str]:
    """The page's URL. It listens on loopback alone."""
    listener = Listener(reference(api, webhook_secret), free_port(port))
    with listening(listener):
        yield f"{listener.url}/"


@contextmanager
def _somewhere(console: Console) -> Iterator[tuple[ApiClient, SimulatorClient, str]]:
    """The stack that `make local` runs, or else one of its own, and its webhook's secret."""
    with ExitStack() as opened:
        there = read(running.FILE)
        if there and (simulator := opened.enter_context(_simulator(there))).healthy():
            yield (
                opened.enter_context(ApiClient(there.api, there.credentials, there.region)),
                simulator,
                there.webhook_secret,
            )
        else:
            stack = opened.enter_context(local_stack(console))
            opened.enter_context(running.announced(stack))
            yield stack.api, stack.simulator.client, SECRET


def _simulator(there: Running) -> SimulatorClient:
    return SimulatorClient(there.simulator, there.control_secret)


def main() -> None:
    """Serve the page until Ctrl-C or SIGTERM."""
    console = Console()
    with (
        task(serves=True),
        _somewhere(console) as (api, simulator, secret),
        served(api, _PORT, webhook_secret=secret) as url,
    ):
        make_example(simulator)
        console.print(f"\nThe API's reference is at {url}\nCtrl-C stops it.", highlight=False, soft_wrap=True)
        threading.Event().wait()


def make_example(simulator: SimulatorClient) -> None:
    """Make the order of the examples, ten minutes old, if it isn't there."""
    try:
        simulator.order(EXAMPLE)
    except ControlError:
        simulator.create_order(order_no=EXAMPLE, age=600)


if __name__ == "__main__":
    main()
