"""The built template as SAM CLI reads it soonest: JSON, which may lie in any folder, because its paths are whole.

SAM CLI reads a template seven times for a deployment, and tries JSON first; YAML takes it most of its time.
"""

import json
import os
from pathlib import Path
from typing import Any

from local.rules.transformed import read

_PATHS = {"CodeUri", "ContentUri", "LicenseUrl", "ReadmeUrl"}


def built_template(artifacts: Path) -> dict[str, Any]:
    """The template of a build, with the short forms of functions spelled out."""
    template: dict[str, Any] = json.loads(json.dumps(read(artifacts / "template.yaml")))
    for described in (*template["Resources"].values(), *template.get("Metadata", {}).values()):
        _name_whole_paths(described.get("Properties", described), artifacts)
    return template


def _name_whole_paths(properties: dict[str, Any], artifacts: Path) -> None:
    for name in _PATHS & properties.keys():
        properties[name] = os.path.normpath(artifacts / properties[name])
    match properties.get("DefinitionBody"):
        case {"Fn::Transform": {"Parameters": {"Location": location} as included}}:
            included["Location"] = os.path.normpath(artifacts / location)
