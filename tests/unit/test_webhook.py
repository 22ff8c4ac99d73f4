"""The webhook's handler: what is signed as it should be is taken once, and everything else changes nothing."""

import base64
import hmac
import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from feee_cancel.adapters.signatures import Verifier
from feee_cancel.bootstrap.receiving import Receiver, bootstrap
from feee_cancel.domain.cancellation import State, StateReason
from feee_cancel.usecases.errors import SecretUnavailableError
from functions.webhook.app import create
from local.signing import SECRET, signed, signed_now
from tests.builders import NOW, ORDER_NO, row
from tests.events import Context, sample
from tests.fakes import Clock, FakeFeee, FakeMessages, FakeTable, ports
from tests.thorough import cases

BODY = json.dumps({"order_no": ORDER_NO, "reason": "unfilled"})
OTHER = "whsec_" + base64.b64encode(b"another secret of thirty-two bytes").decode()
NOT_SIGNED = {
    "type": "urn:feee-cancel:problem:not-signed",
    "title": "Unauthorized",
    "status": 401,
    "detail": "The request has no valid signature (Standard Webhooks) made in the last five minutes.",
}


class HeldSecret:
    """Secrets Manager's client, over one secret; counts how often it is read."""

    def __init__(self, held: object) -> None:
        self.held = held
        self.reads = 0

    def get_secret_value(self, SecretId: str) -> dict[str, Any]:  # noqa: N803 - boto3's name
        self.reads += 1
        if isinstance(self.held, Exception):
            raise self.held
        return {"SecretString": self.held if isinstance(self.held, str) else json.dumps(self.held)}


class Case:
    """A webhook over the fakes."""

    def __init__(self, *secrets: str, table: FakeTable | None = None, held: object = None) -> None:
        self.table = table or FakeTable()
        self.woken: list[int] = []
        self.clock = Clock()
        self.intake = ports(FakeFeee(), self.table, clock=self.clock, woken=self.woken)
        self.secrets = HeldSecret({"secrets": list(secrets or (SECRET,))} if held is None else held)
        verified = Verifier(self.secrets, "webhook-secret")  # type: ignore[arg-type] # a fake of the client
        self.handler = create(Receiver(intake=self.intake, verified=verified, published=lambda handler: handler))

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
    assert case.call(signed_now(sample("webhook-cancel"))) == (
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


ASYMMETRIC = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="


@pytest.mark.parametrize(
    "beside", ["{} {other}", "{other}   {}", "{} v1a,abc", ASYMMETRIC + " {}", " {} ", "v99,x v2,= {}"]
)
def test_whatever_the_specification_allows_beside_our_signature_is_passed_over(beside: str) -> None:
    headers = signed(BODY)
    other = signed(BODY, secret=OTHER)["webhook-signature"]
    header = beside.format(headers["webhook-signature"], other=other)
    assert Case().send(headers=headers | {"webhook-signature": header})[0] == 202


@pytest.mark.parametrize(
    "signature", [ASYMMETRIC, "v1a,abc", "v1", "v1,", "v1,abc=", "v1;x", "v1,{}\t", "v1,{}\n", "", " "]
)
def test_a_message_without_a_signature_by_a_shared_secret_is_not_signed(signature: str) -> None:
    headers = signed(BODY)
    made = signature.format(headers["webhook-signature"].removeprefix("v1,"))
    assert Case().send(headers=headers | {"webhook-signature": made}) == (401, NOT_SIGNED)


def test_svixs_names_of_the_headers_are_not_the_standards() -> None:
    headers = {name.replace("webhook-", "svix-"): value for name, value in signed(BODY).items()}
    assert Case().send(headers=headers) == (401, NOT_SIGNED)
    assert Case().send(headers=headers | signed(BODY))[0] == 202, "beside the standard's they change nothing"


@pytest.mark.parametrize(("seconds", "status"), [(-298, 202), (298, 202), (-302, 401), (302, 401)])
def test_a_timestamp_may_be_five_minutes_off(seconds: int, status: int) -> None:
    assert Case().send(headers=signed(BODY, at=time.time() + seconds))[0] == status


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
    moved = case.table.rows[ORDER_NO]
    assert replace(moved, requests=()) == replace(waits, due_at=NOW, reason="unfilled")
    assert [bool(one.requested_by) for one in moved.requests] == [False, True]


def test_a_message_that_cannot_be_remembered_was_taken_all_the_same() -> None:
    case = Case()
    assert isinstance(case.intake.messages, FakeMessages)
    case.intake.messages.trouble = True
    assert case.send()[0] == 202


def test_a_message_for_a_row_of_a_newer_version_is_a_503_until_it_can_be_read() -> None:
    there = row(state=State.read("paused"))
    case = Case(table=FakeTable(there))
    for _ in range(2):
        status, problem = case.send()
        assert (status, "a newer version wrote the state" in problem["detail"]) == (503, True)
    assert (case.table.rows, case.woken) == ({ORDER_NO: there}, [])
    case.table.rows.clear()
    assert (case.send()[0], case.table.rows[ORDER_NO].state) == (202, State.WAITING)


def test_a_message_that_cannot_be_written_is_a_503() -> None:
    case = Case()
    case.table.trouble = {"start"}
    status, problem = case.send()
    assert (status, problem["type"]) == (503, "urn:feee-cancel:problem:unavailable")
    assert "it is unknown whether the request was recorded" in problem["detail"]


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


@pytest.mark.thorough
@settings(max_examples=cases(10_000))
@given(MUTATIONS, st.lists(MUTATIONS, max_size=2))
def test_thousands_of_mutated_requests_are_refused_alike_and_write_nothing(
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


# -- the senders


def named(**secrets: object) -> Case:
    return Case(held={"secrets": secrets})


def order(number: int) -> str:
    return json.dumps({"order_no": str(number)})


def test_two_senders_may_use_the_same_id_and_the_row_says_who_asked() -> None:
    case = named(shop=SECRET, bot=OTHER)
    assert case.send(order(1), signed(order(1), message="1"))[0] == 202
    assert case.send(order(2), signed(order(2), secret=OTHER, message="1"))[0] == 202
    assert {number: (there.requested_by, there.asker) for number, there in case.table.rows.items()} == {
        "1": ("webhook:shop:1", "webhook:shop"),
        "2": ("webhook:bot:1", "webhook:bot"),
    }


def test_senders_without_names_may_use_the_same_id_for_different_orders() -> None:
    case = Case(SECRET, OTHER)
    assert case.send(order(1), signed(order(1), message="1"))[0] == 202
    assert case.send(order(2), signed(order(2), secret=OTHER, message="1"))[0] == 202
    assert case.table.rows.keys() == {"1", "2"}


def test_a_sender_whose_secret_is_replaced_redelivers_all_the_same() -> None:
    case = named(shop=[OTHER, SECRET], bot="whsec_" + base64.b64encode(bytes(32)).decode())
    case.send(headers=signed(BODY, message="1"))
    withdrawn = replace(case.table.rows[ORDER_NO], state=State.WITHDRAWN, state_reason=StateReason.TAKEN_BACK)
    case.table.rows[ORDER_NO] = withdrawn
    assert case.send(headers=signed(BODY, secret=OTHER, message="1"))[0] == 202
    assert case.table.rows[ORDER_NO] == withdrawn


def test_the_log_names_the_sender(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="feee_cancel"):
        named(shop=SECRET).send(headers=signed(BODY, message="1"))
    (said,) = (vars(record) for record in caplog.records if record.message == "signed")
    assert (said["sender"], said["message_id"]) == ("shop", "1")


@pytest.mark.parametrize(
    ("secrets", "place", "why"),
    [
        ([SECRET, "whsec_c2hvcnQ="], "number 2 of entry 1 of secrets", "24 to 64 bytes"),
        ([SECRET, 5], "number 2 of entry 1 of secrets", "24 to 64 bytes"),
        ([SECRET, "whsec_" + base64.b64encode(bytes(65)).decode()], "number 2 of entry 1 of secrets", "24 to 64 bytes"),
        ({"a": SECRET, "shop": "whsec_not base64 at all, and long"}, "number 1 of secrets.shop", "24 to 64 bytes"),
        ({"a": SECRET, "shop": [SECRET, None]}, "number 2 of secrets.shop", "24 to 64 bytes"),
        ({"a": SECRET, "shop": {"x": OTHER}}, "number 1 of secrets.shop", "24 to 64 bytes"),
        ({"a": SECRET, "shop": "whpk_" + "a" * 40}, "number 1 of secrets.shop", "asymmetric"),
        ({"a": SECRET, OTHER: "shop"}, "number 1 of entry 2 of secrets", "name"),
        ({"a": SECRET, OTHER.removeprefix("whsec_"): "shop"}, "number 1 of entry 2 of secrets", "name"),
        ({"a": SECRET, "": OTHER}, "number 1 of entry 2 of secrets", "name"),
    ],
)
def test_a_bad_secret_among_good_ones_is_named_in_the_log_and_not_shown(
    secrets: object, place: str, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    case = Case(held={"secrets": secrets})
    for _ in range(5):
        assert case.send(headers=signed(BODY))[0] == 202
    (said,) = (vars(record) for record in caplog.records if record.levelname == "ERROR")
    assert (said["secret"], why in said["why"]) == (place, True)
    assert not any(part in f"{said}" for part in (OTHER, OTHER.removeprefix("whsec_"), "not base64"))


def test_more_secrets_than_can_be_tried_are_said_to_be_too_many(caplog: pytest.LogCaptureFixture) -> None:
    case = Case(held={"secrets": [*[OTHER] * 49, SECRET, SECRET]})
    assert case.send(headers=signed(BODY))[0] == 202
    assert "more than 50 secrets" in caplog.text


@pytest.mark.parametrize(
    "secret",
    [SECRET, SECRET.removeprefix("whsec_"), SECRET.rstrip("=")],
    ids=["whole", "without prefix", "without padding"],  # the secret is another in each process
)
def test_a_secret_may_be_without_its_prefix_and_its_padding(secret: str) -> None:
    assert Case(secret).send(headers=signed(BODY))[0] == 202


UNREADABLE = ClientError({"Error": {"Code": "AccessDeniedException", "Message": ""}}, "GetSecretValue")


@pytest.mark.parametrize(
    "held",
    [
        "",
        "[]",
        "{}",
        "[" * 60_000,
        {"secrets": []},
        {"secrets": {}},
        {"secrets": "x"},
        {"secrets": ["c2hvcnQ=", "?"]},
        UNREADABLE,
    ],
)
def test_a_secret_that_cannot_be_used_is_read_twice_for_a_hundred_requests(held: object) -> None:
    """As deployed, mistyped, or unreadable: unsigned requests don't make it read again and again."""
    case = Case(held=held)
    assert {case.send(headers=signed(BODY, secret=OTHER))[0] for _ in range(100)} == {503}
    assert case.secrets.reads <= 2


def test_a_secret_that_was_just_set_is_used_after_some_seconds() -> None:
    clock, held = Clock(), HeldSecret({"secrets": []})
    verifier = Verifier(held, "webhook-secret", clock)  # type: ignore[arg-type] # a fake of the client
    headers = {name: [value] for name, value in signed(BODY, at=NOW).items()}
    with pytest.raises(SecretUnavailableError, match="aws secretsmanager put-secret-value"):
        verifier(headers, BODY.encode())
    held.held = {"secrets": {"shop": SECRET}}
    clock.time += 9.9
    with pytest.raises(SecretUnavailableError):
        verifier(headers, BODY.encode())
    clock.time += 0.1
    assert verifier(headers, BODY.encode()).sender == "shop"


@pytest.mark.parametrize(
    "change",
    [
        lambda made: made["multiValueHeaders"].pop("webhook-id"),
        lambda made: made["multiValueHeaders"].update({"webhook-id": ["a.b"]}),
        lambda made: made["multiValueHeaders"].update({"webhook-id": ["x" * 257]}),
        lambda made: made["multiValueHeaders"].update({"webhook-id": ["nachricht-ü"]}),
        lambda made: made["multiValueHeaders"].update({"webhook-timestamp": [str(NOW)]}),
        lambda made: made["multiValueHeaders"].update({"webhook-signature": ["v1,abc"]}),
        lambda made: made.update(body="\udc80"),
        lambda made: made.update(body="=", isBase64Encoded=True),
        lambda made: made.update(body="/w==", isBase64Encoded=True),
    ],
)
def test_what_can_be_refused_without_the_secret_is(change: Callable[[dict[str, Any]], object]) -> None:
    case, made = Case(), event(BODY, signed(BODY))
    change(made)
    assert (case.call(made), case.secrets.reads) == ((401, NOT_SIGNED), 0)


@pytest.mark.parametrize("encoded", [True, False])
def test_a_body_that_is_too_long_is_neither_hashed_nor_decoded(encoded: bool) -> None:
    case, body = Case(*[OTHER] * 10), "x" * 6_000_000
    made = event(body, signed("x", secret=OTHER)) | {"isBase64Encoded": encoded}
    took = []
    for _ in range(5):
        began = time.process_time()
        status, problem = case.call(made)
        took.append(time.process_time() - began)
        assert (status, problem["type"], case.secrets.reads) == (413, "urn:feee-cancel:problem:too-large", 0)
    assert min(took) < 0.05, "of a core: ten hashes of it take twice as long"


def test_it_is_wired_from_the_templates_settings() -> None:
    assert isinstance(bootstrap().verified, Verifier)
