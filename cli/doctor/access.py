"""Who gets in: every route and method, as API Gateway has it and as it answers."""

import json
from collections.abc import Iterator
from typing import Any

from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from cli.doctor.deployment import Deployment
from cli.doctor.finding import Finding, ok, warning, wrong

WEBHOOK = "/webhooks/cancel"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
OVERRIDE = "X-HTTP-Method-Override"
_REFUSED = (401, 403)
_HARMLESS = (200, 404)
"""Either it stays a GET, or the function refuses any request with this header."""
_SOME_ORDER = "1"
_AGAIN = "Deploy this version again; until then, anybody may ask, look and withdraw."


def methods_are_locked(there: Deployment) -> Iterator[Finding]:
    """API Gateway, as it imported the methods, asks for AWS_IAM at each but the webhook's."""
    name = "methods are locked"
    found = [*_methods(there)]
    unlocked = [f"{method} {path}" for path, method, kind in found if kind != "AWS_IAM" and path != WEBHOOK]
    if unlocked:
        yield wrong(name, f"open to everybody: {', '.join(unlocked)}", _AGAIN)
    elif found:
        yield ok(name, f"{len(found)} methods: AWS_IAM, but for the webhook's")
    else:
        yield wrong(name, "the API has no methods", "Deploy this version again.")


def _methods(there: Deployment) -> Iterator[tuple[str, str, str]]:
    """Path, method and authorization of each."""
    gateway, api = there.client("apigateway"), there.output("ApiId")
    for resource in _resources(gateway, api):
        for method in resource.get("resourceMethods", {}):
            found = gateway.get_method(restApiId=api, resourceId=resource["id"], httpMethod=method)
            yield resource["path"], method, found["authorizationType"]


def _resources(gateway: Any, api: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = gateway.get_resources(restApiId=api, limit=500)["items"]
    return found


def unsigned_requests_are_refused(there: Deployment) -> Iterator[Finding]:
    """Each route answers 401 or 403 to an unsigned request, by whatever method; the webhook checks its own."""
    name = "unsigned requests are refused"
    paths = [
        resource["path"]
        for resource in _resources(there.client("apigateway"), there.output("ApiId"))
        if resource.get("resourceMethods")
    ]
    answered = {
        f"{method} {path}": there.call(method, path.format(order_no=_SOME_ORDER), credentials=None).status
        for path in paths
        for method in (METHODS if path != WEBHOOK else ("POST",))
    }
    served = [f"{which} ({status})" for which, status in answered.items() if status not in _REFUSED]
    if served:
        yield wrong(name, f"gave another answer: {', '.join(served)}", _AGAIN)
    else:
        yield ok(name, f"{len(answered)} of {len(answered)} answered 401 or 403")


def a_header_changes_no_method(there: Deployment) -> Iterator[Finding]:
    """X-HTTP-Method-Override, which API Gateway documents, gives nobody a method that they aren't allowed.

    A GET that claims to be a POST, without a document, does no harm even if it is taken for one.
    """
    name = "a header changes no method"
    own = _overridden(there, ...)
    if own in _HARMLESS:
        yield ok(name, f"{OVERRIDE} is ignored (200) or refused (404): answered {own}")
        return
    reader = _reader(there)
    if own in _REFUSED or reader is None:
        yield warning(
            name,
            f"{OVERRIDE} may be obeyed (a GET was answered {own}), and it couldn't be seen which method's permission "
            "applies",
            "Run the doctor as an IAM user that may GET /cancellations: a role can't narrow its own credentials.",
        )
        return
    theirs = _overridden(there, reader)
    if theirs in {*_HARMLESS, 403}:
        yield ok(name, f"who may GET alone is answered {theirs} to a GET with {OVERRIDE}: POST")
    else:
        yield wrong(
            name,
            f"who may GET alone gets other methods by {OVERRIDE} (answered {theirs})",
            "Give callers no permission by method until this is fixed, and report it (SECURITY.md).",
        )


def _overridden(there: Deployment, credentials: Any) -> int:
    return there.call("GET", "/cancellations?limit=1", credentials=credentials, headers={OVERRIDE: "POST"}).status


def _reader(there: Deployment) -> Credentials | None:
    """Credentials for a quarter of an hour that may only GET; None if they aren't available, as for a role."""
    allowed = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": f"{there.outputs['ApiArn']}/GET/*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    try:
        given = there.client("sts").get_federation_token(Name="feee-cancel-doctor", Policy=policy, DurationSeconds=900)
    except ClientError:
        return None
    found = given["Credentials"]
    return Credentials(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])
