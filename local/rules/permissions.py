"""Rules for what roles must allow: without it a service refuses a resource, or does nothing and says so nowhere."""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from cfnlint.data import AdditionalSpecs
from cfnlint.helpers import load_resource

from local.rules.transformed import branches, listed, of_type, readers, statements_of

QUEUE_ACTIONS = {"ReceiveMessage", "DeleteMessage", "GetQueueAttributes"}
NETWORK_ACTIONS = {
    *("AssignPrivateIpAddresses", "UnassignPrivateIpAddresses", "CreateNetworkInterface", "DeleteNetworkInterface"),
    *("DescribeNetworkInterfaces", "DescribeSubnets"),
}
STREAM_ACTIONS = {"DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"}
EITHER_WAY = {"dynamodb:ListStreams"}
SERVICES = {f"{name}.amazonaws.com" for name in ("apigateway", "events", "lambda", "scheduler")}
KEYS = {"aws:SourceAccount", "aws:SourceArn", "kms:EncryptionContext:SecretARN", "lambda:SourceFunctionArn"}


def queues_may_be_read(template: Mapping[str, Any]) -> Iterator[str]:
    """A mapping needs three actions in its function's role (SQS: configuring a queue to trigger Lambda)."""
    for queue, function in readers(template):
        for action in sorted(QUEUE_ACTIONS):
            if not _may(template, _role_of(template, function), f"sqs:{action}", {"Fn::GetAtt": [queue, "Arn"]}):
                yield f"{function} lacks sqs:{action} on {queue}"


def streams_may_be_read(template: Mapping[str, Any]) -> Iterator[str]:
    """A stream's reader has four actions (DynamoDB: policy to allow Lambda to access stream records).

    ListStreams is one of them, on the table's streams.
    """
    functions = of_type(template, "AWS::Lambda::Function")
    roles = of_type(template, "AWS::IAM::Role")
    for mapping in of_type(template, "AWS::Lambda::EventSourceMapping").values():
        if "StartingPosition" not in mapping:
            continue  # a queue's
        role = functions[mapping["FunctionName"]["Ref"]]["Role"]["Fn::GetAtt"][0]
        for action in sorted(STREAM_ACTIONS - set(re.findall(r"dynamodb:(\w+)", json.dumps(roles[role])))):
            yield f"{role} lacks dynamodb:{action}"


def readers_of_a_secret_may_decrypt_it(template: Mapping[str, Any]) -> Iterator[str]:
    """Under a customer-managed key its reader needs kms:Decrypt (Secrets Manager: permissions for the KMS key).

    The stack's own secrets have such a key, too, if one is given. A key is for one secret: kms:EncryptionContext.
    """
    for role in of_type(template, "AWS::IAM::Role"):
        statements = statements_of(template, role)
        read = [one["Resource"] for one in statements if "secretsmanager:GetSecretValue" in listed(one["Action"])]
        decrypted = [
            one.get("Condition", {}).get("StringEquals", {}).get("kms:EncryptionContext:SecretARN")
            for one in statements
            if "kms:Decrypt" in listed(one["Action"])
        ]
        if any(_may_have_a_key(template, secret) and secret not in decrypted for secret in read):
            yield f"{role} reads a secret whose key it may not use"
        if any(secret not in read for secret in decrypted):
            yield f"{role} may decrypt what it doesn't read"


def _may_have_a_key(template: Mapping[str, Any], secret: Any) -> bool:
    """Whether the secret is given (a parameter), or made with a key: any other is encrypted under AWS's own."""
    made = [one["Fn::GetAtt"][0] for one in branches(secret) if "Fn::GetAtt" in one]
    return len(made) < len([*branches(secret)]) or any(
        "KmsKeyId" in template["Resources"][name]["Properties"] for name in made
    )


def what_failed_may_be_kept(template: Mapping[str, Any]) -> Iterator[str]:
    """Lambda and Scheduler put what failed into a queue with the function's or the schedule's role.

    Lambda: adding a destination, permissions; EventBridge Scheduler: configuring a dead-letter queue.
    """
    for role, queue in _kept(template):
        if not _may(template, role, "sqs:SendMessage", queue):
            yield f"{role} may not send to {queue['Fn::GetAtt'][0]}"


def _kept(template: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The role that sends what failed, and where to."""
    for kind in ("AWS::Lambda::EventInvokeConfig", "AWS::Lambda::EventSourceMapping"):
        for one in of_type(template, kind).values():
            if failure := one.get("DestinationConfig", {}).get("OnFailure"):
                yield _role_of(template, one["FunctionName"]["Ref"]), failure["Destination"]
    for schedule in of_type(template, "AWS::Scheduler::Schedule").values():
        if letters := schedule["Target"].get("DeadLetterConfig"):
            yield schedule["Target"]["RoleArn"]["Fn::GetAtt"][0], letters["Arn"]


def functions_may_connect_to_their_network(template: Mapping[str, Any]) -> Iterator[str]:
    """Lambda refuses a VPC if the function's role lacks one of six actions, on any resource.

    Lambda: giving functions access to resources in a VPC, required IAM permissions. AWSLambdaVPCAccessExecutionRole has
    them since January 2024; AWSLambdaENIManagementAccess has five (AWS managed policy reference).
    """
    for name, function in of_type(template, "AWS::Lambda::Function").items():
        for action in sorted(NETWORK_ACTIONS) if "VpcConfig" in function else ():
            if not _may(template, _role_of(template, name), f"ec2:{action}", "*"):
                yield f"{name} lacks ec2:{action} in a VPC"


def functions_may_leave_their_network(template: Mapping[str, Any]) -> Iterator[str]:
    """Lambda deletes a network interface with its function's role, some time after the function left the VPC.

    re:Post: how do I detach or delete an elastic network interface that Lambda created? One that stays keeps its subnet
    and security group. So the role must keep the permission for longer than the function is in the VPC.
    """
    for name, function in of_type(template, "AWS::Lambda::Function").items():
        match function.get("VpcConfig"), of_type(template, "AWS::IAM::Role")[_role_of(template, name)]:
            case {"Fn::If": [there, *_]}, {"ManagedPolicyArns": {"Fn::If": [allowed, *_]}} if there == allowed:
                yield f"{name} loses the permission to leave its VPC when it leaves it"


def permissions_name_what_they_can(template: Mapping[str, Any]) -> Iterator[str]:
    """An action without resource types needs "*"; one with them applies to these types only (service authorization).

    ListStreams is documented both ways: here as in DynamoDB's policy to allow Lambda to access stream records.
    """
    for name, statement in _statements(template):
        for action in (one for one in listed(statement["Action"]) if "*" not in one and one not in EITHER_WAY):
            service, _, operation = action.lower().partition(":")
            known = _authorized().get(service, {}).get("Actions", {}).get(operation)
            if known is None:
                yield f"{name} names {action}, which isn't there"
            elif "Resource" in statement and not known.get("Resources") and listed(statement["Resource"]) != ["*"]:
                yield f"{name} allows {action} on a resource that it doesn't apply to"


def policies_name_services_and_keys_that_there_are(template: Mapping[str, Any]) -> Iterator[str]:
    """A condition on any other key never holds, and nobody is told (IAM: global condition keys; each service's own).

    A principal that doesn't exist is refused (IAM: AWS JSON policy elements, Principal).
    """
    for name, statement in _statements(template):
        for service in listed(statement.get("Principal", {}).get("Service", [])):
            if service not in SERVICES:
                yield f"{name} trusts {service}"
        for condition in statement.get("Condition", {}).values():
            for key in condition.keys() - KEYS:
                yield f"{name} asks for {key}"


def _statements(template: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every statement of roles, including who may assume them, and of queues, with the resource that it belongs to."""
    for name, role in of_type(template, "AWS::IAM::Role").items():
        for statement in role["AssumeRolePolicyDocument"]["Statement"] + statements_of(template, name):
            yield name, statement
    for name, policy in of_type(template, "AWS::SQS::QueuePolicy").items():
        for statement in policy["PolicyDocument"]["Statement"]:
            yield name, statement


@cache
def _authorized() -> Mapping[str, Any]:
    """AWS's actions with the types of resources that each takes, as cfn-lint has them from AWS."""
    document: Mapping[str, Any] = load_resource(AdditionalSpecs, "Policies.json")
    return document


def _role_of(template: Mapping[str, Any], function: str) -> str:
    return str(of_type(template, "AWS::Lambda::Function")[function]["Role"]["Fn::GetAtt"][0])


def _may(template: Mapping[str, Any], role: str, action: str, resource: Any) -> bool:
    return any(
        action in listed(one["Action"]) and resource in listed(one["Resource"])
        for one in statements_of(template, role)
        if one["Effect"] == "Allow"
    )


RULES = (
    queues_may_be_read,
    streams_may_be_read,
    readers_of_a_secret_may_decrypt_it,
    what_failed_may_be_kept,
    functions_may_connect_to_their_network,
    functions_may_leave_their_network,
    permissions_name_what_they_can,
    policies_name_services_and_keys_that_there_are,
)
