"""openapi.yaml, which people read, against the document that API Gateway is made from, which SAM writes."""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from cli import orders
from cli.arguments import parser
from feee_cancel.domain.documents import MAX_BATCH
from feee_cancel.http.pages import Query
from feee_cancel.usecases.listing import MAX_PAGE
from local.rules.imported import ANY, operations
from tests.builders import NOW
from tests.template import ROOT, resources

CONTRACT: Mapping[str, Any] = yaml.safe_load((ROOT / "openapi.yaml").read_text())
IMPORTED: Mapping[str, Any] = resources("AWS::ApiGateway::RestApi")["Api"]["Body"]
Operation = tuple[str, str, Mapping[str, Any]]


def contract() -> Iterator[Operation]:
    for path, item in CONTRACT["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def described() -> list[Operation]:
    return [one for one in operations(IMPORTED) if one[1] != ANY]


def named(operations: Iterator[Operation] | list[Operation]) -> dict[tuple[str, str], Mapping[str, Any]]:
    return {(path, method): operation for path, method, operation in operations}


def required(operation: Mapping[str, Any], document: Mapping[str, Any]) -> list[str] | None:
    """The members that the operation's body must have; None: whatever is sent is let through."""
    if "requestBody" not in operation:
        return None
    reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    members: list[str] = document["components"]["schemas"][reference.rpartition("/")[2]]["required"]
    return members


def test_every_route_of_the_contract_is_deployed_and_no_other() -> None:
    assert set(named(contract())) == set(named(described()))


def test_every_path_answers_other_methods_by_the_same_lock() -> None:
    for path, item in IMPORTED["paths"].items():
        assert {str(operation["security"]) for operation in item.values()} == {str(item[ANY]["security"])}, path


def test_the_contract_says_of_each_operation_whether_it_is_signed() -> None:
    assert "security" not in CONTRACT
    deployed = named(described())
    for where, operation in named(contract()).items():
        assert bool(operation["security"]) is (deployed[where]["security"] == [{"AWS_IAM": []}]), where


def test_the_edge_requires_what_the_contract_requires() -> None:
    """But of a webhook: an unsigned request learns nothing but that it isn't signed."""
    deployed = named(described())
    for where, operation in named(contract()).items():
        asked = None if where[0] == "/webhooks/cancel" else required(operation, CONTRACT)
        assert required(deployed[where], IMPORTED) == asked, where


def test_the_edge_refuses_nothing_that_the_contract_allows() -> None:
    """Whatever a deployed model says of a member is said by the contract's, word for word."""
    models = {name.lower(): schema for name, schema in CONTRACT["components"]["schemas"].items()}
    for name, model in IMPORTED["components"]["schemas"].items():
        assert model.keys() <= {"type", "required", "properties"}, name
        for member, schema in model.get("properties", {}).items():
            assert schema.items() <= models[name]["properties"][member].items(), (name, member)


def test_the_contract_and_the_commands_say_how_many_rows_a_page_has_and_how_many_orders_a_batch() -> None:
    (limit,) = [one for one in CONTRACT["paths"]["/cancellations"]["get"]["parameters"] if one["name"] == "limit"]
    assert (limit["schema"]["default"], limit["schema"]["maximum"]) == (Query.parse({}).limit, MAX_PAGE)
    assert parser(now=NOW).parse_args(["list"]).limit == Query.parse({}).limit
    assert orders.PAGE == MAX_PAGE
    assert CONTRACT["components"]["schemas"]["CancellationBatch"]["properties"]["order_nos"]["maxItems"] == MAX_BATCH


def test_the_contract_says_nothing_to_api_gateway() -> None:
    schemes = CONTRACT["components"]["securitySchemes"]
    assert (ROOT / "openapi.yaml").read_text().count("x-amazon") == 1
    assert schemes["sigv4"]["x-amazon-apigateway-authtype"] == "awsSigv4", "tools that sign go by it"
