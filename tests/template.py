"""template.yaml, as the tests read it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cfnlint.decode import cfn_yaml

ROOT = Path(__file__).parents[1]
TEMPLATE: Mapping[str, Any] = cfn_yaml.load(str(ROOT / "template.yaml"))


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
