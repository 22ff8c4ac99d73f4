"""What the emulator's import leaves out and API Gateway does: any-methods, and gateway responses."""

from collections.abc import Mapping
from typing import Any

from local.rules.imported import ANY

_STAGE = "v1"


def complete(gateway: Any, api: str, document: Mapping[str, Any]) -> None:
    """Add what the imported `document` says of both, and deploy again; `gateway` is a boto3 client of API Gateway.

    A method's authorization is its own operation's, as on AWS: nothing is inherited.
    """
    for resource in gateway.get_resources(restApiId=api, limit=500)["items"]:
        if ANY in (item := document["paths"].get(resource["path"], {})):
            _serve_any_method(gateway, {"restApiId": api, "resourceId": resource["id"]}, item)
    for kind, response in document["x-amazon-apigateway-gateway-responses"].items():
        gateway.put_gateway_response(restApiId=api, responseType=kind, **response)
    gateway.create_deployment(restApiId=api, stageName=_STAGE)


def _serve_any_method(gateway: Any, of: dict[str, str], item: Mapping[str, Any]) -> None:
    """Let the function that serves the path's first method serve every other method, too."""
    method = next(method for method in item if method != ANY)
    uri = gateway.get_method(**of, httpMethod=method.upper())["methodIntegration"]["uri"]
    gateway.put_method(**of, httpMethod="ANY", authorizationType=_authorization(item[ANY]))
    gateway.put_integration(**of, httpMethod="ANY", type="AWS_PROXY", integrationHttpMethod="POST", uri=uri)


def _authorization(operation: Mapping[str, Any]) -> str:
    schemes = {name for requirement in operation.get("security", []) for name in requirement}
    return "AWS_IAM" if "AWS_IAM" in schemes else "NONE"
