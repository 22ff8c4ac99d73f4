"""What the emulator is kept to, because AWS does so."""

import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError

from local import emulator as module
from local.aws import at_emulator
from local.emulator import emulator
from local.errors import LocalError
from local.ports import free_port, listens
from tests.e2e.waiting import wait_for

CODE = """
import sys, time

def handler(event, context):
    print("begun", file=sys.stderr, flush=True)
    time.sleep(20)
    print("ended", file=sys.stderr, flush=True)
"""


def archive_of(source: str) -> bytes:
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("app.py", source)
    return code.getvalue()


def create_function(client: Callable[[str], Any], name: str, source: str) -> None:
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    client("logs").create_log_group(logGroupName=f"/aws/lambda/{name}")
    client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role=role,
        Handler="app.handler",
        Code={"ZipFile": archive_of(source)},
        Timeout=60,
    )


def test_a_line_is_in_the_log_while_the_function_is_at_work(tmp_path: Path) -> None:
    with emulator(tmp_path) as endpoint, at_emulator(endpoint) as client:
        create_function(client, "slow", CODE)

        def log() -> list[str]:
            events = client("logs").filter_log_events(logGroupName="/aws/lambda/slow")["events"]
            return [event["message"] for event in events]

        client("lambda").invoke(FunctionName="slow", InvocationType="Event")["Payload"].read()
        assert wait_for(log)[0] == "begun"
        assert "ended" not in log()


REPEATED = """
import os, sys, time

def handler(event, context):
    print(os.environ["COLOUR"], file=sys.stderr, flush=True)
    if event:
        while not os.path.exists(event):
            time.sleep(0.05)
        raise ValueError
    return os.environ["COLOUR"]
"""
"""With a path for its event it fails, once there is such a file."""


def test_an_event_that_failed_is_repeated_with_the_configuration_as_it_is_now(tmp_path: Path) -> None:
    """And no process with the old one is left to the events that follow."""
    with emulator(tmp_path) as endpoint, at_emulator(endpoint) as client:
        create_function(client, "repeated", REPEATED)
        functions = client("lambda")

        def colour(value: str) -> None:
            functions.update_function_configuration(
                FunctionName="repeated", Environment={"Variables": {"COLOUR": value}}
            )

        def log() -> list[str]:
            events = client("logs").filter_log_events(logGroupName="/aws/lambda/repeated")["events"]
            return [event["message"] for event in events if event["message"] in {"old", "new"}]

        changed = tmp_path / "changed"
        event = json.dumps(str(changed))
        colour("old")
        functions.invoke(FunctionName="repeated", InvocationType="Event", Payload=event)["Payload"].read()
        assert wait_for(log) == ["old"]
        colour("new")
        changed.touch()
        assert wait_for(log, lambda lines: len(lines) > 1)[1:] == ["new"]
        assert json.load(functions.invoke(FunctionName="repeated")["Payload"]) == "new"


TWICE = """
import os, time

def handler(event, context):
    open(os.path.join(event, str(os.getpid())), "w").close()
    while len(os.listdir(event)) < 2:
        time.sleep(0.05)
    return [{}, os.getpid()]
"""
"""It answers once two of its processes have begun, in the folder that is its event."""


def test_environments_share_an_unpacked_copy_and_new_code_has_its_own(tmp_path: Path) -> None:
    """A start finds what Python compiled at an earlier one; what is deployed is what runs."""
    with emulator(tmp_path) as endpoint, at_emulator(endpoint) as client:
        begun = tmp_path / "begun"
        begun.mkdir()
        event = json.dumps(str(begun))
        create_function(client, "twice", TWICE.format(1))

        def answer(_: int = 0) -> tuple[int, int]:
            version, process = json.load(client("lambda").invoke(FunctionName="twice", Payload=event)["Payload"])
            return version, process

        with ThreadPoolExecutor(2) as pool:
            (first, one), (second, other) = pool.map(answer, range(2))
        assert (first, second, one != other) == (1, 1, True)
        assert len(list((tmp_path / "emulator/tmp").glob("unpacked-*/app.py"))) == 1
        assert len(list((tmp_path / "emulator/tmp").glob("unpacked-*/__pycache__/app.*.pyc"))) == 1
        client("lambda").update_function_code(FunctionName="twice", ZipFile=archive_of(TWICE.format(2)))
        assert wait_for(answer, lambda seen: seen[0] == 2)
        assert len(list((tmp_path / "emulator/tmp").glob("unpacked-*/app.py"))) == 2


def test_a_parameter_is_changed_with_the_template_not_without_it(tmp_path: Path) -> None:
    """AWS::LanguageExtensions transform, remarks: the previous template has the parameters' old values in it."""
    template = {
        "Transform": "AWS::LanguageExtensions",
        "Parameters": {"Title": {"Type": "String"}},
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": {"Ref": "Title"}}}},
    }
    with emulator(tmp_path) as endpoint, at_emulator(endpoint) as client:
        stacks = client("cloudformation")

        def given(title: str) -> dict[str, object]:
            parameters = [{"ParameterKey": "Title", "ParameterValue": title}]
            return {"StackName": "topics", "Parameters": parameters, "Capabilities": ["CAPABILITY_AUTO_EXPAND"]}

        stacks.create_stack(**given("old"), TemplateBody=json.dumps(template))
        wait_for(lambda: stacks.describe_stacks()["Stacks"][0]["StackStatus"], lambda is_: is_ == "CREATE_COMPLETE")
        for change, named in ((stacks.update_stack, {}), (stacks.create_change_set, {"ChangeSetName": "new"})):
            with pytest.raises(ClientError, match="previous template"):
                change(**given("new"), **named, UsePreviousTemplate=True)
        stacks.update_stack(**given("new"), TemplateBody=json.dumps(template))


PREFERRED = 8401
"""A port that is free when it is looked at."""


class _Healthy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


def test_a_port_that_somebody_else_took_meanwhile_is_left_to_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another emulator, say, which answers the same requests."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Healthy) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        taken = other.server_address[1]
        monkeypatch.setattr("local.emulator.free_port", lambda port: taken if port == PREFERRED else free_port(port))
        try:
            with emulator(tmp_path, port=PREFERRED) as endpoint, at_emulator(endpoint) as client:
                assert endpoint != f"http://127.0.0.1:{taken}"
                assert client("s3").list_buckets()["Buckets"] == []
        finally:
            other.shutdown()


def test_an_emulator_that_does_not_start_says_why_whatever_bytes_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts, broken = tmp_path / "starts", tmp_path / "broken.py"
    broken.write_text(
        f"import sys; open({str(starts)!r}, 'a').write('x')\nsys.exit(sys.stderr.buffer.write(b'\\xff no room for it'))"
    )
    monkeypatch.setattr(module, "_START", broken)
    with pytest.raises(LocalError, match="didn't start:\n\ufffd no room for it"), emulator(tmp_path):
        pass
    assert starts.read_text() == "x", "another port wouldn't help"
    assert not (tmp_path / "emulator").exists()


UNWELL = """
import os
from http.server import BaseHTTPRequestHandler, HTTPServer
with HTTPServer(("127.0.0.1", int(os.environ["GATEWAY_PORT"])), BaseHTTPRequestHandler) as server:
    print("already in use", flush=True)
    server.serve_forever()
"""


@pytest.mark.parametrize("script", ["import time; print('already in use', flush=True); time.sleep(60)", UNWELL])
def test_an_emulator_that_never_gets_ready_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    started, starts, is_ready = tmp_path / "start.py", list[int](), module._is_ready
    started.write_text(script)

    def is_ready_once_it_spoke(process: subprocess.Popen[bytes], port: int) -> bool:
        starts.append(port)
        wait_for(lambda: "already in use" in (tmp_path / "emulator.log").read_text())
        return is_ready(process, port)

    monkeypatch.setattr(module, "_START", started)
    monkeypatch.setattr(module, "_START_SECONDS", 1)
    monkeypatch.setattr(module, "_is_ready", is_ready_once_it_spoke)
    with pytest.raises(LocalError, match="didn't start"), emulator(tmp_path):
        pass
    assert len(starts) == 1, "and isn't started again"


STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"


def test_who_does_not_wait_for_its_end_leaves_no_process_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second Ctrl-C, while it stops."""

    def interrupted(_: float) -> int:
        raise KeyboardInterrupt

    given = [sys.executable, "-c", STUBBORN]
    with subprocess.Popen(given, stdout=subprocess.PIPE, process_group=0) as process:
        assert process.stdout
        process.stdout.readline()
        with monkeypatch.context() as patch:
            patch.setattr(process, "wait", interrupted)
            with pytest.raises(KeyboardInterrupt):
                module._stop(process)
        assert process.wait(30) == -signal.SIGKILL


def test_the_port_that_is_asked_for_is_taken_if_it_is_free(tmp_path: Path) -> None:
    wanted = free_port()
    with emulator(tmp_path, port=wanted) as endpoint:
        assert endpoint == f"http://127.0.0.1:{wanted}" or free_port(wanted) != wanted


LISTENING = """
import socket, sys
with socket.create_server(("127.0.0.1", 0)) as mine, socket.create_connection(mine.getsockname()) as other:
    print(mine.getsockname()[1], other.getsockname()[1], flush=True)
    sys.stdin.read()
"""


def test_a_process_listens_where_it_takes_connections_until_it_ends() -> None:
    with subprocess.Popen([sys.executable, "-c", LISTENING], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        port, outgoing = map(int, process.stdout.readline().split())
        assert listens(process, port)
        assert not listens(process, outgoing), "a connection of its own"
        with socket.create_server(("127.0.0.1", 0)) as ours:
            assert not listens(process, ours.getsockname()[1])
        assert process.stdin
        process.stdin.close()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not listens(process, port), "it has ended"
        process.wait()
        assert not listens(process, port), "and was waited for"


def test_a_process_that_may_not_be_looked_at_does_not_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that has ended and wasn't waited for, if it isn't root who looks."""

    def denied(number: int) -> psutil.Process:
        raise psutil.AccessDenied(number)

    monkeypatch.setattr(psutil, "Process", denied)
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        assert not listens(process, 0)


def test_a_log_is_read_to_its_end(tmp_path: Path) -> None:
    """FilterLogEvents: at most 10,000 events, and a token if there are more; several may be of one millisecond."""
    now = int(time.time() * 1000)
    with emulator(tmp_path) as endpoint, at_emulator(endpoint) as client:
        logs = client("logs")
        logs.create_log_group(logGroupName="long")
        for stream in ("one", "two"):
            logs.create_log_stream(logGroupName="long", logStreamName=stream)
            events = [{"timestamp": now + n // 100, "message": f"{stream} {n}"} for n in range(10_000)]
            logs.put_log_events(logGroupName="long", logStreamName=stream, logEvents=events)

        def read(**asked: int) -> list[list[str]]:
            pages = logs.get_paginator("filter_log_events").paginate(logGroupName="long", **asked)
            return [[event["message"] for event in page["events"]] for page in pages]

        for asked, pages in (({}, 2), ({"limit": 7_000}, 3)):
            told = read(startTime=now + 10, **asked)
            assert len(told) == pages
            assert len({line for page in told for line in page}) == sum(map(len, told)) == 2 * 9_000
        assert [len(page) for page in read(startTime=now + 99)] == [200]
