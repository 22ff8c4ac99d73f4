"""The layers as sam builds them: complete, small, and the same every time."""

import json
import os
import re
import ssl
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
import pytest
import trustme
from botocore import xform_name

from layers import authorities
from local.build import ROOT, build, sam_build

MAX_ZIPPED = 3_000_000
MAX_UNPACKED = 12_000_000
LAYERS = ("DependenciesLayer", "CoreLayer")
MAKEFILE = (ROOT / "layers/Makefile").read_text().replace("\\\n", "")
OPERATIONS = [part.split(":") for part in re.findall(r"^OPERATIONS := (.*)$", MAKEFILE, re.MULTILINE)[0].split()]
SERVICES = sorted({service for service, _ in OPERATIONS})
REGIONS = ("us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1", "ap-southeast-7")
CALLS = {
    "dynamodb": ("get_item", {"TableName": "table", "Key": {"order_no": {"S": "1"}}}),
    "events": ("put_events", {"Entries": [{"Source": "a", "DetailType": "b", "Detail": "{}"}]}),
    "lambda": ("invoke", {"FunctionName": "drain"}),
    "secretsmanager": ("get_secret_value", {"SecretId": "secret"}),
    "sqs": ("send_message", {"QueueUrl": "http://127.0.0.1:9/0/queue", "MessageBody": "{}"}),
}

CALL = """
import sys, boto3, botocore.config, botocore.exceptions
service, call, arguments = sys.argv[1], sys.argv[2], eval(sys.argv[3])
config = botocore.config.Config(retries={"total_max_attempts": 1}, connect_timeout=2)
session = boto3.Session("id", "secret", region_name="us-east-1")
client = session.client(service, endpoint_url="http://127.0.0.1:9", config=config)
try:
    getattr(client, call)(**arguments)
except botocore.exceptions.EndpointConnectionError:
    print("nobody there")
"""
ENDPOINTS = """
import boto3, botocore.config, json, sys
session = boto3.Session("id", "secret")
for region in sys.argv[2:]:
    for service in sys.argv[1].split():
        for config in ({}, {"use_fips_endpoint": True}, {"use_dualstack_endpoint": True}):
            client = session.client(service, region, config=botocore.config.Config(**config))
            print(region, config, client.meta.endpoint_url, client.meta.service_model.signing_name)
"""
SECURE = """
import boto3, botocore.config, botocore.httpsession, os, sys
_, authorities, url = sys.argv
assert os.path.isdir(botocore.httpsession.AUTHORITIES)
botocore.httpsession.AUTHORITIES = authorities
config = botocore.config.Config(retries={"total_max_attempts": 1})
session = boto3.Session("id", "secret", region_name="us-east-1")
client = session.client("secretsmanager", endpoint_url=url, config=config)
try:
    client.get_secret_value(SecretId="x")
except Exception as error:
    print(type(error).__name__)
"""
IMPORT_ALL = """
import importlib, pathlib, sys, warnings
warnings.simplefilter("ignore")
root = pathlib.Path(sys.path[0])
for file in root.rglob("*.py"):
    importlib.import_module(".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__"))
"""


def in_the_layer(script: str, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a fresh process that sees the dependencies layer and the standard library."""
    return beside(build().parent / "DependenciesLayer/python", script, *arguments, **environ)


def beside(packages: Path, script: str, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    start = f"import sys; sys.path.insert(0, {str(packages)!r}); sys.dont_write_bytecode = True\n{script}"
    environment = {"PATH": os.environ["PATH"], "AWS_DEFAULT_REGION": "us-east-1", **environ}
    command = [sys.executable, "-I", "-S", "-c", start, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def contents(built: Path) -> dict[str, tuple[int, float, str]]:
    """Every file and folder of the artifacts with its mode, date and content."""
    return {
        str(path.relative_to(built)): (
            path.stat().st_mode,
            path.stat().st_mtime,
            sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
        )
        for artifact in sorted(path for path in built.iterdir() if path.is_dir())
        for path in sorted(artifact.rglob("*"))
    }


def zipped(layer: Path, target: Path) -> int:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(layer.rglob("*")):
            archive.write(path, path.relative_to(layer))
    return target.stat().st_size


def test_the_layer_has_a_client_for_every_service_that_the_code_names() -> None:
    code = "".join(path.read_text() for path in (ROOT / "layers/core").rglob("*.py"))
    assert set(re.findall(r"client(?:s\(\))?[(,] ?\"([a-z]+)\"\)", code)) == set(SERVICES)


@pytest.mark.parametrize("service", SERVICES)
def test_a_client_makes_its_call_from_the_layer(service: str) -> None:
    call, arguments = CALLS[service]
    done = in_the_layer(CALL, service, call, json.dumps(arguments))
    assert done.stdout == "nobody there\n", done.stderr


def test_the_layer_has_every_operation_that_the_code_calls() -> None:
    code = "".join(path.read_text() for path in (ROOT / "layers/core").rglob("*.py"))
    assert set(re.findall(r"_client(?:\(\))?\.([a-z_]+)\(", code)) == {xform_name(name) for _, name in OPERATIONS}


def test_every_client_of_the_layer_has_the_endpoints_that_the_whole_package_gives() -> None:
    whole = beside(Path(boto3.__path__[0]).parent, ENDPOINTS, " ".join(SERVICES), *REGIONS)
    assert whole.stdout.count("https://") == len(REGIONS) * len(SERVICES) * 3, whole.stderr
    assert in_the_layer(ENDPOINTS, " ".join(SERVICES), *REGIONS).stdout == whole.stdout


def test_a_client_of_the_layer_trusts_the_authorities_of_the_layer_or_the_bundle_that_the_user_names(
    tmp_path: Path,
) -> None:
    trusted, other = trustme.CA(), trustme.CA()
    bundles = {"trusted": tmp_path / "trusted.pem", "other": tmp_path / "other.pem"}
    trusted.cert_pem.write_to_path(bundles["trusted"])
    other.cert_pem.write_to_path(bundles["other"])
    for name, bundle in bundles.items():
        authorities.main(bundle, tmp_path / name)
    with refusing(trusted) as url:
        assert in_the_layer(SECURE, str(tmp_path / "trusted"), url).stdout == "ClientError\n"
        assert in_the_layer(SECURE, str(tmp_path / "other"), url).stdout == "SSLError\n"
        named = {"AWS_CA_BUNDLE": str(bundles["trusted"])}
        assert in_the_layer(SECURE, str(tmp_path / "other"), url, **named).stdout == "ClientError\n"


@contextmanager
def refusing(authority: trustme.CA) -> Iterator[str]:
    """A server that answers every request 400, over TLS."""

    class _Refusing(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_error(400)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    with ThreadingHTTPServer(("127.0.0.1", 0), _Refusing) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"https://localhost:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_service_that_was_left_out_is_named() -> None:
    done = in_the_layer(CALL, "s3", "list_buckets", "{}")
    message = f"UnknownServiceError: Unknown service: 's3'. Valid service names are: {', '.join(sorted(SERVICES))}"
    assert message in done.stderr


def test_nothing_that_is_left_needs_what_was_cut_out() -> None:
    done = in_the_layer(IMPORT_ALL)
    assert done.returncode == 0, done.stderr


def test_two_builds_have_the_same_bytes_whatever_the_users_python_imports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = build().parent
    (tmp_path / "grp.py").write_text("print('a module of the user, which tarfile imports')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    sam_build(tmp_path / "build")
    found = contents(tmp_path / "build")
    assert found == contents(first)
    assert {mode & 0o777 for mode, _, _ in found.values()} == {0o644, 0o755}
    assert {date for _, date, _ in found.values()} == {315_532_800.0}


def test_the_layers_are_small(tmp_path: Path) -> None:
    built = build().parent
    zips = sum(zipped(built / layer, tmp_path / f"{layer}.zip") for layer in LAYERS)
    files = [path for layer in LAYERS for path in (built / layer).rglob("*") if path.is_file()]
    unpacked = sum(path.stat().st_size for path in files)
    print(f"\nboth layers: {zips / 1e6:.2f} MB zipped, {unpacked / 1e6:.2f} MB unpacked")
    assert zips < MAX_ZIPPED
    assert unpacked < MAX_UNPACKED
