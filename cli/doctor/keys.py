"""The secrets: set, well-formed, and under a key that their readers may use. None of them is shown."""

import base64
import time
from collections.abc import Iterator

from cli.doctor.deployment import Deployment
from cli.doctor.finding import Finding, ok, warning, wrong
from feee_cancel.adapters.secret import SecretKey
from feee_cancel.adapters.senders import SenderSecret
from feee_cancel.adapters.signatures import Verifier
from feee_cancel.usecases.errors import NotSignedError, SecretUnavailableError

_AWSS_OWN = "alias/aws/secretsmanager"


def the_key_is_set(there: Deployment) -> Iterator[Finding]:
    """feee.io's key, read as the functions read it."""
    name, arn = "feee.io's key is set", there.output("FeeeKeySecretArn")
    _may_be_read(there, arn)
    try:
        SecretKey(there.client("secretsmanager"), arn)()
    except SecretUnavailableError as error:
        fix = "Set it. Until then requests are accepted and wait."
        yield wrong(name, str(error), fix, there.where.command("set-key"))
    else:
        yield ok(name, "and well-formed; whether feee.io accepts it shows with the first call")
    yield from _decryptable(there, name, arn)


def the_webhooks_secret_is_set(there: Deployment) -> Iterator[Finding]:
    """The webhook's secrets, read as the function reads them, by a request that none of them signed."""
    name, arn = "the webhook's secret is set", there.output("WebhookSecretArn")
    _may_be_read(there, arn)
    signature = base64.b64encode(bytes(32)).decode()
    headers = {
        "webhook-id": "doctor",
        "webhook-timestamp": str(int(time.time())),
        "webhook-signature": f"v1,{signature}",
    }
    try:
        Verifier(there.client("secretsmanager"), arn)({key: [value] for key, value in headers.items()}, b"{}")
    except NotSignedError:
        yield ok(name, "and well-formed")
    except SecretUnavailableError as error:
        fix = "Make one for a sender. Until then no webhook is accepted; nothing else needs it."
        yield warning(name, str(error), fix, there.where.command("set-webhook-secret", "NAME"))
    yield from _decryptable(there, name, arn)


def the_outgoing_secret_is_set(there: Deployment) -> Iterator[Finding]:
    """The secrets that settled events are signed with, read as the function that posts them reads them."""
    name = "the outgoing webhook's secret is set"
    if not there.posts_events:
        yield ok(name, "none is needed: SettledWebhookUrl is empty")
        return
    arn = there.output("SettledSecretArn")
    _may_be_read(there, arn)
    try:
        SenderSecret(there.client("secretsmanager"), arn)()
    except SecretUnavailableError as error:
        fix = "Make one. Until then events wait, for three days each."
        yield wrong(name, str(error), fix, there.where.command("set-webhook-secret", "--outgoing"))
    else:
        yield ok(name, "and well-formed")
    yield from _decryptable(there, name, arn)


def _may_be_read(there: Deployment, arn: str) -> None:
    """Raises what boto3 raises if these credentials may not: that says nothing about the functions'."""
    there.client("secretsmanager").get_secret_value(SecretId=arn)


def _decryptable(there: Deployment, name: str, arn: str) -> Iterator[Finding]:
    """Under a customer-managed key the functions need that key, which a parameter gives them."""
    found = there.client("secretsmanager").describe_secret(SecretId=arn)
    key = found.get("KmsKeyId") or _AWSS_OWN
    given = there.parameters.get("SecretKmsKeyArns", "").split(",")
    if key.endswith(_AWSS_OWN) or key.rpartition("/")[2] in {one.rpartition("/")[2] for one in given}:
        return
    yield wrong(
        name,
        f"{arn} is encrypted with the KMS key {key}, which the functions may not use",
        "Deploy with the ARN of that key in SecretKmsKeyArns.",
    )
