"""A template as SAM's transform hands it to CloudFormation."""

import copy
import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cfnlint.decode import cfn_yaml
from samtranslator.translator.transform import transform


class _NoManagedPolicies:
    """The template names policies by their ARN, so SAM needs no list of AWS's."""

    def load(self) -> dict[str, str]:
        return {}


def read(path: Path) -> Mapping[str, Any]:
    """The template as it is written, with the short forms of functions spelled out."""
    template: Mapping[str, Any] = cfn_yaml.load(str(path))
    return template


def transformed(source: Mapping[str, Any]) -> Mapping[str, Any]:
    """What SAM makes of it, with the names of its transforms. SAM is told that the code is in a bucket."""
    template = copy.deepcopy(dict(source))
    for resource in template["Resources"].values():
        for uri in {"CodeUri", "ContentUri"} & set(resource.get("Properties", {})):
            resource["Properties"][uri] = "s3://bucket/key"
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    logging.getLogger("samtranslator").setLevel(logging.ERROR)  # it reports a feature of its own at each start
    result: dict[str, Any] = transform(template, {}, _NoManagedPolicies())
    return result | {"Transform": source.get("Transform", [])}


def of_type(template: Mapping[str, Any], kind: str) -> dict[str, Mapping[str, Any]]:
    """The properties of the resources of a type, such as `AWS::Lambda::Function`."""
    found = template["Resources"].items()
    return {name: resource.get("Properties", {}) for name, resource in found if resource["Type"] == kind}


def listed(value: Any) -> list[Any]:
    """What CloudFormation and IAM accept as one or as a list."""
    return value if isinstance(value, list) else [value]


def statements_of(template: Mapping[str, Any], role: str) -> list[Any]:
    """What a role allows, by policies of its own or attached ones of the template."""
    properties = template["Resources"][role]["Properties"]
    attached = [one for one in of_type(template, "AWS::IAM::Policy").values() if {"Ref": role} in one["Roles"]]
    arns = [arn for several in branches(properties.get("ManagedPolicyArns", [])) for arn in listed(several)]
    shared = [one for name, one in of_type(template, "AWS::IAM::ManagedPolicy").items() if {"Ref": name} in arns]
    policies = [*properties.get("Policies", []), *attached, *shared]
    return [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]


def readers(template: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each queue that a function is invoked from, with the function."""
    for mapping in of_type(template, "AWS::Lambda::EventSourceMapping").values():
        if "StartingPosition" not in mapping:  # that is a stream's
            yield mapping["EventSourceArn"]["Fn::GetAtt"][0], mapping["FunctionName"]["Ref"]


def branches(value: Any) -> Iterator[Any]:
    """What a value can become: itself, or either side of an `Fn::If`."""
    match value:
        case {"Fn::If": [_, there, otherwise]}:
            yield from branches(there)
            yield from branches(otherwise)
        case _:
            yield value
