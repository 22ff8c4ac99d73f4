"""What SAM CLI has to know of the local stack: a template of the built functions, and their variables."""

import json
from pathlib import Path

from local import private
from local.built_template import built_template
from local.engine import ARCHITECTURE, HOST
from local.forward import LOOPBACK
from local.identity import CREDENTIALS, REGION
from local.stack import STACK, LocalStack

TEMPLATE, VARIABLES = "template.json", "env.json"


def options(folder: Path) -> tuple[str, ...]:
    """SAM CLI's options that name the files in this folder."""
    return ("--template", str(folder / TEMPLATE), "--env-vars", str(folder / VARIABLES))


def write(folder: Path, stack: LocalStack, artifacts: Path) -> None:
    """Write both files: the artifacts' template and the deployed functions' variables.

    SAM CLI passes on no variable that isn't declared, and template.yaml mustn't declare AWS_ENDPOINT_URL: so this
    template declares them all, and this machine's architecture.
    """
    template = built_template(artifacts)
    functions = [name for name in _deployed_functions(stack) if name in template["Resources"]]
    variables = {name: _variables(name, stack) for name in functions}
    for name in functions:
        template["Resources"][name]["Properties"]["Environment"] = {"Variables": dict.fromkeys(variables[name], "")}
    template["Globals"]["Function"]["Architectures"] = [ARCHITECTURE]
    for name, document in ((TEMPLATE, template), (VARIABLES, variables)):
        private.write(folder / name, json.dumps(document, indent=2))


def _deployed_functions(stack: LocalStack) -> list[str]:
    """The logical ids of the stack's functions; one whose condition isn't met isn't among them."""
    pages = stack.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=STACK)
    found = [resource for page in pages for resource in page["StackResourceSummaries"]]
    return [resource["LogicalResourceId"] for resource in found if resource["ResourceType"] == "AWS::Lambda::Function"]


def _variables(function: str, stack: LocalStack) -> dict[str, str]:
    """The function's variables as deployed, with this machine's name as containers know it."""
    local = {
        "AWS_ENDPOINT_URL": stack.endpoint,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": CREDENTIALS.access_key,
        "AWS_SECRET_ACCESS_KEY": CREDENTIALS.secret_key,
        "AWS_SESSION_TOKEN": "",
    }
    known = _deployed_variables(function, stack) | local
    return {name: value.replace(LOOPBACK, HOST) for name, value in known.items()}


def _deployed_variables(function: str, stack: LocalStack) -> dict[str, str]:
    """The variables that the function was deployed with, and the drain's name, which SAM CLI doesn't tell the drain."""
    described = stack.client("cloudformation").describe_stack_resource(StackName=STACK, LogicalResourceId=function)
    name = described["StackResourceDetail"]["PhysicalResourceId"]
    configuration = stack.client("lambda").get_function_configuration(FunctionName=name)
    variables: dict[str, str] = configuration["Environment"]["Variables"]
    return {"DRAIN_FUNCTION": name} | variables
