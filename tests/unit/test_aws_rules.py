"""AWS's documented rules, on what is deployed; each is shown red on a document that breaks it.

What isn't said otherwise is on the page *Amazon API Gateway important notes*, in its section *for REST APIs*.
"""

import copy
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from local.rules import RULES, Rule, accepted, faults, imported, permissions, ranges, resource_rules
from local.rules import transformed as sam
from tests.template import ROOT, TEMPLATE, resources, transformed

ORDERS = "/orders/{order_no}"
Change = Callable[[Any], None]


def document(**members: Any) -> dict[str, Any]:
    """A template with an API that is made from this document."""
    signed = {"type": "apiKey", "name": "Authorization", "in": "header", "x-amazon-apigateway-authtype": "awsSigv4"}
    body = {"info": {"title": "api"}, "paths": {}, "components": {"securitySchemes": {"AWS_IAM": signed}}, **members}
    return {"Resources": {"Api": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Name": "api", "Body": body}}}}


def get(path: str = "/orders", **operation: Any) -> dict[str, Any]:
    """A template with an API of one operation."""
    return document(paths={path: {"get": operation}})


def model(name: str = "Order", **schema: Any) -> dict[str, Any]:
    """A template with an API of one model."""
    return document(components={"schemas": {name: schema}})


def changed(change: Change) -> dict[str, Any]:
    """What is deployed, with a fault put back."""
    template = copy.deepcopy(dict(transformed()))
    change(template)
    return template


def properties(template: Mapping[str, Any], name: str) -> Any:
    return template["Resources"][name]["Properties"]


def found(rule: Rule, template: Mapping[str, Any]) -> str:
    """What the rule says of the template; and that it says nothing of ours."""
    assert [*rule(transformed())] == []
    return "; ".join(rule(template))


def test_nothing_that_is_deployed_breaks_a_rule() -> None:
    assert faults(transformed()) == []


def test_a_fault_is_told_with_its_rule() -> None:
    bad = changed(lambda template: template["Resources"]["CancellationTable"].update(DeletionPolicy="Retain"))
    assert faults(bad) == [
        "failed_creations_leave_nothing: CancellationTable stays behind when its creation is rolled back"
    ]


def test_every_rule_says_where_it_is_from_and_is_seen_red_here() -> None:
    here = Path(__file__).read_text()
    assert [rule.__name__ for rule in RULES if not rule.__doc__ or f".{rule.__name__}" not in here] == []


def test_security_stands_at_each_operation() -> None:
    """Root-level security isn't used; it must stand at the operation, the any-methods' too."""
    rule = imported.security_stands_at_each_operation
    assert "open to everybody" in found(rule, get())
    assert "open to everybody" in found(rule, get(security=[]))
    assert "open to everybody" in found(rule, get(security=[{"another": []}]))
    assert "open to everybody" in found(rule, document(paths={"/orders": {imported.ANY: {}}}))
    assert "the document's root" in found(rule, document(security=[{"AWS_IAM": []}]))
    assert found(rule, get(security=[{"AWS_IAM": []}])) == ""


def test_the_webhook_alone_is_open() -> None:
    body = resources("AWS::ApiGateway::RestApi")["Api"]["Body"]
    unsigned = {path for path, _, one in imported.operations(body) if one["security"] != [{"AWS_IAM": []}]}
    assert unsigned == {"/webhooks/cancel"}


def test_security_schemes_are_api_keys() -> None:
    """Security schemes must be of type apiKey."""
    bad = document(components={"securitySchemes": {"basic": {"type": "http", "scheme": "basic"}}})
    assert "no apiKey" in found(imported.security_schemes_are_api_keys, bad)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("example", "2304170329503866885309"),
        ("nullable", True),
        ("default", 25),
        ("exclusiveMinimum", True),
        ("readOnly", True),
        ("deprecated", True),
        ("discriminator", {"propertyName": "state"}),
        ("allOf", [{"$ref": "#/components/schemas/Problem"}]),
        ("anyOf", [{"$ref": "#/components/schemas/Problem"}]),
        ("oneOf", [{"$ref": "#/components/schemas/Problem"}]),
        ("$ref", "#/components/schemas/Problem"),
        ("maxItems", 100),
        ("minItems", 1),
    ],
)
def test_models_keep_to_draft_4(keyword: str, value: object) -> None:
    """A model with `example` fails the import; the others are on the same list."""
    rule = imported.schemas_keep_to_draft_4
    bad: dict[str, Any] = {"type": "string", keyword: value}
    assert f"model Order has {keyword}" in found(rule, model(**bad))
    inner = {"a": {"type": "array", "items": bad}}
    assert f"model Order.a[] has {keyword}" in found(rule, model(type="object", properties=inner))


@pytest.mark.parametrize("name", ["int32", "int64", "decimal"])
def test_models_have_no_format_that_isnt_supported(name: str) -> None:
    """The formats int32, int64 and decimal aren't supported."""
    bad = model(type="object", properties={"a": {"type": "integer", "format": name}})
    assert f"format {name}" in found(imported.schemas_keep_to_draft_4, bad)


def test_models_say_one_type() -> None:
    """In OpenAPI 3.0 a type is one word; draft 4 would allow a list of them."""
    assert "no single type" in found(imported.schemas_keep_to_draft_4, model(type=["object", "null"]))


def test_models_have_alphanumeric_names() -> None:
    """Model names are alphanumeric."""
    assert "alphanumeric" in found(imported.names_are_plain, model(name="cancel-request", type="object"))


@pytest.mark.parametrize("path", ["/orders/~x", "/orders/a b", "/orders/no-{order_no}", "/orders/{order_no}.json"])
def test_paths_have_plain_segments_and_whole_parameters(path: str) -> None:
    """Segments hold alphanumerics and `_ - . , :`; a path parameter is a whole segment."""
    assert path in found(imported.names_are_plain, get(path))


@pytest.mark.parametrize("target", ["models.yaml#/Order", "#/components/responses/Problem", "#/components/schemas/X"])
def test_references_lead_to_models_of_the_document(target: str) -> None:
    """`$ref` to another file isn't supported."""
    bad = get(requestBody={"content": {"application/json": {"schema": {"$ref": target}}}})
    assert target in found(imported.references_stay_inside, bad)


def test_responses_are_objects() -> None:
    """In method responses a schema must be an object."""
    bad = get(responses={"200": {"content": {"application/json": {"schema": {"type": "array"}}}}})
    assert "no object" in found(imported.responses_are_objects, bad)


def test_parameters_say_what_counts() -> None:
    """Of a parameter name, in, required, type and description count; the rest is ignored."""
    bad = get(parameters=[{"name": "a", "in": "query", "schema": {"type": "string", "pattern": "x"}}])
    assert "pattern" in found(imported.parameters_say_what_counts, bad)


def test_a_request_that_is_too_large_is_answered_in_api_gateways_words() -> None:
    """REQUEST_TOO_LARGE can't be customized."""
    bad = document(**{"x-amazon-apigateway-gateway-responses": {"REQUEST_TOO_LARGE": {}}})
    assert "REQUEST_TOO_LARGE" in found(imported.gateway_responses_can_be_customized, bad)


@pytest.mark.parametrize(
    "text", ['{"a": "$context.error.validationErrorString"}', '{"a": $context.error.message}', "{"]
)
def test_gateway_responses_are_json_whatever_they_hold(text: str) -> None:
    """Error variables for data models: messageString is the quoted message; no other is said to be escaped."""
    kind = {"DEFAULT_4XX": {"responseTemplates": {"application/json": text}}}
    bad = document(**{"x-amazon-apigateway-gateway-responses": kind})
    assert "DEFAULT_4XX" in found(imported.gateway_responses_are_json, bad)


def test_the_documents_title_is_the_apis_name() -> None:
    """PutRestApi may take the title for the name, which alarms have as a dimension (terraform-provider-aws#7161)."""
    assert "other" in found(imported.the_title_is_the_apis_name, document(info={"title": "other"}))


def test_api_gateway_invokes_functions_by_their_own_permissions() -> None:
    """x-amazon-apigateway-integration: a Lambda proxy is called with POST; `credentials` would be the caller's."""
    rule = imported.integrations_invoke_by_the_functions_permission
    assert "isn't integrated" in found(rule, get())
    proxy: Any = {"type": "aws_proxy", "httpMethod": "POST", "credentials": "arn:aws:iam::*:user/*"}
    assert "with credentials" in found(
        rule, document(paths={"/a": {"get": {"x-amazon-apigateway-integration": proxy}}})
    )


def test_language_extensions_come_before_sam() -> None:
    """AWS::LanguageExtensions transform, considerations."""
    bad = {"Transform": ["AWS::Serverless-2016-10-31", "AWS::LanguageExtensions"], "Resources": {}}
    assert found(resource_rules.language_extensions_come_first, bad)


@pytest.mark.parametrize(
    ("path", "method"), [("/webhooks/cancel", "POST"), ("/~1webhooks~1cancel", "*"), ("/~1webhooks~1cancel", "GET")]
)
def test_a_method_setting_names_a_method_that_exists(path: str, method: str) -> None:
    """AWS::ApiGateway::Stage MethodSetting: `/` is `~1` but for the first; a wildcard method goes with `/*` alone."""

    def change(template: Any) -> None:
        properties(template, "Apiv1Stage")["MethodSettings"][1] |= {"ResourcePath": path, "HttpMethod": method}

    assert path in found(resource_rules.method_settings_name_methods_that_exist, changed(change))


def test_the_access_log_has_the_requests_id() -> None:
    """AWS::ApiGateway::Stage AccessLogSetting: the format must hold $context.requestId."""

    def change(template: Any) -> None:
        properties(template, "Apiv1Stage")["AccessLogSetting"]["Format"] = "$context.status"

    assert "request id" in found(resource_rules.access_logs_tell_requests_apart, changed(change))


def test_the_access_log_names_variables_that_there_are() -> None:
    """API Gateway: variables for access logging; one that isn't there is an empty text in each line."""

    def change(template: Any) -> None:
        setting = properties(template, "Apiv1Stage")["AccessLogSetting"]
        setting["Format"] = setting["Format"].replace("$context.responseLatency", "$context.latency")

    rule = resource_rules.access_logs_name_variables_that_there_are
    assert "$context.latency" in found(rule, changed(change))


def test_api_gateway_may_invoke_what_serves_a_method() -> None:
    """Lambda: invoking a function using an API Gateway endpoint, permissions."""
    permissions = [name for name in resources("AWS::Lambda::Permission") if "GetOrder" in name]
    (one,) = permissions
    bad = changed(lambda template: template["Resources"].pop(one))
    assert f"get {ORDERS}" in found(resource_rules.api_gateway_may_invoke_each_function, bad)


def test_functions_end_before_api_gateway_gives_up() -> None:
    """API Gateway quotas, for REST APIs: an integration has 29 s by default."""
    bad = changed(lambda template: properties(template, "ApiFunction").update(Timeout=29))
    assert "ApiFunction" in found(resource_rules.functions_answer_before_api_gateway_gives_up, bad)


@pytest.mark.parametrize("policy", ["Retain", {"Fn::If": ["KeepData", "Retain", "Delete"]}])
def test_a_creation_that_failed_leaves_nothing(policy: object) -> None:
    """DeletionPolicy attribute: RetainExceptOnCreate keeps a resource, but not one whose creation is rolled back."""
    bad = changed(lambda template: template["Resources"]["CancellationTable"].update(DeletionPolicy=policy))
    assert "CancellationTable" in found(resource_rules.failed_creations_leave_nothing, bad)


def test_a_replaced_resource_knows_no_creation() -> None:
    """UpdateReplacePolicy attribute: Delete, Retain or Snapshot."""
    bad = changed(lambda template: template["Resources"]["FeeeKey"].update(UpdateReplacePolicy="RetainExceptOnCreate"))
    assert "FeeeKey" in found(resource_rules.replaced_resources_know_their_policy, bad)


@pytest.mark.parametrize("name", [{"Ref": "AWS::StackName"}, {"Fn::Sub": "${AWS::Region}"}, "feee-cancel"])
def test_a_dashboard_is_named_for_its_stack_and_region(name: object) -> None:
    """Dashboards are global to the account (CloudWatch: creating a dashboard; qnabot-on-aws#81)."""
    bad = changed(lambda template: properties(template, "OperationsDashboard").update(DashboardName=name))
    assert "OperationsDashboard" in found(resource_rules.dashboards_are_named_for_their_region, bad)


def test_no_concurrency_is_reserved() -> None:
    """Lambda quotas: a new account may have 10, all of which must stay unreserved."""
    bad = changed(lambda template: properties(template, "ApiFunction").update(ReservedConcurrentExecutions=5))
    assert "ApiFunction" in found(resource_rules.no_concurrency_is_reserved, bad)


@pytest.mark.parametrize("level", [None, "WARN", {"Ref": "LogLevel"}])
def test_no_log_level_drops_the_metrics(level: object) -> None:
    """Lambda: log-level filtering: JSON logs default to INFO, and what has no level counts as INFO."""

    def change(template: Any) -> None:
        template["Parameters"]["LogLevel"] = {"Type": "String", "AllowedValues": ["INFO", "WARN"]}
        properties(template, "NotifyFunction")["LoggingConfig"]["ApplicationLogLevel"] = level

    assert "NotifyFunction" in found(resource_rules.log_levels_let_metrics_through, changed(change))


@pytest.mark.parametrize("pattern", ["^arn:aws:secretsmanager:.+$", "^arn:aws:secretsmanager:[a-z/]+$"])
def test_a_secrets_arn_is_given_whole(pattern: str) -> None:
    """Secrets Manager: an ARN ends in a hyphen and six characters, and a policy names it whole."""
    bad = changed(lambda template: template["Parameters"]["FeeeKeySecretArn"].update(AllowedPattern=pattern))
    assert "FeeeKeySecretArn" in found(resource_rules.secrets_are_named_in_full, bad)


def test_an_index_has_no_more_attributes_than_dynamodb_projects() -> None:
    """AWS::DynamoDB::Table Projection: NonKeyAttributes has 20 items at most, and all indexes together 100."""

    def change(template: Any) -> None:
        index = properties(template, "CancellationTable")["GlobalSecondaryIndexes"][0]
        index["Projection"]["NonKeyAttributes"] = [f"a{n}" for n in range(21)]

    assert "CancellationTable" in found(resource_rules.indexes_project_no_more_than_dynamodb_allows, changed(change))


@pytest.mark.parametrize(
    ("policy", "readers"),
    [("MayDecryptTheKey", 2), ("MayDecryptTheWebhooksSecret", 1), ("MayDecryptTheSettledSecret", 1)],
)
def test_who_reads_a_secret_may_use_its_key(policy: str, readers: int) -> None:
    """Secrets Manager: permissions for the KMS key: a reader needs kms:Decrypt under a customer-managed one."""
    bad = changed(lambda template: template["Resources"].pop(policy))
    said = found(permissions.readers_of_a_secret_may_decrypt_it, bad)
    assert said.count("whose key it may not use") == readers


def test_who_may_use_a_key_may_use_it_for_that_secret_alone() -> None:
    """Secrets Manager: the secret's ARN is in its encryption context, and a condition names it."""

    def change(template: Any) -> None:
        (statement,) = properties(template, "MayDecryptTheKey")["PolicyDocument"]["Statement"]
        del statement["Condition"]

    said = found(permissions.readers_of_a_secret_may_decrypt_it, changed(change))
    assert said.count("may decrypt what it doesn't read") == 2


def test_no_list_is_read_past_its_first_element() -> None:
    """AWS::LanguageExtensions evaluates Fn::Select whatever the condition (cfn-language-discussion#159)."""
    second = {"Fn::Select": [1, {"Ref": "SecretKmsKeyArns"}]}
    bad = changed(lambda template: properties(template, "FeeeKey").update(KmsKeyId=second))
    assert "FeeeKey reads element 1" in found(resource_rules.lists_are_read_where_each_has_something, bad)


def test_the_secrets_literals_are_what_they_always_were() -> None:
    """CloudFormation writes SecretString again if the template's text changed: over the real one (cdkd#2472)."""
    bad = changed(lambda template: properties(template, "FeeeKey").update(SecretString='{"key":""}'))
    assert "FeeeKey" in found(resource_rules.secrets_start_with_the_same_literal, bad)


def test_the_notifier_may_read_the_stream() -> None:
    """DynamoDB: IAM policy to allow a Lambda function to access stream records; ListStreams is in it."""

    def change(template: Any) -> None:
        (policy,) = properties(template, "NotifyFunctionRole")["Policies"]
        policy["PolicyDocument"]["Statement"] = policy["PolicyDocument"]["Statement"][:1]

    assert "dynamodb:ListStreams" in found(permissions.streams_may_be_read, changed(change))


def test_the_drain_may_wake_itself() -> None:
    """Lambda: recursive loops are stopped after some 16 rounds unless the function allows them."""
    bad = changed(lambda template: properties(template, "ScheduleFunction").pop("RecursiveLoop"))
    assert "ScheduleFunction" in found(resource_rules.a_function_that_invokes_itself_is_allowed_to, bad)


def test_it_is_within_the_quotas() -> None:
    """CloudFormation quotas: 200 parameters, 200 outputs; Lambda quotas: 4 KB of variables, 5 layers."""
    rule = resource_rules.it_is_within_cloudformations_quotas
    assert found(rule, changed(lambda template: template.update(Outputs=dict.fromkeys(map(str, range(201))))))
    assert found(rule, changed(lambda template: properties(template, "ApiFunction").update(Layers=["a"] * 6)))
    assert len((ROOT / "template.yaml").read_bytes()) < 1_000_000, "what CloudFormation accepts from a bucket"


def test_a_queue_hides_a_message_as_long_as_its_function_works() -> None:
    """Lambda: an SQS event source mapping is refused if the function's timeout exceeds the queue's."""
    bad = changed(lambda template: properties(template, "DeliverFunction").update(Timeout=91))
    assert "SettledEvents shows" in found(accepted.queues_hide_a_message_while_it_is_worked_on, bad)


def test_a_queues_reader_may_read_it() -> None:
    """SQS: configuring a queue to trigger a function: ReceiveMessage, DeleteMessage, GetQueueAttributes."""

    def change(template: Any) -> None:
        (policy,) = properties(template, "DeliverFunctionRole")["Policies"]
        policy["PolicyDocument"]["Statement"][0]["Action"].remove("sqs:GetQueueAttributes")

    assert "lacks sqs:GetQueueAttributes" in found(permissions.queues_may_be_read, changed(change))


def test_a_function_may_connect_to_its_network() -> None:
    """Lambda: giving functions access to resources in a VPC; AWSLambdaENIManagementAccess lacks ec2:DescribeSubnets."""

    def change(template: Any) -> None:
        (statement,) = properties(template, "MayConnectToTheNetwork")["PolicyDocument"]["Statement"]
        statement["Action"].remove("ec2:DescribeSubnets")

    rule = permissions.functions_may_connect_to_their_network
    assert found(rule, changed(change)) == "; ".join(
        f"{name} lacks ec2:DescribeSubnets in a VPC" for name in ("ApiFunction", "ScheduleFunction")
    )
    arns = [{"Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/service-role/AWSLambdaENIManagementAccess"}]
    bad = changed(lambda template: properties(template, "ApiFunctionRole").update(ManagedPolicyArns=arns))
    assert "ApiFunction lacks ec2:DescribeSubnets" in found(rule, bad)


def test_a_function_may_leave_its_network() -> None:
    """re:Post: Lambda deletes unused interfaces with the execution role of the function that they were made for."""

    def change(template: Any) -> None:
        properties(template, "ApiFunctionRole")["ManagedPolicyArns"]["Fn::If"][0] = "InVpc"

    assert "ApiFunction loses" in found(permissions.functions_may_leave_their_network, changed(change))


@pytest.mark.parametrize("role", ["ScheduleFunctionRole", "NotifyFunctionRole", "TickRole"])
def test_what_failed_may_be_kept(role: str) -> None:
    """Lambda: adding a destination, permissions; EventBridge Scheduler: configuring a dead-letter queue."""

    def change(template: Any) -> None:
        (policy,) = properties(template, role)["Policies"]
        kept = [one for one in policy["PolicyDocument"]["Statement"] if one["Action"] != "sqs:SendMessage"]
        policy["PolicyDocument"]["Statement"] = kept

    assert f"{role} may not send" in found(permissions.what_failed_may_be_kept, changed(change))


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"QueryString": "fields @message" + " " * 10_000}, "10015 characters"),
        ({"LogGroupNames": ["logs"] * 51}, "more log groups"),
    ],
)
def test_a_saved_query_is_accepted(bad: dict[str, Any], words: str) -> None:
    """AWS::Logs::QueryDefinition: QueryString 1 to 10000; StartQuery: 50 log groups."""
    template = changed(lambda template: properties(template, "ErrorsQuery").update(bad))
    assert words in found(accepted.saved_queries_are_accepted, template)


@pytest.mark.parametrize(
    ("name", "member"),
    [("ErrorsQuery", "Name"), ("DrainLateAlarm", "AlarmName"), ("OperationsDashboard", "DashboardName")],
)
def test_a_name_fits_a_stack_with_a_long_one(name: str, member: str) -> None:
    """CreateStack: StackName, 128; PutMetricAlarm, PutDashboard and PutQueryDefinition: 255."""
    text = {"Fn::Sub": "${AWS::StackName}-${AWS::Region}-" + "q" * 108}
    bad = changed(lambda template: properties(template, name).update({member: text}))
    assert f"{name} has too long a name" in found(accepted.names_fit_a_stack_with_a_long_one, bad)


@pytest.mark.parametrize(
    ("action", "words"),
    [("sqs:SendMesage", "isn't there"), ("xray:PutTraceSegments", "doesn't apply"), ("s3:ListAllMyBuckets", "apply")],
)
def test_a_permission_names_what_it_can(action: str, words: str) -> None:
    """Service authorization reference: actions, and the resource types that each takes."""

    def change(template: Any) -> None:
        (policy,) = properties(template, "TickRole")["Policies"]
        policy["PolicyDocument"]["Statement"][1]["Action"] = action

    assert words in found(permissions.permissions_name_what_they_can, changed(change))


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"Principal": {"Service": "event.amazonaws.com"}}, "trusts event.amazonaws.com"),
        ({"Condition": {"ArnEquals": {"aws:SourceARNs": "x"}}}, "asks for aws:SourceARNs"),
        ({"Action": "sqs:SendMesage"}, "isn't there"),
    ],
)
def test_a_queues_policy_names_what_there_is(bad: dict[str, Any], words: str) -> None:
    """IAM: global condition keys; AWS JSON policy elements, Principal; service authorization reference."""

    def change(template: Any) -> None:
        (statement,) = properties(template, "SettledQueuePolicy")["PolicyDocument"]["Statement"]
        statement.update(bad)

    rules = (permissions.policies_name_services_and_keys_that_there_are, permissions.permissions_name_what_they_can)
    assert words in "; ".join(found(rule, changed(change)) for rule in rules)


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("ScheduleFunction", {"Timeout": 901}),
        ("ScheduleFunction", {"MemorySize": 127}),
        ("ScheduleFunctionEventInvokeConfig", {"MaximumRetryAttempts": 3}),
        ("NotifyFunctionSettled", {"MaximumRecordAgeInSeconds": 59}),
        ("DeliverFunctionSettled", {"ScalingConfig": {"MaximumConcurrency": 1}}),
        ("ScheduleFunctionTick", {"Target": {"RetryPolicy": {"MaximumEventAgeInSeconds": 59}}}),
        ("SettledEvents", {"RedrivePolicy": {"maxReceiveCount": 1_001}}),
    ],
)
def test_a_number_is_within_bounds(name: str, bad: dict[str, Any]) -> None:
    """CreateEventSourceMapping, PutFunctionEventInvokeConfig, CreateFunction, CreateSchedule, SetQueueAttributes."""
    template = changed(lambda template: properties(template, name).update(bad))
    assert name in found(ranges.numbers_are_within_bounds, template)


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("ScheduleFunctionTick", {"ScheduleExpression": "rate(1 minutes)"}),
        ("ScheduleFunctionTick", {"ScheduleExpression": "rate(2 minute)"}),
        ("ApiFunction", {"Runtime": "python3.9"}),
        ("ApiFunction", {"Description": "x" * 257}),
        ("DeliverFunctionSettled", {"FunctionResponseTypes": ["ReportBatch"]}),
        ("AlarmMail", {"Protocol": "mail"}),
    ],
)
def test_a_text_is_of_the_form(name: str, bad: dict[str, Any]) -> None:
    """EventBridge Scheduler: schedule types; Lambda: runtimes, CreateFunction; SNS: Subscribe."""
    template = changed(lambda template: properties(template, name).update(bad))
    assert name in found(ranges.texts_are_of_the_form, template)


@pytest.mark.parametrize("text", ['{"a": [', "{}", '{"a": "b"}', '{"a": []}', '{"a": ["' + "b" * 4_096 + '"]}'])
def test_a_filter_is_a_pattern(text: str) -> None:
    """Lambda: control which events Lambda sends to your function, filter rule syntax."""
    criteria = {"FilterCriteria": {"Filters": [{"Pattern": text}]}}
    template = changed(lambda template: properties(template, "NotifyFunctionSettled").update(criteria))
    assert "NotifyFunctionSettled" in found(ranges.filters_are_patterns, template)


def test_an_index_lists_attributes_if_it_includes_some() -> None:
    """AWS::DynamoDB::Table Projection: NonKeyAttributes goes with INCLUDE."""

    def change(template: Any) -> None:
        index = properties(template, "CancellationTable")["GlobalSecondaryIndexes"][1]
        index["Projection"]["ProjectionType"] = "KEYS_ONLY"

    rule = ranges.indexes_list_attributes_if_they_include_some
    assert "state-rank" in found(rule, changed(change))


@pytest.mark.parametrize("policy", ["SecurityPolicy_TLS13_1_3_2025_09", "TLS_1_3"])
def test_a_security_policy_comes_with_what_it_needs(policy: str) -> None:
    """Security policies for REST APIs: an enhanced one needs an endpoint access mode."""
    bad = changed(lambda template: properties(template, "Api").update(SecurityPolicy=policy))
    assert policy in found(accepted.security_policies_come_with_what_they_need, bad)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("Name", "feee cancel"),
        ("Description", "x" * 257),
        ("Author", "The-Authors"),
        ("Author", "a--b"),
        ("SemanticVersion", "0.1"),
        ("LicenseUrl", None),
        ("Labels", ["feee.io"]),
        ("Labels", ["feee"] * 11),
    ],
)
def test_the_repository_accepts_the_metadata(member: str, value: object) -> None:
    """AWS SAM template Metadata section properties."""

    def change(template: Any) -> None:
        template["Metadata"]["AWS::ServerlessRepo::Application"][member] = value

    assert "the repository refuses" in found(accepted.the_repository_accepts_the_metadata, changed(change))


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("Tuning", {"AllowedPattern": "^[a-z]+$"}),
        ("SubnetIds", {"Default": "subnet-1,eni-2"}),
        ("Alarms", {"Default": "yes"}),
        ("Alarms", {"Description": "x" * 4_001}),
    ],
)
def test_a_parameter_accepts_its_own_default(name: str, bad: dict[str, str]) -> None:
    """CloudFormation template Parameters syntax: AllowedPattern, AllowedValues, Description."""
    template = changed(lambda template: template["Parameters"][name].update(bad))
    assert name in found(accepted.parameters_accept_their_own_defaults, template)


def test_an_index_stays_as_it_is() -> None:
    """AWS::DynamoDB::Table GlobalSecondaryIndexes: updates are not supported, but for one that is added or deleted."""

    def change(template: Any) -> None:
        properties(template, "CancellationTable")["GlobalSecondaryIndexes"][1]["Projection"]["NonKeyAttributes"].pop()

    assert "state-rank" in found(accepted.indexes_stay_as_they_are, changed(change))


@pytest.mark.parametrize("name", ["Tuning", "SettledWebhookUrl", "FeeeBaseUrl", "FeeeKeySecretArn"])
def test_variables_fit_whatever_is_given(name: str) -> None:
    """Lambda quotas: 4 KB for all variables; CloudFormation quotas: a parameter's value may have as much."""
    bad = changed(lambda template: template["Parameters"][name].pop("MaxLength"))
    assert "DeliverFunction may have" in found(accepted.variables_fit_whatever_is_given, bad)


def test_a_function_reads_no_fraction() -> None:
    """CloudFormation template Parameters syntax: a Number is an integer or a float; AllowedPattern is for texts."""
    bad = changed(lambda template: template["Parameters"]["RetentionDays"].update(Type="Number"))
    assert "ApiFunction may get a fraction in RETENTION_DAYS" in found(accepted.variables_are_whole_numbers, bad)
    assert not re.fullmatch(TEMPLATE["Parameters"]["RetentionDays"]["AllowedPattern"], "0.5")


def test_every_wait_can_be_tuned_at_once() -> None:
    """With all names of the pattern and their longest numbers, Tuning is no longer than it may be."""
    tuning = TEMPLATE["Parameters"]["Tuning"]
    single, ranges = (
        part.split("|") for part in re.findall(r"\(((?:[A-Za-z]+\|)+[A-Za-z]+)\)", tuning["AllowedPattern"])
    )
    longest = ",".join([f"{name}=9999999" for name in single] + [f"{name}=99999-99999" for name in ranges])
    assert (len(single), len(ranges)) == (12, 6)
    assert re.fullmatch(tuning["AllowedPattern"], longest)
    assert len(longest) <= tuning["MaxLength"]


def source_with(change: Change) -> Mapping[str, Any]:
    """What SAM makes of template.yaml after a change."""
    source = copy.deepcopy(dict(TEMPLATE))
    change(source)
    return sam.transformed(source)


def deployment(template: Mapping[str, Any]) -> str:
    (name,) = sam.of_type(template, "AWS::ApiGateway::Deployment")
    assert properties(template, "Apiv1Stage")["DeploymentId"] == {"Ref": name}
    return name


def test_a_change_of_a_route_or_of_an_answer_reaches_the_stage() -> None:
    """A stage serves a snapshot (AWS::ApiGateway::Deployment); SAM makes a new one whenever the document changes."""
    first = deployment(transformed())

    def no_route(source: Any) -> None:
        del source["Resources"]["ApiFunction"]["Properties"]["Events"]["GetOrder"]

    def other_answer(source: Any) -> None:
        source["Resources"]["Api"]["Properties"]["GatewayResponses"]["THROTTLED"]["StatusCode"] = "503"

    def open_route(source: Any) -> None:
        source["Resources"]["ApiFunction"]["Properties"]["Events"]["GetOrder"]["Properties"]["Auth"] = {
            "Authorizer": "NONE"
        }

    others = [deployment(source_with(change)) for change in (no_route, other_answer, open_route)]
    assert len({first, *others}) == 4
    assert faults(source_with(open_route)) == [f"security_stands_at_each_operation: get {ORDERS} is open to everybody"]


def test_no_parameter_changes_the_document_behind_the_stages_back() -> None:
    """SAM's hash is of the document's text: what a parameter changes inside it wouldn't be deployed."""
    text = json.dumps(resources("AWS::ApiGateway::RestApi")["Api"]["Body"])
    assert not [name for name in (*TEMPLATE["Parameters"], *TEMPLATE["Conditions"]) if f'"{name}"' in text]
