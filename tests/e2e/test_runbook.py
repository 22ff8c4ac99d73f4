"""The runbook, tried as a new operator would: a fault for each alarm, and then nothing but the runbook's commands.

Each test brings about a fault on a stack of its own, looks with the commands, and sees the stuck cancellation finished.
What the emulator doesn't do is said where it matters; the nearest thing is done instead.
"""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from cfnlint.decode import decode_str
from rich.console import Console

from local.bus import settled_events
from local.metrics import emitted
from local.running import announced
from local.signing import signed
from local.stack import KEY, STACK, LocalStack, local_stack
from tests.alarms import alarms, fires
from tests.e2e.records import GONE, position, span
from tests.e2e.restored import clear, put_back, renew
from tests.e2e.rows import hand_over, hold_the_lease, let_an_attempt_crash, no_drain_at_work, put, tick
from tests.e2e.waiting import wait_for
from tests.runbook import Operator, about_alarms, sections
from tests.starved import each_call_once

ALARMS = alarms()
COVERED: dict[str, set[str]] = {}
"""The sections that each test is about, by its name."""

NOBODY = "http://127.0.0.1:9/settled"
"""Where nobody listens: discard's port."""
Test = Callable[..., None]


def about(*headings: str) -> Callable[[Test], Test]:
    """The test runs every command of these sections."""

    def marked(test: Test) -> Test:
        COVERED[test.__name__] = set(headings)
        return test

    return marked


@pytest.fixture(scope="module")
def deployed_for_operators() -> Iterator[LocalStack]:
    """Waits are shorter; a row that waits for the key is attempted three times before the drain rests."""
    with local_stack(
        Console(quiet=True), MisconfiguredBackoff="8-8", RefundMissingAfterSeconds="60", SettledWebhookUrl=NOBODY
    ) as stack:
        yield stack


@pytest.fixture
def stack(deployed_for_operators: LocalStack) -> Iterator[LocalStack]:
    """A stack whose functions, permissions and key may be spoilt."""
    clear(deployed_for_operators)
    with put_back(deployed_for_operators):
        yield deployed_for_operators


@pytest.fixture(scope="module")
def at_work(deployed_for_operators: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    folder = tmp_path_factory.mktemp("operator")
    with announced(deployed_for_operators, folder / "running.json"):
        yield Operator(deployed_for_operators, folder)


@pytest.fixture
def operator(at_work: Operator, request: pytest.FixtureRequest) -> Iterator[Operator]:
    """The operator, who in this test runs every command of the sections that it is about."""
    at_work.ran.clear()
    yield at_work
    assert at_work.left(COVERED[request.function.__name__]) == set()


def test_every_section_about_an_alarm_and_every_command_is_tried() -> None:
    tried = {heading for headings in COVERED.values() for heading in headings}
    with_commands = {heading for heading, commands in sections().items() if commands}
    assert tried == with_commands | about_alarms()


def order(stack: LocalStack, **options: Any) -> str:
    return stack.simulator.client.create_order(**{"age": 743, **options}).order_no


def is_finished(stack: LocalStack, order_no: str) -> None:
    wait_for(lambda: stack.api.get(order_no).body, lambda row: row.get("state") == "cancelled")


def sounds(stack: LocalStack, alarm: str, *, since: float) -> bool:
    """Whether the metrics since then set the alarm off; a log is there a moment after what it is about."""
    data = wait_for(lambda: emitted(stack, since=since), lambda data: fires(ALARMS[alarm], data, now=time.time()))
    return bool(data)


def fail_for_good(stack: LocalStack, *events: object) -> None:
    """Hand events to the drain's function, and wait until they are among those that failed three times."""

    for event in events:
        hand_over(stack, event)
    wait_for(lambda: [event for event in events if event not in failed(stack)], lambda missing: not missing)


def failed(stack: LocalStack) -> list[object]:
    """The events that failed, at most ten: ticks of the stack's own may be among them."""
    asked = {"QueueUrl": stack.outputs["FailedEventsUrl"], "MaxNumberOfMessages": 10, "VisibilityTimeout": 0}
    received = stack.client("sqs").receive_message(**asked).get("Messages", [])
    return [json.loads(message["Body"])["requestPayload"] for message in received]


def waiting_in(stack: LocalStack, queue: str) -> int:
    name = "ApproximateNumberOfMessages"
    asked = {"QueueUrl": stack.outputs[queue], "AttributeNames": [name]}
    return int(stack.client("sqs").get_queue_attributes(**asked)["Attributes"][name])


@about("Cancellation failed", "Looking", "Finishing a stuck cancellation")
def test_an_order_that_nobody_tries_any_more(stack: LocalStack, operator: Operator) -> None:
    feee, since = stack.simulator.client, time.time()
    orders = [order(stack), order(stack)]
    for order_no in orders:
        no_resource = partial(feee.misbehave, "error_code", code=20009, msg="no resource")
        no_resource(order_no=order_no, endpoint="cancel", times=None, acts=False)
        put(stack, order_no, "waiting", gives_up_at=int(time.time()) - 1)
    tick(stack)
    assert sounds(stack, "CancellationFailedAlarm", since=since)
    listed, queried = operator("./feee-cancel list --state failed"), operator("aws dynamodb query")
    for order_no in orders:
        assert re.search(f"{order_no} +failed .+ it wasn't settled in time", listed)
        assert f'"order_no":"{order_no}"' in queried
    (stuck, another) = orders
    shown = operator("./feee-cancel show", order_no=stuck)
    assert "is failed: it wasn't settled in time" in shown
    assert "refused, code 20009, no resource" in shown
    row = json.loads(operator("aws dynamodb get-item", order_no=stuck))
    assert (row["state"], row["code"], row["msg"]) == ("failed", "20009", "no resource")
    assert "can be cancelled" in operator("./feee-cancel lookup", order_no=stuck)
    wait_for(
        lambda: operator.logged("logged ScheduleFunction '{ $.order_no", order_no=stuck),
        lambda said: {20009, 0} <= {json.loads(line).get("code") for line in said},
    )
    wait_for(
        lambda: operator("./feee-cancel history", order_no=stuck),
        lambda said: "code 20009" in said and "it wasn't settled in time" in said,
    )
    feee.behave()
    assert f"{stuck} is cancelled" in operator("./feee-cancel cancel", order_no=stuck)
    assert "3.92 TRX came back" in operator("./feee-cancel watch", order_no=stuck)
    assert "202" in operator('drain --invocation-type Event <<< \'{"order_no"', order_no=another)
    is_finished(stack, another)


@about("Misconfigured", "Setting and replacing the key")
def test_feee_io_takes_no_call_of_ours(stack: LocalStack, operator: Operator) -> None:
    feee, since = stack.simulator.client, time.time()
    replaced, unlisted = order(stack), order(stack)
    feee.misbehave("error_code", order_no=unlisted, code=20012, msg="ip not allowed", times=None, acts=False)
    feee.set_key("key-that-is-good-now")
    for order_no in (replaced, unlisted):
        assert stack.api.cancel(order_no).body["state_reason"] == "misconfigured"
    assert sounds(stack, "MisconfiguredAlarm", since=since)
    listing = partial(operator, "./feee-cancel list --state failed", failed="waiting")  # but for a moment's attempt
    wait_for(listing, lambda listed: re.search(f"{replaced} +waiting .+ feee.io rejects the key", listed))
    assert "code 10001" in operator("./feee-cancel show", order_no=replaced)
    assert "code 20012" in operator("./feee-cancel show", order_no=unlisted)
    (operator.folder / "key.json").write_text('{"key": "key-that-is-good-now"}')
    assert "VersionId" in operator('aws secretsmanager put-secret-value --secret-id "$(output FeeeKeySecretArn)"')
    feee.behave()
    is_finished(stack, replaced)
    is_finished(stack, unlisted)


@about("Misconfigured")
def test_the_secret_holds_no_key(stack: LocalStack, operator: Operator) -> None:
    stuck = order(stack)
    stack.simulator.client.set_key("key-that-nobody-has")
    stack.set_key("")
    renew(stack)  # a function that knows a key shows what feee.io said to it
    assert stack.api.cancel(stuck).body["state_reason"] == "misconfigured"
    shown = operator("./feee-cancel show", order_no=stuck)
    assert ("code" in shown, "the secret of feee.io's key can't be used" in shown) == (False, True)
    log = wait_for(lambda: operator.told('logged ApiFunction "$ERRORS"'), lambda log: "put-secret-value" in log)
    command = re.findall(r"aws secretsmanager put-secret-value .*? file://secret.json", log)[-1]
    stack.simulator.client.set_key(KEY)
    (operator.folder / "secret.json").write_text(json.dumps({"key": KEY}))
    assert "VersionId" in operator.told(command)
    is_finished(stack, stuck)


@about("Refund missing")
def test_a_refund_that_doesnt_show(stack: LocalStack, operator: Operator) -> None:
    feee, since = stack.simulator.client, time.time()
    stuck = order(stack, status=11, refund="never")
    put(stack, stuck, "refunding", state_reason="refund_pending", since=int(time.time()) - 100)
    stack.api.cancel(stuck)
    assert sounds(stack, "RefundMissingAlarm", since=since)
    listed = operator("./feee-cancel list --state failed", failed="refunding")
    assert re.search(f"{stuck} +refunding .+ the refund doesn't show yet", listed)
    assert re.search(r"feee\.io +order, code 0, ok, [0-9a-f-]{36}", operator("./feee-cancel show", order_no=stuck))
    assert f"{stuck} is refunding" in operator("./feee-cancel cancel", order_no=stuck)
    feee.change_order(stuck, status=14)
    is_finished(stack, stuck)


@about("Drain late")
def test_what_is_due_isnt_attempted_because_feee_io_is_down(stack: LocalStack, operator: Operator) -> None:
    """The dashboard is CloudWatch's: its metrics are read here as they were emitted."""
    feee, since = stack.simulator.client, time.time()
    stuck = [order(stack) for _ in range(3)]
    with no_drain_at_work(stack):
        for order_no in stuck:
            feee.misbehave("http_error", order_no=order_no, status=503, times=None)
            put(stack, order_no, "waiting", due_at=int(time.time()) - 400)
        tick(stack)
        assert sounds(stack, "DrainLateAlarm", since=since)
    tick(stack)
    wait_for(lambda: {datum.name for datum in emitted(stack, since=since)}, lambda names: "FeeeNoUsableAnswer" in names)
    calls = len(feee.requests())
    assert operator("drain <<< '{}'").startswith("null")
    assert len(feee.requests()) == calls, "the drain rests"
    assert stuck[0] in operator("./feee-cancel list --state waiting")
    assert "no_usable_answer" in operator("./feee-cancel show", order_no=stuck[0])
    feee.behave()
    assert f"{stuck[0]} is cancelled" in operator("./feee-cancel cancel", order_no=stuck[0])
    hold_the_lease(stack, 0)  # the half minute is over
    tick(stack)
    is_finished(stack, stuck[1])
    is_finished(stack, stuck[2])
    kept = variable(stack, "RETENTION_DAYS")
    operator("set_parameter Tuning DrainPace=8")
    wait_for(lambda: variable(stack, "TUNING"), lambda tuning: tuning == "DrainPace=8")
    assert variable(stack, "RETENTION_DAYS") == kept, "the other parameters are as they were"


def variable(stack: LocalStack, name: str) -> str:
    asked = {"FunctionName": stack.outputs["ScheduleFunctionName"]}
    return str(stack.client("lambda").get_function_configuration(**asked)["Environment"]["Variables"][name])


@about("Drain not running")
def test_the_schedule_was_switched_off(stack: LocalStack, operator: Operator) -> None:
    scheduler, name, stuck = stack.client("scheduler"), stack.outputs["TickName"], order(stack)
    made = {"Name", "Target", "ScheduleExpression", "FlexibleTimeWindow", "State"}
    before = {key: value for key, value in scheduler.get_schedule(Name=name).items() if key in made}
    scheduler.update_schedule(**{**before, "State": "DISABLED"})
    put(stack, stuck, "waiting")
    assert operator("aws scheduler get-schedule").strip() == "DISABLED"
    assert operator("drain <<< '{}'").startswith("null")
    is_finished(stack, stuck)
    for there in ("", "ResourceNotFoundException"):
        assert there in operator("aws scheduler delete-schedule")
        assert "ScheduleArn" in operator("aws scheduler create-schedule")
        assert {key: value for key, value in scheduler.get_schedule(Name=name).items() if key in made} == before
        scheduler.delete_schedule(Name=name)
    assert "ResourceNotFoundException" in operator("aws scheduler get-schedule")
    operator("aws scheduler create-schedule")
    assert operator("aws scheduler get-schedule").strip() == "ENABLED"


@about("Attempt crashed")
def test_a_row_that_cannot_be_read(stack: LocalStack, operator: Operator) -> None:
    since, order_no = time.time(), order(stack)
    let_an_attempt_crash(stack, order_no)
    assert sounds(stack, "AttemptCrashedAlarm", since=since)
    assert order_no in operator('logged ScheduleFunction "$ERRORS"')


@about("Malformed event", "Failed events")
def test_events_that_are_no_requests(stack: LocalStack, operator: Operator) -> None:
    since, good, fixed = time.time(), order(stack), order(stack)
    batch, malformed = {"order_nos": [good, "x1234"]}, {"order": fixed}
    fail_for_good(stack, batch, malformed)
    assert sounds(stack, "MalformedEventAlarm", since=since)
    is_finished(stack, good)
    shown = [json.loads(line) for line in operator('aws sqs receive-message --queue-url "$(output Fai').splitlines()]
    ticks = [one for one in shown if one["requestPayload"] not in (batch, malformed)]  # on a busy machine
    errors = {json.dumps(one["requestPayload"]): one["responsePayload"]["errorMessage"] for one in shown}
    assert errors.keys() >= {json.dumps(batch), json.dumps(malformed)}
    assert "has neither order_no nor order_nos" in errors[json.dumps(malformed)]
    redriven = operator("./feee-cancel redrive FailedEvents")
    assert redriven.startswith(f"{1 + len(ticks)} sent to the schedule's function again")
    assert "1 left in the queue: malformed" in redriven
    operator("drain --invocation-type Event <<< '<requestPayload>'", requestPayload=json.dumps({"order_no": fixed}))
    is_finished(stack, fixed)
    operator.told("./feee-cancel redrive FailedEvents --discard")
    assert waiting_in(stack, "FailedEventsUrl") == 0
    assert operator('aws sqs purge-queue --queue-url "$(output Fai') == ""


@about()
@pytest.mark.usefixtures("stack")
def test_a_parameter_of_a_stack_that_is_not_there_changes_nothing_and_says_so(operator: Operator) -> None:
    """And the template that was fetched for it, or wasn't, is left nowhere."""
    elsewhere = "STACK=nobody; mkdir temporary; export TMPDIR=$PWD/temporary"
    told = operator.told(f'{elsewhere}; set_parameter Tuning DrainPace=8; echo "ended: $?"; ls temporary')
    error, ended = told.split("\n")[1:3]
    assert error.endswith("does not exist"), "AWS's own words"
    assert re.fullmatch(r"ended: [1-9]\d*", ended)
    assert told == f"\n{error}\n{ended}\n", "nothing else was tried, and nothing is left"


def deploy_as_json(stack: LocalStack, **changed: str) -> None:
    """Give the stack its template as JSON, as `sam deploy --use-json` does, and other parameters."""
    client, name = stack.client("cloudformation"), {"StackName": STACK}
    body = client.get_template(**name, TemplateStage="Original")["TemplateBody"]
    place = {"Bucket": re.findall(r"s3://([^/]+)/", body)[0], "Key": "as.json"}
    stack.client("s3").put_object(**place, Body=json.dumps(decode_str(body)[0]).encode())
    parameters = client.describe_stacks(**name)["Stacks"][0]["Parameters"]
    before = {one["ParameterKey"]: one["ParameterValue"] for one in parameters}
    client.update_stack(
        **name,
        TemplateURL="https://s3.us-east-1.amazonaws.com/{Bucket}/{Key}".format(**place),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in (before | changed).items()],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    client.get_waiter("stack_update_complete").wait(**name, WaiterConfig={"Delay": 1})


@about("Function errors")
def test_a_parameter_that_no_function_starts_with(stack: LocalStack, operator: Operator) -> None:
    """The emulator doesn't log why a function couldn't start, as Lambda does; the tick by hand tells it here too."""
    stuck, errors = order(stack), operator.logged('logged ApiFunction "$ERRORS"')
    operator("set_parameter Tuning RefundCheckBackoff", **{"5-60": "60-5"})
    wait_for(lambda: variable(stack, "TUNING"), lambda tuning: tuning == "RefundCheckBackoff=60-5")
    why = "environment variable TUNING: RefundCheckBackoff must be seconds such as 5-60"
    wait_for(lambda: operator("drain <<< '{}'"), lambda told: why in told)
    wait_for(lambda: stack.api.get(stuck).status, lambda status: status >= 500)
    assert stack.api.cancel(stuck).status >= 500
    fail_for_good(stack, {"order_no": stuck})
    assert operator.logged('logged ApiFunction "$ERRORS"') == errors
    deploy_as_json(stack, Tuning="RefundCheckBackoff=61-5")
    operator("set_parameter Tuning RefundCheckBackoff")
    wait_for(lambda: variable(stack, "TUNING"), lambda tuning: tuning == "RefundCheckBackoff=5-60")
    wait_for(
        lambda: stack.api.get(stuck),
        lambda answer: answer.status == 404 or answer.body.get("requested_by", "").startswith("event:"),  # its last try
    )
    assert stuck in operator('aws sqs receive-message --queue-url "$(output Fai')
    assert "sent to the schedule's function again" in operator("./feee-cancel redrive FailedEvents")
    is_finished(stack, stuck)


@about("Function throttles")
def test_a_function_that_may_not_run(stack: LocalStack, operator: Operator) -> None:
    """The emulator makes the account's limits up, and doesn't change what is reserved when the stack is updated."""
    client, name, stuck = stack.client("lambda"), stack.outputs["ScheduleFunctionName"], order(stack)
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    put(stack, stuck, "waiting")
    assert "TooManyRequestsException" in operator("drain <<< '{}'")
    assert len(json.loads(operator("aws lambda get-account-settings"))) == 2
    shown = operator("aws lambda get-function-concurrency")
    assert json.loads(shown) == {"ReservedConcurrentExecutions": 0}
    assert operator('aws lambda delete-function-concurrency --function-name "$(output ScheduleFunctionName)"') == ""
    assert operator("drain <<< '{}'").startswith("null")
    is_finished(stack, stuck)


@about("Undelivered ticks")
def test_ticks_that_eventbridge_couldnt_deliver(stack: LocalStack, operator: Operator) -> None:
    """The emulator's scheduler needs no permission, so the message is put there as EventBridge documents it."""
    iam, sqs, url = stack.client("iam"), stack.client("sqs"), stack.outputs["UndeliveredTicksUrl"]
    tick = {"RoleName": stack.outputs["ScheduleRoleArn"].rpartition("/")[2], "PolicyName": "tick"}
    allowed = may(iam.get_role_policy(**tick)["PolicyDocument"])
    iam.delete_role_policy(**tick)
    said = {"ERROR_CODE": "AccessDeniedException", "ERROR_MESSAGE": "not authorized to perform lambda:InvokeFunction"}
    attributes = {name: {"DataType": "String", "StringValue": value} for name, value in said.items()}
    for emptied in ("./feee-cancel redrive UndeliveredT", 'aws sqs purge-queue --queue-url "$(output UndeliveredT'):
        sqs.send_message(QueueUrl=url, MessageBody="{}", MessageAttributes=attributes)
        assert json.loads(operator('aws sqs receive-message --queue-url "$(output UndeliveredT')) == said
        operator(emptied)
        assert waiting_in(stack, "UndeliveredTicksUrl") == 0
    assert operator('aws iam put-role-policy --role-name "$(output ScheduleRoleArn') == ""
    assert allowed <= may(iam.get_role_policy(**tick)["PolicyDocument"])


def may(document: Any) -> set[tuple[str, str]]:
    """The actions and resources that a policy allows."""

    def several(value: Any) -> list[Any]:
        return value if isinstance(value, list) else [value]

    return {
        (action, resource)
        for statement in several(document["Statement"])
        for action in several(statement["Action"])
        for resource in several(statement["Resource"])
    }


@about("Announcements late", "Unannounced records")
def test_the_bus_doesnt_take_the_settled_events(stack: LocalStack, operator: Operator) -> None:
    """Emulator: a batch that the function reports as failed isn't delivered again, so none grows old.

    The message is put into the queue as Lambda documents it, once for records that the stream has and once for others.
    """
    iam, sqs, url = stack.client("iam"), stack.client("sqs"), stack.outputs["UnannouncedRecordsUrl"]
    name = stack.outputs["NotifyFunctionName"]
    role = stack.client("lambda").get_function_configuration(FunctionName=name)["Role"].rpartition("/")[2]
    announce = {"RoleName": role, "PolicyName": "announce"}
    document = iam.get_role_policy(**announce)["PolicyDocument"]
    kept = [statement for statement in document["Statement"] if statement["Action"] != "events:PutEvents"]
    iam.put_role_policy(**announce, PolicyDocument=json.dumps(document | {"Statement": kept}))
    unannounced = order(stack)
    with settled_events(stack) as bus:
        assert stack.api.cancel(unannounced).status == 200
        wait_for(lambda: "".join(operator.logged("logged NotifyFunction")), lambda log: "events:PutEvents" in log)
        assert operator('aws iam put-role-policy --role-name "$(aws lambda') == ""
        given = may(iam.get_role_policy(RoleName=role, PolicyName="events")["PolicyDocument"])
        assert given == may(document) - may({"Statement": kept})
        assert bus.of(unannounced) == []
        for message in (span(stack, unannounced), position(stack, GONE, GONE)):
            sqs.send_message(QueueUrl=url, MessageBody=json.dumps(message))
        assert "their events are lost" in operator("./feee-cancel redrive UnannouncedRecords")
        wait_for(lambda: bus.of(unannounced), lambda events: len(events) == 1)
    assert waiting_in(stack, "UnannouncedRecordsUrl") == 1
    operator.told("./feee-cancel redrive UnannouncedRecords --discard")
    assert waiting_in(stack, "UnannouncedRecordsUrl") == 0


@contextmanager
def throttled(stack: LocalStack, *functions: str) -> Iterator[None]:
    """DynamoDB refuses all that these functions ask of it: the emulator itself has no throttles."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            body = b'{"__type": "com.amazonaws.dynamodb.v20120810#ThrottlingException", "message": "Rate exceeded"}'
            self.send_response(400)
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    client = stack.client("lambda")
    before = {name: client.get_function_configuration(FunctionName=name)["Environment"] for name in functions}
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        refusing = {"AWS_ENDPOINT_URL_DYNAMODB": f"http://127.0.0.1:{server.server_port}"}
        for name in functions:
            spoilt = {"Variables": before[name]["Variables"] | refusing}
            client.update_function_configuration(FunctionName=name, Environment=spoilt)
        try:
            yield
        finally:
            for name in functions:
                client.update_function_configuration(FunctionName=name, Environment=before[name])
            server.shutdown()


@about("Api server errors")
def test_dynamodb_refuses_so_the_api_does(stack: LocalStack, operator: Operator) -> None:
    """The emulator writes no access log: the line is put there in the template's format."""
    api, drain = stack.outputs["ApiFunctionName"], stack.outputs["ScheduleFunctionName"]
    stuck, refused = order(stack), order(stack)
    before = len(unknown_writes(operator))
    put(stack, stuck, "waiting")
    with throttled(stack, api, drain), each_call_once():
        wait_for(lambda: operator("drain <<< '{}'"), lambda told: "ThrottlingException" in told)
        wait_for(lambda: stack.api.get(refused).status, lambda status: status == 503)
        assert stack.api.cancel(refused).status == 503
        write_to_the_access_log(stack, status="503")
        write_to_the_access_log(stack, status="200")
        (asked,) = map(json.loads, wait_for(lambda: operator.logged("logged ApiAccess")))
        assert (asked["status"], asked["caller"]) == ("503", "arn:aws:iam::000000000000:user/caller")
        unknown = wait_for(lambda: unknown_writes(operator)[before:])
        assert "ThrottlingException" in unknown[0], "the write was refused, and so was the look at what became of it"
    wait_for(lambda: stack.api.get(refused).status, lambda status: status == 404)  # wasn't accepted
    assert f"{refused} is cancelled" in operator("./feee-cancel cancel", order_no=refused)
    assert operator("drain <<< '{}'").startswith("null")
    is_finished(stack, stuck)


def unknown_writes(operator: Operator) -> list[str]:
    return [line for line in operator.logged('logged ApiFunction "$ERRORS"') if "UnknownWriteError" in line]


def write_to_the_access_log(stack: LocalStack, *, status: str) -> None:
    logs, group = stack.client("logs"), stack.outputs["ApiAccessLogGroup"]
    line = {"requestId": "1", "caller": "arn:aws:iam::000000000000:user/caller", "method": "POST", "status": status}
    logs.create_log_stream(logGroupName=group, logStreamName=status)
    event = {"timestamp": int(time.time() * 1000), "message": json.dumps(line)}
    logs.put_log_events(logGroupName=group, logStreamName=status, logEvents=[event])


@about("Setting and replacing the webhook's secrets")
def test_the_webhooks_secret_is_replaced(stack: LocalStack, operator: Operator) -> None:
    old = json.loads(
        stack.client("secretsmanager").get_secret_value(SecretId=stack.outputs["WebhookSecretArn"])["SecretString"]
    )
    new = operator("printf").strip()
    (operator.folder / "webhook.json").write_text(json.dumps({"secrets": {"shop": [new, *old["secrets"]]}}))
    assert "VersionId" in operator('aws secretsmanager put-secret-value --secret-id "$(output WebhookSecretArn)"')
    asked = order(stack)
    body = json.dumps({"order_no": asked})
    operator("aws lambda put-function-concurrency")
    assert stack.api.webhook(body, signed(body, secret=new)).status >= 429, "closed"
    operator('aws lambda delete-function-concurrency --function-name "$(output WebhookFunctionName)"')
    answer = stack.api.webhook(body, signed(body, secret=new))
    assert answer.status == 202
    assert stack.api.get(asked).body["requested_by"].startswith("webhook:shop:")
    is_finished(stack, asked)


@about("Undelivered events")
def test_an_event_that_nobody_accepted(stack: LocalStack, operator: Operator) -> None:
    sqs, queue = stack.client("sqs"), stack.outputs["UndeliveredEventsUrl"]
    event = {"order_no": order(stack), "state": "cancelled", "settled_at": int(time.time())}
    why = {"why": {"DataType": "String", "StringValue": "not accepted for three days"}}
    sqs.send_message(QueueUrl=queue, MessageBody=json.dumps(event), MessageAttributes=why)
    said = json.loads(operator('aws sqs receive-message --queue-url "$(output UndeliveredEventsUrl)').splitlines()[0])
    assert (said["why"], json.loads(said["event"])) == ("not accepted for three days", event)
    assert "1 in the queue again" in operator("./feee-cancel redrive UndeliveredEvents")
    told = f"settled_{event['order_no']}_{event['settled_at']}"
    wait_for(lambda: operator.logged("logged Deliver"), lambda lines: told in "".join(lines))
