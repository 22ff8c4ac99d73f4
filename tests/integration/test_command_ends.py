"""How `./feee-cancel` ends when something is wrong on the way to AWS or to the API: words, and the right status."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from io import StringIO
from pathlib import Path
from threading import Event

import pytest
from botocore.loaders import Loader
from flask import Flask, Response, request

from cli.__main__ import main
from cli.outcome import Exit
from local.simulator.listener import Listener, listening
from tests.e2e.waiting import PATIENCE
from tests.template import ROOT


@pytest.fixture(autouse=True, scope="module")
def _descriptions_of_aws_are_read_once() -> Iterator[None]:
    """Each command makes a session of its own, which reads megabytes of them."""
    loader = Loader()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("botocore.session.create_loader", lambda *_: loader)
        yield


ORDER_NO = "2304170329503866885309"
KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}
REGION = {"AWS_DEFAULT_REGION": "us-east-1"}
AWAY = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_METADATA_SERVICE_NUM_ATTEMPTS": "1"}


def run(
    home: Path, *line: str, config: str = "", encoding: str | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """`./feee-cancel` by somebody with this configuration of AWS, and nothing to type at."""
    file = home / "config"
    file.write_text(config)
    variables = {"PATH": os.environ["PATH"], "HOME": str(home), "AWS_CONFIG_FILE": str(file), **AWAY, **environment}
    return subprocess.run(
        [ROOT / "feee-cancel", *line],
        env=variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding=encoding,
        timeout=120,
        check=False,
    )


def ends(done: subprocess.CompletedProcess[str], *words: str, status: int = 4) -> None:
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    for part in words:
        assert part in done.stderr


@pytest.mark.parametrize("order_no", ["", " ", ".", "..", "1/2", "x", "\u0661", "1" * 33, "\x1b[2J"])
def test_what_is_no_order_number_is_refused_before_anything_is_asked(tmp_path: Path, order_no: str) -> None:
    done = run(tmp_path, "show", order_no)
    ends(done, "isn't an order number", status=2)
    assert "\x1b" not in done.stderr


SOMEBODY = "[profile it]\nregion = us-east-1\n"


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("credential_process = /bin/false\n", "custom-process"),
        ("credential_process = /nonexistent/tool\n", "/nonexistent/tool"),
        ("credential_process = echo nothing\n", "credentials can't be obtained"),
        ('credential_process = echo {"Version":1}\n', "AWS"),
        (
            'credential_process = echo {"Version":1,"AccessKeyId":1,"SecretAccessKey":2}\n',
            "credentials can't be obtained",
        ),
        ("web_identity_token_file = /nonexistent/token\nrole_arn = arn:aws:iam::1:role/x\n", "/nonexistent/token"),
        ("role_arn = arn:aws:iam::1:role/x\ncredential_source = EcsContainer\n", "EcsContainer"),
        ("role_arn = arn:aws:iam::1:role/x\nsource_profile = other\n", "other"),
        ("sso_session = none\nsso_account_id = 1\nsso_role_name = x\n", "sso"),
        (
            "sso_start_url = https://x.awsapps.com\nsso_region = us-east-1\nsso_account_id = 1\nsso_role_name = x\n",
            "sso login",
        ),
        ("aws_access_key_id = AKID\n", "Part of the AWS credentials is missing"),
    ],
)
def test_credentials_that_cant_be_had(tmp_path: Path, config: str, words: str) -> None:
    ends(run(tmp_path, "list", "--profile", "it", config=SOMEBODY + config), words)


def test_a_code_is_asked_for_where_nobody_can_type_it(tmp_path: Path) -> None:
    config = (
        f"{SOMEBODY}role_arn = arn:aws:iam::1:role/x\nsource_profile = base\nmfa_serial = arn:aws:iam::1:mfa/me\n"
        "[profile base]\naws_access_key_id = AKID\naws_secret_access_key = s\n"
    )
    ends(run(tmp_path, "list", "--profile", "it", config=config), "MFA code", "no terminal")


@pytest.mark.parametrize(
    "uri", ["http://127.0.0.1:9/creds", "http://example.com/creds", "127.0.0.1/creds", "http://[/creds"]
)
def test_a_container_without_credentials(tmp_path: Path, uri: str) -> None:
    ends(run(tmp_path, "list", **REGION, AWS_CONTAINER_CREDENTIALS_FULL_URI=uri))


def test_a_configuration_that_cant_be_read(tmp_path: Path) -> None:
    ends(run(tmp_path, "list", config="[profile it\nregion", **KEYS, **REGION), "config")


@pytest.mark.parametrize(
    "endpoint",
    ["localhost:4566", "127.0.0.1", "http://", "http://127.0.0.1:9", "http://[x", "http://h:99999", "http://h:port"],
)
def test_an_endpoint_that_is_none(tmp_path: Path, endpoint: str) -> None:
    done = run(tmp_path, "list", **KEYS, **REGION, AWS_ENDPOINT_URL=endpoint)
    ends(done, endpoint)
    assert "unexpected" not in done.stderr


def test_a_region_that_is_none_isnt_blamed_on_an_endpoint(tmp_path: Path) -> None:
    done = run(tmp_path, "list", "--region", "us east 1", **KEYS)
    ends(done, "us east 1", "region")
    assert "AWS_ENDPOINT_URL" not in done.stderr


@pytest.mark.parametrize("name", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_a_region_counts_by_either_name(tmp_path: Path, name: str) -> None:
    done = run(tmp_path, "list", **KEYS, **{name: "eu-west-9"}, AWS_ENDPOINT_URL="http://127.0.0.1:9")
    ends(done, "127.0.0.1:9")
    ends(run(tmp_path, "list", **KEYS), "No AWS region is set")


def described(outputs: Mapping[str, str]) -> Response:
    """CloudFormation's answer about a stack with these outputs."""
    members = "".join(
        f"<member><OutputKey>{key}</OutputKey><OutputValue>{value}</OutputValue></member>"
        for key, value in outputs.items()
    )
    return Response(
        "<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>feee-cancel</StackName>"
        f"<StackStatus>CREATE_COMPLETE</StackStatus><Outputs>{members}</Outputs></member></Stacks>"
        "</DescribeStacksResult></DescribeStacksResponse>",
        headers={"x-amzn-RequestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"},
        content_type="text/xml",
    )


@contextmanager
def stack(status: int, body: bytes, content_type: str = "application/json") -> Iterator[dict[str, str]]:
    """A running stack as its file says, whose API always gives this answer; AWS knows it."""
    app = Flask(__name__)

    @app.route("/v1/<path:_>", methods=["GET", "POST", "DELETE"])
    def api(_: str) -> Response:
        return Response(body, status, content_type=content_type)

    @app.post("/")
    def aws() -> Response:
        action = request.form["Action"]
        assert action == "DescribeStacks"
        return described({"ApiUrl": "https://a1.execute-api.us-east-1.amazonaws.com/v1", "ApiId": "a1"})

    listener = Listener(app)
    with listening(listener):
        yield {**KEYS, **REGION, "AWS_ENDPOINT_URL": listener.url}


ROW = {"order_no": ORDER_NO, "state": "waiting", "state_reason": "queued", "requested_at": 1, "attempt": 0,
       "gives_up_at": 5, "due_at": 5}  # fmt: skip


ROW_ITSELF = json.dumps(ROW).encode()


def with_row(**members: object) -> bytes:
    """A row by itself and in a list, which has these members, too."""
    row = {**ROW, **members}
    return json.dumps({**row, "cancellations": [row]}).encode()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (520, b"{}"),
        (499, b'{"error": "client closed"}'),
        (200, b"null"),
        (200, b"[]"),
        (200, b"{}"),
        (200, b'{"order_no": "1", "state"'),
        (200, b"<!doctype html><title>Sign in</title>"),
        (200, b""),
        (200, b"\xff\xfe"),
        (200, b'{"cancellations": 5, "order_no": 5, "state": 5, "requested_at": "x", "attempt": 1, "cancellable": 1}'),
        (404, b"{}"),
        (404, b"<html>Not found</html>"),
        (409, b'{"message": "Conflict"}'),
        (400, b'{"message": "Bad request"}'),
        (407, b"Proxy Authentication Required"),
        (302, b""),
        (302, ROW_ITSELF),
        (201, ROW_ITSELF),
        (200, b"[" * 100_000),
        (200, with_row(refund_amount=float("nan"))),
        (200, with_row(requested_at=float("inf"))),
        (200, with_row(requested_at="yesterday")),
        (200, with_row(requested_at=None)),
        (200, with_row(due_at=1.5)),
        (200, with_row(state=["cancelled"])),
        (200, with_row(state_reason={"why": 1})),
        (200, with_row(reason=5)),
        (200, with_row(requested_by=[1])),
        (200, with_row(last_answer="x")),
        (200, with_row(last_answer={})),
        (200, with_row(last_answer={"answer": "refused", "msg": 5})),
    ],
)
def test_what_something_in_between_answers_is_no_answer(
    status: int, body: bytes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with stack(status, body) as there:
        for name, value in there.items():
            monkeypatch.setenv(name, value)
        for line in (["show", ORDER_NO], ["cancel", ORDER_NO], ["list"], ["lookup", ORDER_NO], ["withdraw", ORDER_NO]):
            assert main(line) == Exit.TROUBLE
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    assert "unexpected" not in err


@pytest.mark.parametrize("missing", ["requested_at", "gives_up_at", "due_at"])
@pytest.mark.parametrize("at", [None, -5, 0, 253_402_300_799, 10**15])
def test_a_row_that_cant_be_read_in_full_is_shown_all_the_same(
    missing: str, at: int | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    row = {name: value for name, value in ROW.items() if name != missing} | ({} if at is None else {missing: at})
    with stack(200, json.dumps(row | {"cancellations": [row]}).encode()) as there:
        for name, value in there.items():
            monkeypatch.setenv(name, value)
        for line in (["show", ORDER_NO], ["list"], ["list", "--wide"], ["list", "--newer", "99999d"], ["export"]):
            assert main(line) == Exit.DONE
    assert capsys.readouterr().out.count(ORDER_NO) == 5


LOGIN = b"<!doctype html><title>Sign in</title><p>&nbsp;"


@pytest.mark.parametrize("status", [200, 302, 403, 407, 520])
@pytest.mark.parametrize("body", [LOGIN, b"<html></html>", b""])
def test_a_page_in_place_of_aws_is_told_as_such(
    status: int, body: bytes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    app = Flask(__name__)

    @app.post("/")
    def page() -> Response:
        return Response(body, status, content_type="text/html")

    listener = Listener(app)
    with listening(listener):
        for name, value in {**KEYS, **REGION, "AWS_ENDPOINT_URL": listener.url, "AWS_MAX_ATTEMPTS": "1"}.items():
            monkeypatch.setenv(name, value)
        assert main(["list"]) == Exit.TROUBLE
        assert main(["doctor"]) == Exit.TROUBLE
    out, err = capsys.readouterr()
    assert "unexpected" not in out + err
    assert "proxy" in err


OUTPUTS = {
    "ApiUrl": "https://a1.execute-api.us-east-1.amazonaws.com/v1",
    "ApiId": "a1",
    "FailedEventsUrl": "https://sqs.us-east-1.amazonaws.com/123456789012/failed",
    "FeeeKeySecretArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:key",
    "WebhookSecretArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:webhook",
    "ScheduleFunctionName": "drain",
    "ApiFunctionLogGroup": "/aws/lambda/api",
}
LATER = [
    "redrive FailedEvents",
    "set-key",
    "set-webhook-secret shop",
    "set-webhook-secret shop --drop-old",
    f"history {ORDER_NO}",
    f"doctor --learn {ORDER_NO} --file learned.json",
    "doctor",
]


@pytest.mark.parametrize("line", LATER)
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<a><b>c</b></a>"),
        (200, b"{}"),
        (200, b"[]"),
        (200, b'{"Messages": 5, "SecretString": 5, "events": 5}'),
        (200, b"\xff\xfe"),
        (200, b'{"SecretString": "{}"}'),
        (403, b"[]"),
        (403, b'{"__type": 5}'),
        (403, b'{"__type": "AccessDenied", "message": "Sign in"}'),
        (503, b"\xff"),
    ],
)
def test_what_answers_in_place_of_aws_later_is_told_as_such_too(
    line: str,
    status: int,
    body: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The page says 200, and botocore makes an empty queue of it, or a secret that was written."""
    app = Flask(__name__)

    @app.route("/", defaults={"path": ""}, methods=["GET", "POST"])
    @app.route("/<path:path>", methods=["GET", "POST"])
    def aws(path: str) -> Response:
        if request.form.get("Action") == "DescribeStacks":
            return described(OUTPUTS)
        if path.startswith("v1/"):
            return Response(ROW_ITSELF, content_type="application/json")
        return Response(body, status, content_type="text/html")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", StringIO("0123456789abcdef\n"))
    listener = Listener(app)
    with listening(listener):
        for name, value in {**KEYS, **REGION, "AWS_ENDPOINT_URL": listener.url, "AWS_MAX_ATTEMPTS": "1"}.items():
            monkeypatch.setenv(name, value)
        ended = main(line.split())
    out, err = capsys.readouterr()
    assert ended == (Exit.NO if line == "doctor" else Exit.TROUBLE)
    assert "unexpected" not in out + err
    assert "isn't AWS" in (out if line == "doctor" else err)


def test_a_character_that_the_output_lacks_is_escaped(tmp_path: Path) -> None:
    row = {**ROW, "reason": "未成交 \ud800"}
    with stack(200, json.dumps(row).encode()) as there:
        for surroundings in ({"LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii"}):
            done = run(tmp_path, "show", ORDER_NO, **there, **surroundings)
            ends(done, status=0)
            assert "waiting" in done.stdout
    code = "import sys; sys.argv[0] = 'x'; from cli.__main__ import main; sys.exit(main(['show', '{}']))"
    with stack(200, json.dumps(row).encode()) as there:
        path = ":".join(str(ROOT / part) for part in ("layers/core", "client", "."))
        variables = {"PATH": os.environ["PATH"], "PYTHONPATH": path, "PYTHONIOENCODING": "ascii", **there, **AWAY}
        ran = [sys.executable, "-c", code.format(ORDER_NO)]
        plain = subprocess.run(ran, env=variables, capture_output=True, text=True, check=False)
        assert (plain.returncode, plain.stderr) == (0, "")
        assert r"\u672a\u6210\u4ea4 \ud800" in plain.stdout


MANY = {**ROW, "cancellations": [ROW] * 25, "results": [{"result": "taken", **ROW}] * 2}
ENOUGH = {
    "list": "0",
    "--help": "0",
    "list --json": "0",
    "export": "0",
    f"cancel {ORDER_NO}": "3",
    f"watch {ORDER_NO}": "3",
    "watch": "3",
    "cancel 1 2": "3",
    "cancel 1 2 --watch": "3",
    "show 1": "0",
}
"""A status says what became of an order, whoever reads."""


def test_a_reader_may_have_had_enough(tmp_path: Path) -> None:
    with stack(200, json.dumps(MANY).encode()) as there:
        variables = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **AWAY, **there}
        for line, status in ENOUGH.items():
            script = f'"$0" {line} 2>errors | true; echo "${{PIPESTATUS[0]}}"'
            ran = ["bash", "-c", script, str(ROOT / "feee-cancel")]
            done = subprocess.run(ran, env=variables, cwd=tmp_path, capture_output=True, text=True, check=False)
            said = (tmp_path / "errors").read_text()
            assert (line, done.stdout.strip(), "Traceback" in said, "Exception" in said) == (line, status, False, False)


def test_a_stream_may_be_closed_or_its_disk_full(tmp_path: Path) -> None:
    (tmp_path / "orders").write_text("1\n2\n")
    with stack(200, json.dumps(MANY).encode()) as there:
        variables = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **AWAY, **there}
        for line, status in {
            "list <&-": "0",
            "list >&-": "0",
            "list 2>&-": "0",
            "list --nonsense 2>&-": "2",
            "--help >&-": "0",
            "cancel --file - <&-": "4",
            "redrive FailedEvents <&- >&- 2>&-": "4",
            "completion bash >/dev/full": "4",
            "list >/dev/full": "4",
            "cancel --file orders --watch 2>&1 | true": "3",
        }.items():
            script = f'"$0" {line}; echo "${{PIPESTATUS[0]}}" >status'
            ran = ["bash", "-c", script, str(ROOT / "feee-cancel")]
            done = subprocess.run(ran, env=variables, cwd=tmp_path, capture_output=True, text=True, check=False)
            assert (line, (tmp_path / "status").read_text().strip()) == (line, status)
            assert "Traceback" not in done.stderr
            assert "NoneType" not in done.stderr


def test_ctrl_c_ends_it_without_a_word_too_many(tmp_path: Path) -> None:
    app = Flask(__name__)

    asked, over = Event(), Event()

    @app.post("/")
    def slow() -> str:
        asked.set()
        over.wait()
        return ""

    listener = Listener(app)
    with listening(listener):
        variables = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **AWAY, **KEYS, **REGION}
        variables["AWS_ENDPOINT_URL"] = listener.url
        heeding = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # what a shell starts with & ignores Ctrl-C
        command = [str(ROOT / "feee-cancel"), "list"]
        with subprocess.Popen(
            command,
            env=variables,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=heeding,  # noqa: PLW1509 - it calls nothing that another thread may hold
        ) as it:
            try:
                assert asked.wait(PATIENCE)
                it.send_signal(signal.SIGINT)
                assert it.stderr is not None
                assert (it.wait(PATIENCE), it.stderr.read()) == (130, "Interrupted.\n")
            finally:
                over.set()
