"""The import budget: a newcomer in a cold start shows up in a review."""

import pytest

from benchmarks.imports import EVERY_FUNCTION, LIST, imported, listed, started
from tests.template import resources

TOO_DEAR = {"aws_xray_sdk", "pydantic", "requests"}


@pytest.mark.parametrize("function", EVERY_FUNCTION)
def test_every_function_makes_its_clients_through_boto3(function: str) -> None:
    assert {"boto3", "boto3.session"} <= imported(function)


@pytest.mark.parametrize("function", EVERY_FUNCTION)
def test_no_function_imports_what_is_too_dear(function: str) -> None:
    assert not imported(function) & TOO_DEAR


@pytest.mark.parametrize("function", EVERY_FUNCTION)
def test_python_does_not_look_for_garbage_while_a_function_starts(function: str) -> None:
    _, collections = started(function)
    assert collections == 0


def test_every_function_that_is_deployed_is_looked_at() -> None:
    assert {f"{name.capitalize()}Function" for name in EVERY_FUNCTION} == set(resources("AWS::Lambda::Function"))


def test_what_the_functions_import_is_on_the_list() -> None:
    assert LIST.read_text() == listed(), "renew it with `make imports`, and say in the commit why"
