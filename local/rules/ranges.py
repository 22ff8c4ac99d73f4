"""Rules for single values: the numbers and texts that a service accepts, where cfn-lint doesn't look.

Each is in the resource's page of the CloudFormation template reference, or in the API operation that creates it.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from local.rules.transformed import listed, of_type

NUMBERS: Mapping[str, Mapping[str, tuple[int, int]]] = {
    "AWS::Lambda::Function": {"Timeout": (1, 900), "MemorySize": (128, 10_240)},
    "AWS::Lambda::EventInvokeConfig": {"MaximumRetryAttempts": (0, 2), "MaximumEventAgeInSeconds": (60, 21_600)},
    "AWS::Lambda::EventSourceMapping": {
        "BatchSize": (1, 10_000),
        "MaximumRecordAgeInSeconds": (60, 604_800),
        "ScalingConfig.MaximumConcurrency": (2, 1_000),
    },
    "AWS::Scheduler::Schedule": {
        "Target.RetryPolicy.MaximumEventAgeInSeconds": (60, 86_400),
        "Target.RetryPolicy.MaximumRetryAttempts": (0, 185),
    },
    "AWS::SQS::Queue": {"RedrivePolicy.maxReceiveCount": (1, 1_000)},
}
TEXTS: Mapping[str, Mapping[str, str]] = {
    "AWS::Lambda::Function": {"Runtime": r"python3\.1[0-4]", "Description": r".{1,256}", "RecursiveLoop": "Allow"},
    "AWS::Lambda::LayerVersion": {"CompatibleRuntimes": r"python3\.1[0-4]", "Description": r".{1,256}"},
    "AWS::Lambda::EventSourceMapping": {
        "FunctionResponseTypes": "ReportBatchItemFailures",
        "StartingPosition": "TRIM_HORIZON|LATEST",
    },
    "AWS::Scheduler::Schedule": {
        "ScheduleExpression": r"rate\((1 (minute|hour|day)|([2-9]|[1-9]\d+) (minutes|hours|days))\)",
        "Description": r".{1,512}",
    },
    "AWS::Events::Rule": {"Description": r".{1,512}"},
    "AWS::CloudWatch::Alarm": {"AlarmDescription": r".{1,1024}"},
    "AWS::SecretsManager::Secret": {"Description": r".{1,2048}"},
    "AWS::SNS::Topic": {"DisplayName": r".{1,100}"},
    "AWS::SNS::Subscription": {"Protocol": "email|https|sqs|lambda"},
}
PROJECTIONS = {"INCLUDE": True, "ALL": False, "KEYS_ONLY": False}
"""Whether each takes a list of attributes."""
MOST_PATTERN = 4_096


def numbers_are_within_bounds(template: Mapping[str, Any]) -> Iterator[str]:
    """CreateEventSourceMapping, PutFunctionEventInvokeConfig, CreateFunction, CreateSchedule, SetQueueAttributes."""
    for name, member, value, (least, most) in _values(template, NUMBERS):
        if isinstance(value, int) and not least <= value <= most:
            yield f"{name} has {member} {value}, not {least} to {most}"


def texts_are_of_the_form(template: Mapping[str, Any]) -> Iterator[str]:
    """The same; Schedule types in EventBridge Scheduler (one minute, several minutes); Lambda runtimes."""
    for name, member, value, form in _values(template, TEXTS):
        for one in listed(value):
            if isinstance(one, str) and not re.fullmatch(form, one):
                yield f"{name} has {member} {one[:40]!r}"


def filters_are_patterns(template: Mapping[str, Any]) -> Iterator[str]:
    """Lambda event filtering: JSON of 4,096 characters, whose leaves are lists of what to look for."""
    for name, mapping in of_type(template, "AWS::Lambda::EventSourceMapping").items():
        for one in mapping.get("FilterCriteria", {}).get("Filters", []):
            if len(one["Pattern"]) > MOST_PATTERN or not _is_pattern(one["Pattern"]):
                yield f"{name} has a filter that is no pattern"


def _is_pattern(text: str) -> bool:
    try:
        return _has_lists_for_leaves(json.loads(text))
    except ValueError:
        return False


def _has_lists_for_leaves(value: Any) -> bool:
    if isinstance(value, dict):
        return bool(value) and all(map(_has_lists_for_leaves, value.values()))
    return isinstance(value, list) and bool(value)


def indexes_list_attributes_if_they_include_some(template: Mapping[str, Any]) -> Iterator[str]:
    """AWS::DynamoDB::Table Projection: NonKeyAttributes goes with INCLUDE alone."""
    for name, table in of_type(template, "AWS::DynamoDB::Table").items():
        for index in table.get("GlobalSecondaryIndexes", []):
            projection = index["Projection"]
            if PROJECTIONS.get(projection["ProjectionType"]) is not ("NonKeyAttributes" in projection):
                yield f"{name}'s index {index['IndexName']} has attributes that it doesn't include"


def _values(
    template: Mapping[str, Any], wanted: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[str, str, Any, Any]]:
    """Each value that is set: its resource, its member, the value, and what it has to be."""
    for kind, members in wanted.items():
        for name, resource in of_type(template, kind).items():
            for member, form in members.items():
                value: Any = resource
                for part in member.split("."):
                    value = value.get(part, {})
                if value != {}:
                    yield name, member, value, form


RULES = (
    numbers_are_within_bounds,
    texts_are_of_the_form,
    filters_are_patterns,
    indexes_list_attributes_if_they_include_some,
)
