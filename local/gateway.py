"""What the emulator's import of openapi.yaml leaves out and API Gateway does: other methods, and answers of its own."""

from typing import Any

import yaml

from local.build import ROOT

_STAGE = "v1"


def complete(gateway: Any, api: str) -> None:
    """Add `x-amazon-apigateway-any-method` and `x-amazon-apigateway-gateway-responses`, and deploy again.

    `gateway` is a boto3 client of API Gateway.
    """
    for resource in gateway.get_resources(restApiId=api, limit=500)["items"]:
        for method in list(resource.get("resourceMethods", {}))[:1]:
            _serve_any_method(gateway, {"restApiId": api, "resourceId": resource["id"]}, method)
    document = yaml.safe_load((ROOT / "openapi.yaml").read_text())
    for kind, response in document["x-amazon-apigateway-gateway-responses"].items():
        gateway.put_gateway_response(restApiId=api, responseType=kind, **response)
    gateway.create_deployment(restApiId=api, stageName=_STAGE)


def _serve_any_method(gateway: Any, of: dict[str, str], method: str) -> None:
    """Serve every other method as this one is served."""
    served = gateway.get_method(**of, httpMethod=method)
    uri = served["methodIntegration"]["uri"]
    gateway.put_method(**of, httpMethod="ANY", authorizationType=served["authorizationType"])
    gateway.put_integration(**of, httpMethod="ANY", type="AWS_PROXY", integrationHttpMethod="POST", uri=uri)
