"""Rules for what a service checks when a resource is created: a deployment that breaks one is rolled back."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from local.rules.transformed import branches, of_type, readers

LEGACY_POLICIES = {"TLS_1_0", "TLS_1_2"}
LONGEST_OF_ALL_STACKS = {"AWS::StackName": 128, "AWS::Region": 20}
LONGEST_NAMES = {
    "AWS::CloudWatch::Alarm": ("AlarmName", 255),
    "AWS::CloudWatch::Dashboard": ("DashboardName", 255),
    "AWS::Logs::QueryDefinition": ("Name", 255),
}
"""What gets its name from a property in this template; CloudFormation shortens the names that it makes itself."""
LONGEST_QUERY, MOST_LOG_GROUPS = 10_000, 50
LONGEST_DESCRIPTION, LONGEST_VALUE = 4_000, 4_096
MOST_VARIABLES = 4 * 1024
LONGEST = {"AWS::DynamoDB::Table": 255, "AWS::Lambda::Function": 64, "AWS::SQS::Queue": 160}
"""The longest that a reference to such a resource can be: a name, or a queue's URL, whose name has 80 characters."""
LONGEST_ARN = 320
REPOSITORY = {
    "Name": r"[a-zA-Z0-9\-]{1,140}",
    "Description": r"(?s).{1,256}",
    "Author": r"(?=.{1,127}$)[a-z0-9](([a-z0-9]|-(?!-))*[a-z0-9])?",
    "SemanticVersion": r"\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?",
    "SpdxLicenseId": r"[A-Za-z0-9.+-]+",
    "LicenseUrl": r".+",
}
INDEXES = {
    "state-due_at": {
        *(
            "state_reason",
            "requested_at",
            "requested_by",
            "gives_up_at",
            "eligible_at",
            "settled_at",
            "attempt",
            "reason",
        ),
        *("pay_amount", "refund_amount", "refund_time", "partly_filled", "postponed", "rank"),
    },
    "state-rank": {"due_at", "state_reason", "postponed"},
}
"""The table's indexes with what they hold, as a stack that is deployed has them."""
LABEL, MOST_LABELS = r"[a-zA-Z0-9+\-_:/@]{1,127}", 10


def queues_hide_a_message_while_it_is_worked_on(template: Mapping[str, Any]) -> Iterator[str]:
    """Lambda refuses a mapping whose queue has a shorter visibility timeout than the function's timeout.

    Lambda: creating and configuring an SQS event source mapping; getlift/lift#388.
    """
    queues, functions = of_type(template, "AWS::SQS::Queue"), of_type(template, "AWS::Lambda::Function")
    for queue, function in readers(template):
        if queues[queue].get("VisibilityTimeout", 30) < functions[function].get("Timeout", 3):
            yield f"{queue} shows a message again while {function} works on it"


def saved_queries_are_accepted(template: Mapping[str, Any]) -> Iterator[str]:
    """At most 10,000 characters of text (AWS::Logs::QueryDefinition), and 50 log groups (StartQuery)."""
    for name, query in of_type(template, "AWS::Logs::QueryDefinition").items():
        if not 0 < len(query["QueryString"]) <= LONGEST_QUERY:
            yield f"{name} has {len(query['QueryString'])} characters"
        if len(query.get("LogGroupNames", [])) > MOST_LOG_GROUPS:
            yield f"{name} reads more log groups than a query may"


def names_fit_a_stack_with_a_long_one(template: Mapping[str, Any]) -> Iterator[str]:
    """A stack's name may have 128 characters (CreateStack); an alarm's, a dashboard's and a query's, 255."""
    for kind, (named, most) in LONGEST_NAMES.items():
        for name, resource in of_type(template, kind).items():
            if _longest(template, resource[named]) > most:
                yield f"{name} has too long a name for a stack with a long one"


def security_policies_come_with_what_they_need(template: Mapping[str, Any]) -> Iterator[str]:
    """One whose name begins with SecurityPolicy_ needs an endpoint access mode (security policies for REST APIs)."""
    for name, api in of_type(template, "AWS::ApiGateway::RestApi").items():
        policy = api.get("SecurityPolicy", "TLS_1_0")
        enhanced = policy.startswith("SecurityPolicy_") and "EndpointAccessMode" in api
        if policy not in LEGACY_POLICIES and not enhanced:
            yield f"{name} has security policy {policy} without an access mode"


def the_repository_accepts_the_metadata(template: Mapping[str, Any]) -> Iterator[str]:
    """AWS SAM template Metadata section properties: what has to be there, its lengths and patterns."""
    said = template.get("Metadata", {}).get("AWS::ServerlessRepo::Application", {})
    for member, pattern in REPOSITORY.items():
        if not re.fullmatch(pattern, str(said.get(member) or "")):
            yield f"the repository refuses {member} {said.get(member)!r}"
    labels = said.get("Labels", [])
    if len(labels) > MOST_LABELS or not all(re.fullmatch(LABEL, label) for label in labels):
        yield f"the repository refuses the labels {labels}"


def parameters_accept_their_own_defaults(template: Mapping[str, Any]) -> Iterator[str]:
    """A pattern has to match each whole value; a description has up to 4,000 characters (Parameters section syntax)."""
    for name, parameter in template.get("Parameters", {}).items():
        default = str(parameter.get("Default", ""))
        each = default.split(",") if parameter["Type"] == "CommaDelimitedList" else [default]
        if not all(re.fullmatch(parameter.get("AllowedPattern", "(?s).*"), one) for one in each):
            yield f"{name} refuses its own default"
        if default not in map(str, parameter.get("AllowedValues", [default])):
            yield f"{name} doesn't allow its own default"
        if len(parameter.get("Description", "")) > LONGEST_DESCRIPTION:
            yield f"{name} has too long a description"


def indexes_stay_as_they_are(template: Mapping[str, Any]) -> Iterator[str]:
    """An update can't change an index; it makes or drops one, not both (AWS::DynamoDB::Table GlobalSecondaryIndexes).

    So other attributes need an index of another name beside the old one, and another deployment to drop the old one.
    """
    for name, table in of_type(template, "AWS::DynamoDB::Table").items():
        for index in table.get("GlobalSecondaryIndexes", []):
            held = INDEXES.get(index["IndexName"])
            if held is not None and held != set(index["Projection"].get("NonKeyAttributes", [])):
                yield f"an update of the stack can't change {name}'s index {index['IndexName']}"


def variables_fit_whatever_is_given(template: Mapping[str, Any]) -> Iterator[str]:
    """All variables of a function together have at most 4 KB (Lambda quotas); one parameter alone may have as much."""
    for name, function in of_type(template, "AWS::Lambda::Function").items():
        variables = function.get("Environment", {}).get("Variables", {})
        length = sum(len(variable) + _longest(template, value) for variable, value in variables.items())
        if length > MOST_VARIABLES:
            yield f"{name} may have {length} bytes of variables"


def variables_are_whole_numbers(template: Mapping[str, Any]) -> Iterator[str]:
    """A parameter of type Number may be a float (Parameters syntax), and a function that reads it wouldn't start."""
    parameters = template.get("Parameters", {})
    for name, function in of_type(template, "AWS::Lambda::Function").items():
        for variable, value in function.get("Environment", {}).get("Variables", {}).items():
            for one in branches(value):
                if isinstance(one, dict) and parameters.get(one.get("Ref"), {}).get("Type") == "Number":
                    yield f"{name} may get a fraction in {variable}"


def _longest(template: Mapping[str, Any], value: Any) -> int:
    """How long it can become."""
    match value:
        case {"Fn::If": [_, there, otherwise]}:
            return max(_longest(template, there), _longest(template, otherwise))
        case {"Fn::Sub": str(text)}:
            names = re.findall(r"\$\{([^}]+)\}", text)
            return len(re.sub(r"\$\{[^}]+\}", "", text)) + sum(_longest(template, {"Ref": name}) for name in names)
        case {"Ref": name} if name in LONGEST_OF_ALL_STACKS:
            return LONGEST_OF_ALL_STACKS[name]
        case {"Ref": name} if name in template.get("Parameters", {}):
            return _longest_given(template["Parameters"][name])
        case {"Ref": name}:
            return LONGEST[template["Resources"][name]["Type"]]
    return LONGEST_ARN if "Fn::GetAtt" in value else len(str(value))


def _longest_given(parameter: Mapping[str, Any]) -> int:
    return int(max(map(len, parameter.get("AllowedValues", [])), default=parameter.get("MaxLength", LONGEST_VALUE)))


RULES = (
    queues_hide_a_message_while_it_is_worked_on,
    saved_queries_are_accepted,
    names_fit_a_stack_with_a_long_one,
    security_policies_come_with_what_they_need,
    the_repository_accepts_the_metadata,
    parameters_accept_their_own_defaults,
    indexes_stay_as_they_are,
    variables_fit_whatever_is_given,
    variables_are_whole_numbers,
)
