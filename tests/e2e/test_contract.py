"""The deployed API against its contract: what openapi.yaml allows is taken, what it doesn't is refused, as it says."""

import json
import time
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Iterator
from operator import attrgetter
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import schemathesis
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from hypothesis import HealthCheck, settings
from schemathesis import Case, GenerationMode

from local.identity import CREDENTIALS, REGION
from local.stack import LocalStack
from tests.starved import again_if_starved
from tests.template import ROOT
from tests.thorough import cases

pytestmark = pytest.mark.thorough
CASES = max(120, cases(400))
"""For each operation, besides those that cover its schema's edges."""

sent = Counter[str]()
REFUSED = (400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 428, 429, "5xx")
"""What a request outside the schema may be answered: schemathesis's list, and 413 for one that is too long as well."""

SAME_CASES_EVERY_TIME = {"seed": 0} if settings().derandomize else {}
config = schemathesis.config.SchemathesisConfig.from_dict(
    {"checks": {"negative_data_rejection": {"expected-statuses": list(REFUSED)}}} | SAME_CASES_EVERY_TIME
)
GUARDED = {"host", "origin", "sec-fetch-site"}
"""Headers by which the guard before the local servers refuses a request, in its own words."""
schema = schemathesis.openapi.from_path(ROOT / "openapi.yaml", config=config)


class SigV4(requests.auth.AuthBase):
    """Signs what `requests` is about to send."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        unsigned = AWSRequest(request.method, request.url, dict(request.headers), request.body)
        SigV4Auth(CREDENTIALS, "execute-api", REGION).add_auth(unsigned)
        request.headers.update(dict(unsigned.headers))
        return request


def within_what_a_schema_cannot_say(case: Case[Any]) -> None:
    """A time isn't past and at most 30 days ahead, a period has a length and a final state."""
    if isinstance(case.body, dict) and isinstance(not_before := case.body.get("not_before"), int):
        case.body["not_before"] = min(max(not_before, int(time.time())), int(time.time()) + 2_000_000)
    if case.query and (case.query.get("since") or case.query.get("until")):
        case.query |= {"state": "rejected", "since": "0", "until": f"1{case.query.get('until') or ''}"[:12]}
    if case.query and case.query.get("cursor"):
        position = [case.query.get("state") or "waiting", 0, "1"]
        case.query["cursor"] = urlsafe_b64encode(json.dumps(position).encode()).decode().rstrip("=")


def with_something_to_refuse(case: Case[Any]) -> None:
    """What is wrong with a query has to reach the function: no name, or no value, is the same as no parameter."""
    if case.query:
        named = {name or "unknown": value for name, value in case.query.items()}
        case.query = {name: value if is_sent(value) else "!" for name, value in named.items()}


def is_sent(value: Any) -> bool:
    """Whether anything of it is left in a URL: of `["", None]` nothing is."""
    url = requests.Request("GET", "http://api", params={"name": value}).prepare().url or ""
    return parse_qs(urlsplit(url).query) != {}


def is_about_credentials(case: Case[Any]) -> bool:
    """Whether the case leaves the signature out on purpose."""
    return getattr(case.meta and case.meta.phase.data, "parameter", None) == "Authorization"


def keeps_its_contract(operation_id: str) -> Any:
    """The test of an operation, one by one: schemathesis would give those of all operations the same id."""

    @schema.include(operation_id=operation_id).parametrize()
    @settings(max_examples=CASES, deadline=None, suppress_health_check=[*HealthCheck])
    def test(case: Case[Any], stack: LocalStack) -> None:
        if case.meta and case.meta.generation.mode is GenerationMode.POSITIVE:
            within_what_a_schema_cannot_say(case)
        else:
            with_something_to_refuse(case)
        for name in GUARDED:
            case.headers.pop(name, None)
        base_url = f"{stack.endpoint}/restapis/{stack.outputs['ApiId']}/v1/_user_request_"
        sent[case.operation.label] += 1
        how: dict[str, Any] = {"base_url": base_url, "auth": None if is_about_credentials(case) else SigV4()}
        answer = again_if_starved(case.call, attrgetter("status_code"))(**how)
        case.validate_response(answer, transport_kwargs=how)

    return test


@pytest.fixture(autouse=True)
def _often_enough(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that sends anything sends a lot."""
    before = sent.total()
    yield
    print(f"{sent.total() - before} requests")
    assert request.node.originalname not in OPERATIONS or sent.total() - before >= CASES


test_request_cancellation = keeps_its_contract("requestCancellation")
test_list_cancellations = keeps_its_contract("listCancellations")
test_request_cancellations = keeps_its_contract("requestCancellations")
test_get_cancellation = keeps_its_contract("getCancellation")
test_withdraw_cancellation = keeps_its_contract("withdrawCancellation")
test_get_order = keeps_its_contract("getOrder")
test_receive_webhook = keeps_its_contract("receiveWebhook")
OPERATIONS = {name for name in globals() if name.startswith("test_")}


@pytest.mark.parametrize("value", ["", [""], ["", None], ["", ""], [], None, {"": "x"}])
def test_what_says_nothing_is_not_sent(value: Any) -> None:
    assert not is_sent(value)


@pytest.mark.parametrize("value", ["x", " ", 0, False, ["", "x"], {"x": ""}])
def test_what_says_something_is_sent(value: Any) -> None:
    assert is_sent(value)


def test_every_operation_has_its_test() -> None:
    assert len(OPERATIONS) == sum(1 for _ in schema.get_all_operations())
