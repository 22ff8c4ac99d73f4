"""The house's rules for the template, held against what SAM's transform makes of it."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.template import ROOT, TEMPLATE, resources, transformed

RESOURCES: Mapping[str, Mapping[str, Any]] = transformed()["Resources"]
FUNCTIONS = resources("AWS::Lambda::Function")
QUEUES = resources("AWS::SQS::Queue")

WITHOUT_RESOURCE = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
"""Actions that IAM takes for every resource alone (service authorization reference)."""
ON_ANY_RESOURCE = {"MayConnectToTheNetwork": "Lambda asks for a VPC's permissions on any resource"}
"""Policies for actions that would take a resource, each with why they can't name it."""
DENIED_WHOLESALE = {("CodeMayNotUseTheNetworksApi", "ec2:*")}
"""A denial may be as wide as it likes; these are meant to be."""
MANAGED = {
    "service-role/AmazonAPIGatewayPushToCloudWatchLogs": "API Gateway has one role for the account and the region",
}
"""AWS's own policies, each with why nothing narrower does."""
OF_A_KIND = {
    "Fn::Sub ${CancellationTable.Arn}/stream/*": "the stream's name is the time at which it was made",
}
"""Resources with a wildcard inside, each with its reason."""
STATEFUL = {
    "AWS::DynamoDB::Table": ("RetainExceptOnCreate", "Retain"),
    "AWS::SecretsManager::Secret": ("RetainExceptOnCreate", "Retain"),
    "AWS::Logs::LogGroup": ("Delete", "Delete"),
    "AWS::SQS::Queue": ("Delete", "Delete"),
}
"""What holds data, and what becomes of it with the stack, or when it is replaced."""


def statements() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every statement of every policy, with the resource that it is part of."""
    for name, resource in RESOURCES.items():
        properties = resource.get("Properties", {})
        documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        if "PolicyDocument" in properties:
            documents.append(properties["PolicyDocument"])
        for document in documents:
            for statement in document["Statement"]:
                yield name, statement


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def words(resource: Any) -> str:
    return resource if isinstance(resource, str) else " ".join(map(str, *resource.items()))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_logs_to_a_group_of_its_own_that_is_kept_for_a_set_time(name: str) -> None:
    group = FUNCTIONS[name]["LoggingConfig"]["LogGroup"]["Ref"]
    assert resources("AWS::Logs::LogGroup")[group]["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    sharing = [other for other in FUNCTIONS if FUNCTIONS[other]["LoggingConfig"]["LogGroup"]["Ref"] == group]
    assert sharing == [name]


def test_no_permission_has_a_wildcard_without_a_written_reason() -> None:
    for name, statement in statements():
        actions = listed(statement["Action"])
        wild = {action for action in actions if "*" in action}
        if statement["Effect"] == "Deny":
            assert {(name, action) for action in wild} <= DENIED_WHOLESALE
            continue
        assert not wild, name
        for resource in listed(statement["Resource"]):
            if resource == "*":
                assert set(actions) <= WITHOUT_RESOURCE or name in ON_ANY_RESOURCE, name
            elif "*" in words(resource):
                assert words(resource) in OF_A_KIND, name


def test_a_wildcard_resource_has_its_reason_beside_it_in_the_template() -> None:
    lines = [line for line in (ROOT / "template.yaml").read_text().splitlines() if 'Resource: "*"' in line]
    assert lines
    assert all(re.search(r'"\*" # .+', line) for line in lines)


def test_awss_own_policies_are_these_alone() -> None:
    text = json.dumps([role.get("ManagedPolicyArns") for role in resources("AWS::IAM::Role").values()])
    assert set(re.findall(r":iam::aws:policy/([A-Za-z/-]+)", text)) == set(MANAGED)


def test_nobody_but_an_aws_service_may_assume_a_role() -> None:
    for role in resources("AWS::IAM::Role").values():
        for statement in role["AssumeRolePolicyDocument"]["Statement"]:
            (service,) = listed(statement["Principal"]["Service"])
            assert re.fullmatch(r"(lambda|scheduler|apigateway)\.amazonaws\.com", service)


def test_every_asynchronous_source_has_where_to_put_what_failed_and_may_put_it_there() -> None:
    kept = set()
    for config in resources("AWS::Lambda::EventInvokeConfig").values():
        kept.add(config["DestinationConfig"]["OnFailure"]["Destination"]["Fn::GetAtt"][0])
    for mapping in resources("AWS::Lambda::EventSourceMapping").values():
        if "DestinationConfig" not in mapping:
            assert mapping["EventSourceArn"] == {"Fn::GetAtt": ["SettledEvents", "Arn"]}, "a queue keeps what fails"
            continue
        kept.add(mapping["DestinationConfig"]["OnFailure"]["Destination"]["Fn::GetAtt"][0])
    for schedule in resources("AWS::Scheduler::Schedule").values():
        kept.add(schedule["Target"]["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0])
    kept.add(QUEUES["SettledEvents"]["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0])
    (rule,) = resources("AWS::Events::Rule").values()
    (target,) = rule["Targets"]
    kept |= {target["Arn"]["Fn::GetAtt"][0], target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0]}
    sent_to = {
        words(resource)
        for _, statement in statements()
        if "sqs:SendMessage" in statement["Action"]
        for resource in listed(statement["Resource"])
    }
    assert kept == set(QUEUES)
    assert sent_to == {f"Fn::GetAtt ['{queue}', 'Arn']" for queue in QUEUES}


def test_whoever_is_invoked_asynchronously_has_a_destination() -> None:
    """The drain's function alone: by its schedule, by whoever wakes it, and by users' schedules."""
    invoked = {
        words(resource)
        for _, statement in statements()
        if "lambda:InvokeFunction" in statement["Action"]
        for resource in listed(statement["Resource"])
    }
    configured = [config["FunctionName"]["Ref"] for config in resources("AWS::Lambda::EventInvokeConfig").values()]
    assert invoked == {f"Fn::GetAtt ['{function}', 'Arn']" for function in configured}


@pytest.mark.parametrize("name", [name for name, resource in RESOURCES.items() if resource["Type"] in STATEFUL])
def test_what_holds_data_says_what_becomes_of_it(name: str) -> None:
    found = RESOURCES[name]["DeletionPolicy"], RESOURCES[name]["UpdateReplacePolicy"]
    assert found == STATEFUL[RESOURCES[name]["Type"]]


def test_what_holds_data_is_encrypted_and_the_table_can_be_restored() -> None:
    table = resources("AWS::DynamoDB::Table")["CancellationTable"]
    assert table["SSESpecification"]["SSEEnabled"] is True
    assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    assert all(queue["SqsManagedSseEnabled"] is True for queue in QUEUES.values())


def test_the_table_forgets_by_the_attribute_that_final_rows_alone_have() -> None:
    table = resources("AWS::DynamoDB::Table")["CancellationTable"]
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert TEMPLATE["Parameters"]["RetentionDays"]["Default"] == "400"


def test_no_secret_is_in_the_template() -> None:
    for secret in resources("AWS::SecretsManager::Secret").values():
        (value,) = json.loads(secret["SecretString"]).values()
        assert not value, "a secret is set after the deployment"
    variables = {name for function in FUNCTIONS.values() for name in function["Environment"]["Variables"]}
    secretive = {name for name in variables if re.search("KEY|SECRET|TOKEN|PASSWORD", name)}
    assert all(name.endswith("_ARN") for name in secretive)
    assert not [name for name in TEMPLATE["Parameters"] if re.search("Key$|Secret$|Token|Password", name)]


def test_only_the_functions_that_call_feee_io_know_its_key_and_are_in_the_vpc() -> None:
    inside = {name for name, function in FUNCTIONS.items() if "VpcConfig" in function}
    key = {"Fn::If": ["MakeSecret", {"Fn::GetAtt": ["FeeeKey", "Id"]}, {"Ref": "FeeeKeySecretArn"}]}
    knowing = {name for name, statement in statements() if statement.get("Resource") == key}
    assert {f"{name}Role" for name in inside} == knowing == {"ApiFunctionRole", "ScheduleFunctionRole"}
    for name in inside:
        condition, there, nothing = FUNCTIONS[name]["VpcConfig"]["Fn::If"]
        assert (condition, nothing) == ("InVpc", {"Ref": "AWS::NoValue"})
        assert there == {"SubnetIds": {"Ref": "SubnetIds"}, "SecurityGroupIds": {"Ref": "SecurityGroupIds"}}


def holds(condition: Any, given: Mapping[str, str]) -> bool:
    """What CloudFormation finds of a rule's condition."""
    match condition:
        case {"Fn::Not": [one]}:
            return not holds(one, given)
        case {"Fn::EachMemberEquals": [{"Ref": name}, text]}:
            return set(given[name].split(",")) == {text}
    raise AssertionError(condition)


@pytest.mark.parametrize(
    ("subnets", "groups", "accepted"),
    [
        ("", "", True),
        ("subnet-1,subnet-2", "sg-1", True),
        ("subnet-1", "", False),
        pytest.param("", "sg-1", True, id="for an hour after it left the VPC"),
    ],
)
def test_subnets_without_security_groups_are_refused_in_words(subnets: str, groups: str, *, accepted: bool) -> None:
    """CloudFormation: rule functions. Lambda would blame the role, whose permissions come with security groups."""
    (rule,) = transformed()["Rules"].values()
    (assertion,) = rule["Assertions"]
    given = {"SubnetIds": subnets, "SecurityGroupIds": groups}
    assert (not holds(rule["RuleCondition"], given) or holds(assertion["Assert"], given)) is accepted
    assert "SubnetIds must be given with SecurityGroupIds" in assertion["AssertDescription"]


def test_the_roles_have_the_networks_permissions_in_a_vpc_alone() -> None:
    for name, role in resources("AWS::IAM::Role").items():
        managed = role.get("ManagedPolicyArns")
        if isinstance(managed, dict):
            assert managed["Fn::If"][0] == "MayBeInVpc"
            assert managed["Fn::If"][2] == {"Ref": "AWS::NoValue"}
        elif managed:
            assert name == "ApiGatewayLogRole"
    assert RESOURCES["CodeMayNotUseTheNetworksApi"]["Condition"] == "MayBeInVpc"


def test_no_name_is_another_stacks_of_this_account_too() -> None:
    """Names that AWS has once for each account and region are CloudFormation's own, or have the stack's in them."""
    kinds = ("Name", "TableName", "QueueName", "FunctionName", "RoleName", "TopicName", "AlarmName", "DashboardName")
    given = [
        properties[kind]
        for resource in RESOURCES.values()
        for properties in [resource.get("Properties", {})]
        for kind in {*kinds, "LogGroupName"} & properties.keys()
    ]
    assert len(given) > 20
    assert all("AWS::StackName" in json.dumps(name) or resource_of(name) for name in given)


def resource_of(name: object) -> bool:
    """Whether the name is one that CloudFormation gave to a resource of this stack."""
    return isinstance(name, dict) and bool({"Ref", "Fn::GetAtt"} & name.keys())
