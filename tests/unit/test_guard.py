"""Who may call a server on this machine."""

from collections.abc import Iterable
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.guard import guarded, refusal, without_cors

HERE = "127.0.0.1:4566"
NAMES = ["127.0.0.1", "localhost", "LOCALHOST", "[::1]", "host.docker.internal", "0a1b2c3d.execute-api.localhost"]
OTHERS = [
    "evil.example",
    "evil.example:4566",
    "localhost.evil.example",
    "evil.localhost",
    "a.b.execute-api.localhost",
    "execute-api.localhost.evil.example",
    "127.0.0.1.nip.io",
    "127.0.0.1@evil.example",
    "evil.example@127.0.0.1",
    "127.0.0.1:4566:80",
    "127.0.0.1:",
    "127.0.0.1/",
    "127.0.0.1 ",
    "127.0.0.1\n",
    "127.1",
    "127.0.0.2",
    "2130706433",
    "0.0.0.0",
    "172.17.0.1",
    "192.168.1.7",
    "[::ffff:127.0.0.1]",
    "::1",
    "localhost.",
    "",
]


@pytest.mark.parametrize("port", ["", ":80", ":65535"])
@pytest.mark.parametrize("name", NAMES)
def test_programs_call_by_the_names_of_this_machine(name: str, port: str) -> None:
    assert refusal([("host", name + port), ("accept", "*/*")]) is None


@pytest.mark.parametrize("host", OTHERS)
def test_another_name_is_refused_whoever_it_leads_here(host: str) -> None:
    assert refusal([("host", host)]) is not None


@pytest.mark.parametrize("hosts", [[], [HERE, HERE], ["evil.example", HERE], [HERE, "evil.example"]])
def test_a_request_has_one_host(hosts: list[str]) -> None:
    assert refusal([("host", host) for host in hosts]) is not None


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "",
        f"https://{HERE}",
        "http://127.0.0.1",
        "http://127.0.0.1:8080",
        "http://localhost:4566",
        f"http://{HERE}.evil.example",
    ],
)
def test_a_page_of_another_origin_is_refused(origin: str) -> None:
    assert refusal([("host", HERE), ("origin", origin)]) is not None
    assert refusal([("host", HERE), ("origin", f"http://{HERE}"), ("origin", origin)]) is not None


@pytest.mark.parametrize("site", ["cross-site", "same-site", "", "none, cross-site"])
def test_what_fetch_metadata_calls_foreign_is_refused(site: str) -> None:
    assert refusal([("host", HERE), ("sec-fetch-site", site)]) is not None
    assert refusal([("host", HERE), ("sec-fetch-site", "none"), ("sec-fetch-site", site)]) is not None


def test_a_servers_own_page_and_what_is_typed_are_answered() -> None:
    assert refusal([("host", HERE), ("sec-fetch-site", "none"), ("sec-fetch-mode", "navigate")]) is None
    assert refusal([("host", HERE), ("origin", f"http://{HERE}"), ("sec-fetch-site", "same-origin")]) is None
    assert refusal([("host", HERE), ("origin", f"https://{HERE}")], "https") is None


@given(st.text(), st.text())
def test_no_other_text_passes(host: str, origin: str) -> None:
    if refusal([("host", host)]) is None:
        assert any(host.lower().split(":")[0] == name.lower().split(":")[0] for name in NAMES) or host.lower().endswith(
            ".execute-api.localhost"
        )
    assert refusal([("host", HERE), ("origin", origin)]) is not None


def test_no_permission_for_pages_is_passed_on() -> None:
    kept = [("Content-Type", "text/plain"), ("X-Access-Control", "1")]
    assert without_cors([("Access-Control-Allow-Origin", "*"), *kept, ("access-control-max-age", "5")]) == kept


class Asked:
    """A request to a guarded app, and what came of it."""

    def __init__(self, body: bytes = b"", **environ: str) -> None:
        self.reached = False
        self.input = BytesIO(body)
        length = {"CONTENT_LENGTH": str(len(body))} if body else {}
        request = {"wsgi.url_scheme": "http", "wsgi.input": self.input, "HTTP_HOST": HERE, **length, **environ}
        self.body = b"".join(guarded(self._app)(request, self._start))

    def _app(self, _: Any, start_response: Any) -> Iterable[bytes]:
        self.reached = True
        start_response("200 OK", [("Access-Control-Allow-Origin", "*")])
        return [b"secret"]

    def _start(self, status: str, headers: list[tuple[str, str]], *_: Any) -> Any:
        self.status, self.headers = status, dict(headers)


def test_an_app_behind_the_guard_is_reached_by_programs_alone() -> None:
    program, page = Asked(), Asked(HTTP_ORIGIN="https://evil.example")
    assert (program.reached, program.status, program.headers, program.body) == (True, "200 OK", {}, b"secret")
    assert (page.reached, page.status, page.headers["Connection"]) == (False, "403 Forbidden", "close")
    assert b"doesn't answer pages" in page.body


@pytest.mark.parametrize("target", [f"http://{HERE}/", "http://evil.example/", "*", "evil.example:80", ""])
def test_a_target_says_no_host_of_its_own(target: str) -> None:
    """Werkzeug takes the host of such a target for the header's."""
    assert Asked(REQUEST_URI="/a?b").reached
    assert not Asked(REQUEST_URI=target).reached


def test_what_is_refused_is_read_but_for_what_is_huge_or_of_no_length() -> None:
    foreign = {"HTTP_SEC_FETCH_SITE": "cross-site"}
    assert Asked(b"12345", **foreign).input.tell() == 5
    for length in ("", "5 MB", "²", str(1 << 21)):
        assert Asked(b"12345", CONTENT_LENGTH=length, **foreign).input.tell() == 0
