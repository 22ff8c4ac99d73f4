"""Nobody gets in without credentials, a right signature and the permission: every path, by every method.

The emulator imports what AWS would: each operation's own security, and nothing from the document's root.
"""

import json
from collections.abc import Iterator
from uuid import uuid4

import pytest
from botocore.credentials import Credentials

from local.rules.imported import OPEN
from local.stack import LocalStack
from tests.template import resources

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
PATHS = [*resources("AWS::ApiGateway::RestApi")["Api"]["Body"]["paths"]]
ORDER_NO = str(uuid4().int)[:22]
"""Nobody else's on the stack, whichever tests came before."""


@pytest.fixture
def nobody(stack: LocalStack) -> Iterator[Credentials]:
    """The right credentials of a user that may do nothing."""
    iam = stack.client("iam")
    iam.create_user(UserName="nobody")
    key = iam.create_access_key(UserName="nobody")["AccessKey"]
    yield Credentials(key["AccessKeyId"], key["SecretAccessKey"])
    iam.delete_access_key(UserName="nobody", AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName="nobody")


def status(stack: LocalStack, method: str, path: str, credentials: Credentials | None) -> int:
    body = json.dumps({"order_no": ORDER_NO}).encode() if method in {"POST", "PUT", "PATCH"} else None
    return stack.api.call(method, path.format(order_no=ORDER_NO), body, credentials=credentials).status


@pytest.mark.parametrize("path", sorted(set(PATHS) - OPEN))
@pytest.mark.parametrize("method", METHODS)
def test_a_route_is_closed(stack: LocalStack, nobody: Credentials, method: str, path: str) -> None:
    forged = Credentials(nobody.access_key, "a wrong secret")
    assert [status(stack, method, path, who) for who in (None, forged, nobody)] == [401, 403, 403]
    row = stack.client("dynamodb").get_item(TableName=stack.outputs["TableName"], Key={"order_no": {"S": ORDER_NO}})
    assert "Item" not in row
    assert stack.simulator.client.requests(ORDER_NO) == []


@pytest.mark.parametrize("method", METHODS)
def test_the_webhook_checks_its_own_signature(stack: LocalStack, method: str) -> None:
    """AWS's signature isn't asked for; without the sender's the function answers 401, and 405 to other methods."""
    assert status(stack, method, "/webhooks/cancel", None) == (401 if method == "POST" else 405)


def test_every_method_has_the_authorization_of_its_own_operation(stack: LocalStack) -> None:
    gateway, api = stack.client("apigateway"), stack.outputs["ApiId"]
    found = {
        (resource["path"], method): gateway.get_method(restApiId=api, resourceId=resource["id"], httpMethod=method)[
            "authorizationType"
        ]
        for resource in gateway.get_resources(restApiId=api, limit=500)["items"]
        for method in resource.get("resourceMethods", {})
    }
    assert {path for path, _ in found} == set(PATHS)
    assert {path for (path, _), kind in found.items() if kind != "AWS_IAM"} == OPEN
