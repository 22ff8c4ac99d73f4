"""The webhook's handler: what is signed as it should be is taken once, and everything else changes nothing."""

import base64
import hmac
import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook

from feee_cancel.adapters.signatures import Verifier, message_id
from feee_cancel.bootstrap.receiving import Receiver, bootstrap
from feee_cancel.domain.cancellation import State, StateReason
from feee_cancel.usecases.ports import NotSignedError, SecretUnavailableError
from functions.webhook.app import create
from local.webhook import SECRET, signed, signed_afresh
from tests.builders import NOW, ORDER_NO, row
from tests.events import Context, sample
from tests.fakes import Clock, FakeFeee, FakeMessages, FakeTable, ports
from tests.unit.test_secret import FakeSecrets

BODY = json.dumps({"order_no": ORDER_NO, "reason": "unfilled"})
OTHER = "whsec_" + base64.b64encode(b"another secret of thirty-two bytes").decode()
NOT_SIGNED = {
    "type": "urn:feee-cancel:problem:not-signed",
    "title": "Unauthorized",
    "status": 401,
    "detail": "The request carries no valid signature (Standard Webhooks) of the last five minutes.",
}


class Case:
    """A webhook over the fakes."""

    def __init__(self, *secrets: str, table: FakeTable | None = None) -> None:
        self.table = table or FakeTable()
        self.woken: list[int] = []
        self.clock = Clock()
        self.intake = ports(FakeFeee(), self.table, clock=self.clock, woken=self.woken)
        webhooks = [Webhook(secret) for secret in secrets or (SECRET,)]
        self.handler = create(
            Receiver(
                intake=self.intake, verified=partial(message_id, webhooks=webhooks), published=lambda handler: handler
            )
        )

    def call(self, event: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        answered = self.handler(event, Context())
        return answered["statusCode"], json.loads(answered["body"])

    def send(self, body: str = BODY, headers: dict[str, str] | None = None) -> tuple[int, dict[str, Any]]:
        return self.call(event(body, headers or signed(body)))


def event(body: str, headers: dict[str, str]) -> dict[str, Any]:
    """The sample with another body and signature."""
    return sample("webhook-cancel") | {
        "body": body,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
    }


def test_the_sample_is_written_the_drain_is_woken_and_the_answer_comes_at_once() -> None:
    case = Case()
    assert case.call(signed_afresh(sample("webhook-cancel"))) == (
        202,
        {"order_no": ORDER_NO, "state": "waiting", "state_reason": "queued"},
    )
    taken = case.table.rows[ORDER_NO]
    assert (taken.due_at, taken.attempt, taken.reason) == (NOW, 0, "unfilled")
    assert taken.requested_by == "webhook:msg_2KWPBgLlAfxdpx2AI54pPJ85f4W"
    assert case.woken == [NOW + 2]


def test_the_sample_as_it_stands_is_too_old() -> None:
    assert Case("YSBzZWNyZXQgb2YgdGhlIHNhbXBsZSdzIG93biwgMzI=").call(sample("webhook-cancel")) == (401, NOT_SIGNED)


def test_a_body_that_api_gateway_encoded_is_verified_as_it_was_sent() -> None:
    case = Case()
    encoded = base64.b64encode(BODY.encode()).decode()
    assert case.call(event(encoded, signed(BODY)) | {"isBase64Encoded": True})[0] == 202


def test_while_a_secret_is_replaced_both_are_valid() -> None:
    case = Case(SECRET, OTHER)
    assert case.send(headers=signed(BODY, secret=OTHER))[0] == 202
    assert case.send(headers=signed(BODY, secret=SECRET))[0] == 202
    both = [signed(BODY, secret=secret, message="m", at=time.time()) for secret in (SECRET, OTHER)]
    signatures = " ".join(headers["webhook-signature"] for headers in both)
    assert Case(OTHER).send(headers=both[0] | {"webhook-signature": signatures})[0] == 202


def test_another_versions_signature_beside_ours_is_passed_over() -> None:
    headers = signed(BODY)
    assert Case().send(headers=headers | {"webhook-signature": f"v1a,abc {headers['webhook-signature']}"})[0] == 202


def test_a_signature_made_by_openssl_is_valid() -> None:
    key = base64.b64decode(SECRET.removeprefix("whsec_")).hex()
    now = str(int(time.time()))
    signing = f"openssl dgst -sha256 -mac HMAC -macopt hexkey:{key} -binary | openssl base64 -A"
    script = f"printf %s 'msg_1.{now}.{BODY}' | {signing}"
    made = subprocess.run(["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, check=True).stdout
    headers = {"webhook-id": "msg_1", "webhook-timestamp": now, "webhook-signature": f"v1,{made}"}
    assert Case().send(headers=headers)[0] == 202


def test_a_redelivery_changes_nothing_whatever_became_of_the_order() -> None:
    case = Case()
    headers = signed(BODY, message="msg_1")
    case.send(headers=headers)
    withdrawn = replace(case.table.rows[ORDER_NO], state=State.WITHDRAWN, state_reason=StateReason.TAKEN_BACK)
    case.table.rows[ORDER_NO] = withdrawn
    case.woken.clear()
    again = signed(BODY, message="msg_1", at=time.time() + 100)
    assert case.send(headers=again) == (
        202,
        {"order_no": ORDER_NO, "state": "withdrawn", "state_reason": "taken_back"},
    )
    assert (case.table.rows[ORDER_NO], case.woken) == (withdrawn, [])
    del case.table.rows[ORDER_NO]
    assert case.send(headers=again) == (202, {})


def test_a_redelivery_is_accepted_though_its_time_has_passed() -> None:
    case, body = Case(), json.dumps({"order_no": ORDER_NO, "not_before": NOW + 30})
    assert case.send(body, signed(body, message="msg_1"))[0] == 202
    case.clock.time += 80_000
    assert case.send(body, signed(body, message="msg_1"))[0] == 202
    del case.table.rows[ORDER_NO]
    assert case.send(body, signed(body, message="msg_1")) == (202, {})
    status, problem = case.send(body, signed(body, message="msg_2"))
    assert (status, problem["errors"][0]["pointer"]) == (400, "#/not_before")


@pytest.mark.parametrize(("late", "status"), [(600, 202), (601, 400)])
def test_a_message_may_have_been_sent_again_for_minutes_before_it_was_accepted(late: int, status: int) -> None:
    assert Case().send(json.dumps({"order_no": ORDER_NO, "not_before": NOW - late}))[0] == status


def test_another_message_for_an_order_that_waits_brings_it_forward() -> None:
    waits = row(state=State.WAITING, state_reason=StateReason.ORDER_REFUSED, due_at=NOW + 300, tries=2, refusals="1/1")
    case = Case(table=FakeTable(waits))
    assert case.send()[0] == 202
    assert case.table.rows[ORDER_NO] == replace(waits, due_at=NOW, reason="unfilled")


def test_a_message_that_cannot_be_remembered_was_taken_all_the_same() -> None:
    case = Case()
    assert isinstance(case.intake.messages, FakeMessages)
    case.intake.messages.trouble = True
    assert case.send()[0] == 202


def test_a_message_that_cannot_be_written_is_a_503() -> None:
    case = Case()
    case.table.trouble = {"start"}
    status, problem = case.send()
    assert (status, problem["type"]) == (503, "urn:feee-cancel:problem:unavailable")


@pytest.mark.parametrize(
    "body",
    [
        "",
        "no JSON",
        "[]",
        '{"order_no": "x"}',
        '{"order_no": "1", "a": 1}',
        "[" * 4000,
        '{"order_no": "1", "not_before": 0}',
        '{"order_no": "1", "order_no": "1"}',
    ],
)
def test_a_signed_body_that_is_no_request_is_a_400(body: str) -> None:
    case = Case()
    status, problem = case.send(body)
    assert (status, problem["type"]) == (400, "urn:feee-cancel:problem:invalid-request")
    assert case.table.rows == {}


def test_another_method_is_a_405() -> None:
    answered = Case().handler(sample("webhook-cancel") | {"httpMethod": "GET"}, Context())
    assert (answered["statusCode"], answered["headers"]["Allow"]) == (405, "POST")


# -- ten thousand requests that aren't signed as they should be

_TEXT = st.text(max_size=12)
_HEADER = st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature"])
Mutation = Callable[[dict[str, Any]], None]


def _set(name: str, change: Callable[[str], str]) -> Mutation:
    def _mutate(made: dict[str, Any]) -> None:
        value = change(made["headers"][name])
        made["headers"][name] = value
        made["multiValueHeaders"][name] = [value]

    return _mutate


def _drop(name: str) -> Mutation:
    def _mutate(made: dict[str, Any]) -> None:
        del made["headers"][name], made["multiValueHeaders"][name]

    return _mutate


def _twice(name: str, value: str, *, upper: bool) -> Mutation:
    """The header once more, under a name in another case or as a second value."""

    def _mutate(made: dict[str, Any]) -> None:
        if upper:
            made["headers"][name.title()] = value
            made["multiValueHeaders"][name.title()] = [value]
        else:
            made["multiValueHeaders"][name] = [*made["multiValueHeaders"][name], value]

    return _mutate


def _body(change: Callable[[str], str]) -> Mutation:
    def _mutate(made: dict[str, Any]) -> None:
        made["body"] = change(made["body"])

    return _mutate


def _at(position: int, text: str) -> Callable[[str], str]:
    return lambda value: value[: position % (len(value) + 1)] + text + value[position % (len(value) + 1) :]


def _without(position: int) -> Callable[[str], str]:
    return lambda value: value[: position % len(value)] + value[position % len(value) + 1 :]


def _flipped(position: int, by: int) -> Callable[[str], str]:
    def _change(value: str) -> str:
        at = position % len(value)
        return value[:at] + chr((ord(value[at]) + by) % 0x7F) + value[at + 1 :]

    return _change


def _signed_at(seconds: int) -> Mutation:
    def _mutate(made: dict[str, Any]) -> None:
        made |= event(made["body"], signed(made["body"], at=time.time() + seconds))

    return _mutate


def _signed_with(key: bytes, algorithm: str) -> Mutation:
    def _mutate(made: dict[str, Any]) -> None:
        to_sign = f"{made['headers']['webhook-id']}.{made['headers']['webhook-timestamp']}.{made['body']}".encode()
        signature = base64.b64encode(hmac.new(key, to_sign, algorithm).digest()).decode()
        _set("webhook-signature", lambda _: f"v1,{signature}")(made)

    return _mutate


_POSITION = st.integers(0, 400)
_NOT_EMPTY = st.text(min_size=1, max_size=6)
_KEY = base64.b64decode(SECRET.removeprefix("whsec_"))
MUTATIONS = st.one_of(
    st.builds(_set, _HEADER, st.builds(_at, _POSITION, _NOT_EMPTY)),
    st.builds(_set, _HEADER, st.builds(_without, _POSITION)),
    st.builds(_set, _HEADER, st.builds(_flipped, _POSITION, st.integers(1, 0x7E))),
    st.builds(_set, _HEADER, st.builds(lambda text: lambda _: text, _TEXT)),
    st.builds(_drop, _HEADER),
    st.builds(_twice, _HEADER, _TEXT, upper=st.booleans()),
    st.builds(_body, st.builds(_at, _POSITION, _NOT_EMPTY)),
    st.builds(_body, st.builds(_without, _POSITION)),
    st.builds(_body, st.builds(_flipped, _POSITION, st.integers(1, 0x7E))),
    st.builds(_body, st.just(lambda value: json.dumps(json.loads(value), separators=(",", ":")))),
    st.builds(_signed_at, st.integers(-(10**6), -302) | st.integers(302, 10**6)),
    st.builds(_signed_with, st.binary(min_size=1, max_size=40), st.just("sha256")),
    st.builds(_signed_with, st.just(_KEY), st.sampled_from(["sha1", "sha512", "md5"])),
    st.just(lambda made: made.update(isBase64Encoded=True)),
    st.just(lambda made: made.update(isBase64Encoded=True, body=base64.b64encode(b"{}").decode())),
    st.just(_set("webhook-timestamp", lambda value: f"{value}.0")),
    st.just(_set("webhook-timestamp", lambda value: f"0{value}")),
    st.just(_set("webhook-timestamp", lambda value: f"{value[:3]}_{value[3:]}")),
    st.just(_set("webhook-signature", lambda value: value.replace("v1,", "v2,"))),
    st.just(_set("webhook-signature", lambda value: value.rstrip("="))),
    st.just(_set("webhook-signature", lambda value: f"{value} v1")),
    st.just(_set("webhook-signature", lambda value: value.replace("v1,", "v1,v1,"))),
    st.builds(
        lambda texts: _set("webhook-signature", lambda _: " ".join(f"v1,{text}" for text in texts)),
        st.lists(_TEXT, max_size=5),
    ),
)


@settings(max_examples=10_000)
@given(MUTATIONS, st.lists(MUTATIONS, max_size=2))
def test_ten_thousand_mutated_requests_are_refused_alike_and_write_nothing(
    first: Mutation, more: list[Mutation]
) -> None:
    made = event(BODY, signed(BODY, message="msg_1"))
    whole = json.dumps(made)
    for mutate in (first, *more):
        try:
            mutate(made)
        except (KeyError, ValueError, ZeroDivisionError):
            continue  # what it would change, another mutation took away
    if json.dumps(made) == whole:
        return
    assert _CASE.call(made) == (401, NOT_SIGNED)
    assert (_CASE.table.writes, _CASE.woken) == (0, [])


_CASE = Case()


# -- the secrets


def verifier(text: str) -> Verifier:
    return Verifier(FakeSecrets(text, text), "feee-key")  # type: ignore[arg-type] # a fake of the client


def test_several_secrets_are_read_with_or_without_their_prefix_and_padding() -> None:
    several = verifier(json.dumps({"secrets": [SECRET, OTHER.removeprefix("whsec_").rstrip("="), "short", 5]}))
    headers = {name: [value] for name, value in signed(BODY, secret=OTHER, message="m").items()}
    assert several(headers, BODY.encode()) == "m"
    with pytest.raises(NotSignedError):
        verifier(json.dumps({"secrets": [SECRET]}))(headers, BODY.encode())


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"secrets": []}', '{"secrets": "x"}', '{"secrets": ["c2hvcnQ=", "?"]}']
)
def test_a_secret_without_a_usable_one_says_how_to_set_it(text: str) -> None:
    with pytest.raises(SecretUnavailableError, match="aws secretsmanager put-secret-value"):
        verifier(text)({}, b"")


def test_without_a_secret_nothing_is_accepted() -> None:
    receiver = Receiver(
        intake=ports(FakeFeee(), FakeTable()), verified=verifier("{}"), published=lambda handler: handler
    )
    answered = create(receiver)(event(BODY, signed(BODY)), Context())
    assert answered["statusCode"] == 503


def test_it_is_wired_from_the_templates_settings() -> None:
    assert isinstance(bootstrap().verified, Verifier)
