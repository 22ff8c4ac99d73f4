"""The layers as sam builds them: complete, small, and the same every time."""

import json
import os
import re
import subprocess
import sys
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest

from local.build import ROOT, build, sam_build

MAX_ZIPPED = 3_000_000
MAX_UNPACKED = 12_000_000
LAYERS = ("DependenciesLayer", "CoreLayer")
SERVICES = re.findall(r"^SERVICES := (.*)$", (ROOT / "layers/Makefile").read_text(), re.MULTILINE)[0].split()
CALLS = {
    "dynamodb": ("get_item", {"TableName": "table", "Key": {"order_no": {"S": "1"}}}),
    "events": ("put_events", {"Entries": [{"Source": "a", "DetailType": "b", "Detail": "{}"}]}),
    "lambda": ("invoke", {"FunctionName": "drain"}),
    "secretsmanager": ("get_secret_value", {"SecretId": "secret"}),
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
IMPORT_ALL = """
import importlib, pathlib, sys, warnings
warnings.simplefilter("ignore")
root = pathlib.Path(sys.path[0])
for file in root.rglob("*.py"):
    importlib.import_module(".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__"))
"""


def in_the_layer(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a fresh process that sees the dependencies layer and the standard library."""
    layer = build().parent / "DependenciesLayer/python"
    start = f"import sys; sys.path.insert(0, {str(layer)!r}); sys.dont_write_bytecode = True\n{script}"
    environment = {"PATH": os.environ["PATH"], "AWS_DEFAULT_REGION": "us-east-1"}
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


def test_a_service_that_was_left_out_is_named() -> None:
    done = in_the_layer(CALL, "s3", "list_buckets", "{}")
    message = f"UnknownServiceError: Unknown service: 's3'. Valid service names are: {', '.join(sorted(SERVICES))}"
    assert message in done.stderr


def test_nothing_that_is_left_needs_what_was_cut_out() -> None:
    done = in_the_layer(IMPORT_ALL)
    assert done.returncode == 0, done.stderr


def test_two_builds_have_the_same_bytes(tmp_path: Path) -> None:
    first = build().parent
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
