"""template.yaml, as the tests read it."""

import copy
import logging
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from cfnlint.decode import cfn_yaml
from samtranslator.translator.transform import transform

ROOT = Path(__file__).parents[1]
TEMPLATE: Mapping[str, Any] = cfn_yaml.load(str(ROOT / "template.yaml"))


class _NoManagedPolicies:
    """The template names policies by their ARN, so SAM needs no list of AWS's."""

    def load(self) -> dict[str, str]:
        return {}


@cache
def transformed() -> Mapping[str, Any]:
    """The template as SAM's transform hands it to CloudFormation; the code is said to be in a bucket."""
    template = copy.deepcopy(dict(TEMPLATE))
    for resource in template["Resources"].values():
        for uri in {"CodeUri", "ContentUri"} & set(resource.get("Properties", {})):
            resource["Properties"][uri] = "s3://bucket/key"
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    logging.getLogger("samtranslator").setLevel(logging.ERROR)  # it tells of a feature of its own at each start
    result: Mapping[str, Any] = transform(template, {}, _NoManagedPolicies())
    return result


def resources(kind: str) -> dict[str, Mapping[str, Any]]:
    """The properties of the transformed template's resources of a type, such as `AWS::Lambda::Function`."""
    found = transformed()["Resources"].items()
    return {name: resource.get("Properties", {}) for name, resource in found if resource["Type"] == kind}


def default_environment() -> dict[str, str]:
    """Every function's variables with the parameters at their defaults; a resource stands as its logical id."""
    parameters = TEMPLATE["Parameters"]
    functions = [resource for resource in TEMPLATE["Resources"].values() if resource["Type"].endswith("::Function")]
    sections = [TEMPLATE["Globals"]["Function"], *(function["Properties"] for function in functions)]
    variables = {
        name: value
        for section in sections
        for name, value in section.get("Environment", {}).get("Variables", {}).items()
    }
    return {name: str(_resolved(value, parameters)) for name, value in variables.items()}


def _resolved(value: Any, parameters: Mapping[str, Any]) -> object:
    match value:
        case {"Ref": name} if name in parameters:
            return parameters[name]["Default"]
        case {"Ref": name} | {"Fn::GetAtt": [name, *_]} | {"Fn::If": [name, *_]}:
            return name
        case _:
            return value
