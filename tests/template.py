"""template.yaml, as the tests read it."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from local.rules import transformed as sam

ROOT = Path(__file__).parents[1]
TEMPLATE: Mapping[str, Any] = sam.read(ROOT / "template.yaml")


@cache
def transformed() -> Mapping[str, Any]:
    """The template as SAM's transform hands it to CloudFormation."""
    return sam.transformed(TEMPLATE)


def resources(kind: str) -> dict[str, Mapping[str, Any]]:
    """The properties of the transformed template's resources of a type, such as `AWS::Lambda::Function`."""
    return sam.of_type(transformed(), kind)


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
