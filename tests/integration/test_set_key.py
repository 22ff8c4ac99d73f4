"""`./feee-cancel set-key` as it is typed: neither the terminal nor what it leaves behind shows the key."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest

from tests.moto import moto
from tests.template import ROOT
from tests.terminal import terminal

KEY = "f3ee-Key_0123456789"
SECRETS = {"FeeeKeySecretArn": '{"key": ""}', "WebhookSecretArn": '{"secrets": []}'}


class There:
    """A stack of these secrets in an account of its own."""

    def __init__(self, endpoint: str, home: Path) -> None:
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "TERM": "xterm",
            "HISTFILE": str(home / "history"),
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        manager = self.client("secretsmanager")
        self.arns = {
            output: manager.create_secret(Name=str(uuid4()), SecretString=value)["ARN"]
            for output, value in SECRETS.items()
        }
        outputs = {"ApiUrl": "https://api.example/v1", "ApiId": "api", **self.arns}
        template = {
            "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}},  # CloudFormation wants one
            "Outputs": {output: {"Value": value} for output, value in outputs.items()},
        }
        self.client("cloudformation").create_stack(StackName="feee-cancel", TemplateBody=json.dumps(template))

    def client(self, service: str) -> Any:
        make: Any = boto3.client
        return make(service, endpoint_url=self.environment["AWS_ENDPOINT_URL"], region_name="us-east-1")

    def secret(self, output: str) -> Any:
        value = self.client("secretsmanager").get_secret_value(SecretId=self.arns[output])
        return json.loads(value["SecretString"])


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with moto() as url:
        yield url


@pytest.fixture
def there(endpoint: str, tmp_path: Path) -> Iterator[There]:
    found = There(endpoint, tmp_path)
    yield found
    found.client("cloudformation").delete_stack(StackName="feee-cancel")


def left_behind(folder: Path, environment: Mapping[str, str]) -> str:
    """Every file that was written in the terminal's home, and its environment."""
    files = [path.read_text(errors="replace") for path in folder.rglob("*") if path.is_file()]
    return "".join([*files, *environment.values()])


def test_the_key_is_typed_and_shown_nowhere(there: There, tmp_path: Path) -> None:
    with terminal(ROOT, there.environment) as type_in:
        seen = type_in("./feee-cancel set-key; history", {"": KEY})
    assert there.secret("FeeeKeySecretArn") == {"key": KEY}
    assert "The key is set." in seen
    assert KEY not in seen
    assert KEY not in left_behind(tmp_path, there.environment)


def test_the_key_comes_through_a_pipe(there: There) -> None:
    command = [str(ROOT / "feee-cancel"), "set-key"]
    done = subprocess.run(command, input=f"{KEY}\n", env=there.environment, capture_output=True, text=True, check=True)
    assert there.secret("FeeeKeySecretArn") == {"key": KEY}
    assert KEY not in done.stdout + done.stderr


def test_a_webhooks_secret_is_shown_once_and_set(there: There) -> None:
    command = [str(ROOT / "feee-cancel"), "set-webhook-secret", "shop", "--json"]
    done = subprocess.run(command, env=there.environment, capture_output=True, text=True, check=True)
    shown = json.loads(done.stdout)["secret"]
    assert there.secret("WebhookSecretArn") == {"secrets": {"shop": shown}}
