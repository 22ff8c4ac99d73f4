"""Rules for the resources of the transformed template."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from local.rules.imported import ANY, documents, operations
from local.rules.transformed import branches, listed, of_type, statements_of

OUTLIVES_A_FAILED_CREATION = {
    "ApiGatewayAccount": "deleting it changes nothing: the account goes on with the role",
    "ApiGatewayLogRole": "the account's setting names it, and other APIs of this region log with it",
}
LEVELS = {"TRACE", "DEBUG", "INFO"}
"""Of Lambda's application log levels, those that let lines without a level through: they count as INFO."""
VARIABLES = {
    *(
        "requestId",
        "extendedRequestId",
        "requestTime",
        "requestTimeEpoch",
        "httpMethod",
        "path",
        "resourcePath",
        "status",
    ),
    *("identity.sourceIp", "identity.userArn", "identity.caller", "identity.userAgent", "responseLatency"),
    *("responseLength", "error.responseType", "error.messageString", "xrayTraceId"),
}
"""Of the variables of an access log, those that may be of use here."""
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:feee/key"
API_GATEWAYS_LIMIT_SECONDS = 29
MOST_PARAMETERS = MOST_OUTPUTS = 200
MOST_VARIABLES = 4 * 1024
MOST_LAYERS = 5
MOST_PROJECTED, MOST_PROJECTED_IN_ALL = 20, 100


def language_extensions_come_first(template: Mapping[str, Any]) -> Iterator[str]:
    """AWS::LanguageExtensions comes before AWS::Serverless (AWS::LanguageExtensions transform, considerations)."""
    transforms = listed(template.get("Transform", []))
    if "AWS::LanguageExtensions" in transforms[1:]:
        yield "AWS::LanguageExtensions isn't the first of the transforms"


def method_settings_name_methods_that_exist(template: Mapping[str, Any]) -> Iterator[str]:
    """`/` inside a path is `~1`, and a wildcard method goes with `/*` alone (AWS::ApiGateway::Stage MethodSetting)."""
    known = {("/*", "*")}
    for _, document in documents(template):
        for path, method, _ in operations(document):
            known.add((f"/{path.replace('/', '~1')}", "ANY" if method == ANY else method.upper()))
    for stage in of_type(template, "AWS::ApiGateway::Stage").values():
        for setting in stage.get("MethodSettings", []):
            if (setting["ResourcePath"], setting["HttpMethod"]) not in known:
                yield f"method setting {setting['HttpMethod']} {setting['ResourcePath']} is of no method"


def access_logs_tell_requests_apart(template: Mapping[str, Any]) -> Iterator[str]:
    """The format must hold $context.requestId or extendedRequestId (AWS::ApiGateway::Stage AccessLogSetting)."""
    for stage in of_type(template, "AWS::ApiGateway::Stage").values():
        written = stage.get("AccessLogSetting", {}).get("Format", "$context.requestId")
        if not re.search(r"\$context\.(extendedR|r)equestId\b", written):
            yield "the access log's format has no request id"


def access_logs_name_variables_that_there_are(template: Mapping[str, Any]) -> Iterator[str]:
    """For a variable that doesn't exist, nothing is written (Variables for access logging for API Gateway)."""
    for stage in of_type(template, "AWS::ApiGateway::Stage").values():
        named = set(re.findall(r"\$context\.([\w.]+)", stage.get("AccessLogSetting", {}).get("Format", "")))
        for variable in sorted(named - VARIABLES):
            yield f"the access log names $context.{variable}"


def api_gateway_may_invoke_each_function(template: Mapping[str, Any]) -> Iterator[str]:
    """Without a permission API Gateway answers 500 (Lambda: invoking a function from API Gateway, permissions)."""
    allowed = {
        (permission["FunctionName"]["Ref"], _path_of(permission["SourceArn"]))
        for permission in of_type(template, "AWS::Lambda::Permission").values()
        if permission["Principal"] == "apigateway.amazonaws.com"
    }
    for _, document in documents(template):
        for path, method, operation in operations(document):
            function = re.findall(r"\$\{(\w+)\.Arn\}", json.dumps(operation["x-amazon-apigateway-integration"]))
            verb = "*" if method == ANY else method.upper()
            asked = f"{verb}{re.sub(r'{[^}]+}', '*', path)}"
            if not any((name, asked) in allowed for name in function):
                yield f"API Gateway may not invoke a function for {method} {path}"


def _path_of(source: Mapping[str, Any]) -> str:
    """Method and path of a SourceArn: what comes after the API and its stage."""
    arn = source["Fn::Sub"]
    return str(arn[0] if isinstance(arn, list) else arn).split("/", 2)[2]


def functions_answer_before_api_gateway_gives_up(template: Mapping[str, Any]) -> Iterator[str]:
    """An integration has 29 s by default (API Gateway quotas, for REST APIs)."""
    functions = of_type(template, "AWS::Lambda::Function")
    for _, document in documents(template):
        for name in set(re.findall(r"\$\{(\w+)\.Arn\}", json.dumps(document))) & functions.keys():
            if functions[name].get("Timeout", 3) >= API_GATEWAYS_LIMIT_SECONDS:
                yield f"{name} may take longer than API Gateway waits"


def failed_creations_leave_nothing(template: Mapping[str, Any]) -> Iterator[str]:
    """`Retain` also keeps what a rolled-back creation made (DeletionPolicy attribute; RetainExceptOnCreate)."""
    for name, resource in template["Resources"].items():
        if "Retain" in [*branches(resource.get("DeletionPolicy"))] and name not in OUTLIVES_A_FAILED_CREATION:
            yield f"{name} stays behind when its creation is rolled back"


def replaced_resources_know_their_policy(template: Mapping[str, Any]) -> Iterator[str]:
    """UpdateReplacePolicy is Delete, Retain or Snapshot (UpdateReplacePolicy attribute)."""
    for name, resource in template["Resources"].items():
        for policy in branches(resource.get("UpdateReplacePolicy", "Delete")):
            if policy not in ("Delete", "Retain", "Snapshot"):
                yield f"{name} has UpdateReplacePolicy {policy}"


def dashboards_are_named_for_their_region(template: Mapping[str, Any]) -> Iterator[str]:
    """A dashboard's name is global to the account (CloudWatch dashboards are global; qnabot-on-aws#81)."""
    for name, dashboard in of_type(template, "AWS::CloudWatch::Dashboard").items():
        named = json.dumps(dashboard["DashboardName"])
        if not ("AWS::Region" in named and "AWS::StackName" in named):
            yield f"{name} has the name of another region's"


def no_concurrency_is_reserved(template: Mapping[str, Any]) -> Iterator[str]:
    """A new account may have 10 concurrent executions, and as many must stay unreserved (Lambda quotas).

    See datadog-serverless-functions#621.
    """
    for name, function in of_type(template, "AWS::Lambda::Function").items():
        if "ReservedConcurrentExecutions" in function:
            yield f"{name} reserves concurrency"


def log_levels_let_metrics_through(template: Mapping[str, Any]) -> Iterator[str]:
    """With JSON logs, Lambda's level wins over Powertools', defaults to INFO, and drops metrics above it.

    Lambda: log-level filtering; Powertools Logger, Advanced Logging Controls; powertools-lambda-python#7220.
    """
    for name, function in of_type(template, "AWS::Lambda::Function").items():
        logging = function.get("LoggingConfig", {})
        for level in branches(logging.get("ApplicationLogLevel")) if logging.get("LogFormat") == "JSON" else ():
            parameter = level.get("Ref") if isinstance(level, dict) else None
            levels = template.get("Parameters", {}).get(parameter, {}).get("AllowedValues", [level])
            if not set(levels) <= LEVELS:
                yield f"{name} may log at {', '.join(map(str, levels))}"


def secrets_are_named_in_full(template: Mapping[str, Any]) -> Iterator[str]:
    """A secret's ARN ends in a hyphen and six characters, and IAM compares with that (Secrets Manager, ARNs)."""
    for name, parameter in template.get("Parameters", {}).items():
        pattern = parameter.get("AllowedPattern", "")
        if "secretsmanager" in pattern and re.search(pattern, SECRET):
            yield f"parameter {name} accepts an ARN without its six characters"
        if "secretsmanager" in pattern and not re.search(pattern, f"{SECRET}-a1B2c3"):
            yield f"parameter {name} refuses the ARN of a secret"


def secrets_start_with_the_same_literal(template: Mapping[str, Any]) -> Iterator[str]:
    """CloudFormation writes SecretString again when the template's text changes: over the real one (cdkd#2472).

    So these two may never be edited, not even by a blank.
    """
    for name, secret in of_type(template, "AWS::SecretsManager::Secret").items():
        if secret.get("SecretString") not in ('{"key": ""}', '{"secrets": []}'):
            yield f"an update of the stack would overwrite {name}"


def lists_are_read_where_each_has_something(template: Mapping[str, Any]) -> Iterator[str]:
    """AWS::LanguageExtensions looks up a list's element even if a condition leaves it out.

    "Fn::Select cannot select nonexistent value" (cfn-language-discussion#159); an empty list is one empty text (#102).
    """
    for name, resource in template["Resources"].items():
        for index in re.findall(r'"Fn::Select": \[("?\d+"?), \{"Ref"', json.dumps(resource)):
            if index.strip('"') != "0":
                yield f"{name} reads element {index} of a list, which a shorter one lacks"


def a_function_that_invokes_itself_is_allowed_to(template: Mapping[str, Any]) -> Iterator[str]:
    """Lambda stops a function that invokes itself some 16 times, unless RecursiveLoop allows it (Lambda: loops)."""
    for name, function in of_type(template, "AWS::Lambda::Function").items():
        role = function["Role"]["Fn::GetAtt"][0]
        itself = {"Action": "lambda:InvokeFunction", "Effect": "Allow", "Resource": {"Fn::GetAtt": [name, "Arn"]}}
        if itself in statements_of(template, role) and function.get("RecursiveLoop") != "Allow":
            yield f"{name} invokes itself, and Lambda would stop it"


def indexes_project_no_more_than_dynamodb_allows(template: Mapping[str, Any]) -> Iterator[str]:
    """20 attributes that aren't keys in an index, 100 in all (AWS::DynamoDB::Table Projection, NonKeyAttributes)."""
    for name, table in of_type(template, "AWS::DynamoDB::Table").items():
        indexes = table.get("GlobalSecondaryIndexes", [])
        projected = [len(index["Projection"].get("NonKeyAttributes", [])) for index in indexes]
        if max(projected, default=0) > MOST_PROJECTED or sum(projected) > MOST_PROJECTED_IN_ALL:
            yield f"{name} has too many attributes in its indexes"


def it_is_within_cloudformations_quotas(template: Mapping[str, Any]) -> Iterator[str]:
    """200 parameters, 200 outputs (CloudFormation quotas); 4 KB of variables, 5 layers (Lambda quotas)."""
    if len(template.get("Parameters", {})) > MOST_PARAMETERS or len(template.get("Outputs", {})) > MOST_OUTPUTS:
        yield "the template has too many parameters or outputs"
    for name, function in of_type(template, "AWS::Lambda::Function").items():
        if (
            len(json.dumps(function.get("Environment", {}))) > MOST_VARIABLES
            or len(function.get("Layers", [])) > MOST_LAYERS
        ):
            yield f"{name} has too many variables or layers"


RULES = (
    language_extensions_come_first,
    method_settings_name_methods_that_exist,
    access_logs_tell_requests_apart,
    access_logs_name_variables_that_there_are,
    api_gateway_may_invoke_each_function,
    functions_answer_before_api_gateway_gives_up,
    failed_creations_leave_nothing,
    replaced_resources_know_their_policy,
    dashboards_are_named_for_their_region,
    no_concurrency_is_reserved,
    log_levels_let_metrics_through,
    secrets_are_named_in_full,
    secrets_start_with_the_same_literal,
    lists_are_read_where_each_has_something,
    a_function_that_invokes_itself_is_allowed_to,
    indexes_project_no_more_than_dynamodb_allows,
    it_is_within_cloudformations_quotas,
)
