"""The guard before every server on this machine: programs and its own pages may call it, a page from elsewhere may not.

Any page that the developer has open can send requests to loopback. The browser then says which name the page called
(Host: a name of the page's own may lead here, DNS rebinding), and where the page is from (Origin, Fetch Metadata).
Programs say none of the latter. The standard library only: the emulator's Python and SAM CLI's run this too.
"""

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

HOSTS = re.compile(
    r"(?:127\.0\.0\.1|\[::1\]|localhost|host\.docker\.internal|[a-z0-9]+\.execute-api\.localhost)(?::[0-9]{1,5})?",
    re.IGNORECASE,
)
"""Names of the loopback interface that nobody else can own: its own, containers', and those of the emulator's APIs."""
_OWN = {"none", "same-origin"}
"""Fetch Metadata of what the user typed or opened, and of the server's own pages."""
_NAMES_ONLY = "This server answers to the names of this machine only."
_CORS = "access-control-"
_DRAINED = 1 << 20

Headers = Iterable[tuple[str, str]]


def refusal(headers: Headers, scheme: str = "http") -> str | None:
    """Why a request with these headers (names in lower case) is refused; None if it isn't."""
    given = list(headers)
    host = ",".join(value for name, value in given if name == "host")
    if not HOSTS.fullmatch(host):
        return _NAMES_ONLY
    if {value for name, value in given if name == "origin"} - {f"{scheme}://{host}"}:
        return "This server doesn't answer pages from elsewhere."
    if {value for name, value in given if name == "sec-fetch-site"} - _OWN:
        return "This server doesn't answer pages from elsewhere."
    return None


def without_cors(headers: Headers) -> list[tuple[str, str]]:
    """The headers without what would let a page from elsewhere read the answer."""
    return [(name, value) for name, value in headers if not name.lower().startswith(_CORS)]


def guarded(app: "WSGIApplication") -> "WSGIApplication":
    """The app behind the guard."""

    def checked(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        why = refusal(_headers(environ), environ["wsgi.url_scheme"])
        if not environ.get("REQUEST_URI", "/").startswith("/"):  # Werkzeug would use that host, not the header's
            why = _NAMES_ONLY
        if why is None:
            return app(environ, _without_cors(start_response))
        _drain(environ)
        start_response("403 Forbidden", [("Content-Type", "text/plain; charset=utf-8"), ("Connection", "close")])
        return [f"{why}\n".encode()]

    return checked


def _headers(environ: "WSGIEnvironment") -> Headers:
    for name, value in environ.items():
        if name.startswith("HTTP_"):
            yield name.removeprefix("HTTP_").replace("_", "-").lower(), value


def _without_cors(start_response: "StartResponse") -> "StartResponse":
    def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Callable[[bytes], object]:
        return start_response(status, without_cors(headers), *rest)

    return start


def _drain(environ: "WSGIEnvironment") -> None:
    """Read a body of known, small length, so that the answer isn't lost when the connection is closed."""
    length = environ.get("CONTENT_LENGTH") or ""
    if length.isascii() and length.isdigit() and int(length) <= _DRAINED:
        environ["wsgi.input"].read(int(length))
