"""The doctor's checks, over fakes that answer as AWS documents."""

from dataclasses import replace
from typing import Any

import pytest

from cli.doctor import CHECKS, Verdict, access, alarms, deployment, examine, keys, operation, stage
from tests.doctor import (
    ALARMS,
    DRAIN,
    HOOK,
    KEY,
    KMS_KEY,
    POSTING,
    SETTLED,
    FakeAws,
    FakeCall,
    alarm,
    metric,
    there,
    told,
    verdicts,
)
from tests.template import resources, transformed


def test_a_good_deployment_is_found_well_by_every_check() -> None:
    findings = [*examine(there())]
    assert {one.verdict for one in findings} == {Verdict.OK}
    assert len({one.check for one in findings}) == len(CHECKS) + 4, "feee.io's check has five names"


def test_a_method_without_authorization_is_wrong() -> None:
    """GetMethod: authorizationType NONE is open access."""
    bad = {"/cancellations": {"GET": "AWS_IAM", "ANY": "NONE"}, "/webhooks/cancel": {"POST": "NONE"}}
    assert "wrong: open to everybody: ANY /cancellations" in told(access.methods_are_locked(there(methods=bad)))
    by_another = {"/cancellations": {"GET": "CUSTOM"}}
    assert verdicts(access.methods_are_locked(there(methods=by_another))) == [Verdict.WRONG]
    assert verdicts(access.methods_are_locked(there(methods={}))) == [Verdict.WRONG]


@pytest.mark.parametrize("method", access.METHODS)
def test_a_route_that_answers_an_unsigned_request_is_wrong(method: str) -> None:
    call = FakeCall(open_to=(f"{method} /cancellations",))
    assert f"{method} /cancellations (200)" in told(access.unsigned_requests_are_refused(there(call)))


def test_the_webhook_is_asked_by_its_own_method_alone() -> None:
    """API Gateway answers 403 to any other, which says nothing of the webhook."""
    found = access.unsigned_requests_are_refused(there(FakeCall(open_to=("GET /webhooks/cancel",))))
    assert told(found).startswith("ok: 8 of 8 answered 401 or 403 ")


@pytest.mark.parametrize(
    ("override", "readers", "token", "verdict"),
    [
        (200, 400, True, Verdict.OK),
        (404, 400, True, Verdict.OK),
        (400, 404, True, Verdict.OK),
        (400, 403, True, Verdict.OK),
        (400, 200, True, Verdict.OK),
        (400, 400, True, Verdict.WRONG),
        (415, 415, True, Verdict.WRONG),
        (400, 400, False, Verdict.WARNING),
        (403, 403, True, Verdict.WARNING),
    ],
)
def test_a_header_that_gives_another_method_is_wrong(
    override: int, readers: int, token: bool, verdict: Verdict
) -> None:
    """API Gateway documents that X-HTTP-Method-Override overrides the method; by whose permission, it doesn't say."""
    changes = {} if token else {"token": None}
    found = access.a_header_changes_no_method(there(FakeCall(override=override, readers=readers), **changes))
    assert verdicts(found) == [verdict]


def test_the_reader_may_get_and_nothing_else() -> None:
    aws = FakeAws()
    found = deployment("feee-cancel", lambda _: aws, FakeCall(override=400))
    assert verdicts(access.a_header_changes_no_method(found)) == [Verdict.OK]
    ((statement,),) = [policy["Statement"] for policy in aws.policies]
    assert statement == {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "arn:api/GET/*"}


@pytest.mark.parametrize("written", ["~1webhooks~1cancel/POST", "/webhooks/cancel/POST", "webhooks/cancel/POST"])
def test_a_throttle_is_known_however_its_path_is_written(written: str) -> None:
    settings = FakeAws().settings
    settings[written] = settings.pop("~1webhooks~1cancel/POST")
    assert verdicts(stage.settings_are_in_force(there(settings=settings))) == [Verdict.OK] * 4


def test_a_throttle_that_isnt_there_is_wrong() -> None:
    only = {"*/*": FakeAws().settings["*/*"]}
    assert "webhooks/cancel/POST: no setting instead of 5 and 10" in told(
        stage.settings_are_in_force(there(settings=only))
    )
    other = {"*/*": {"throttlingRateLimit": 10000.0, "throttlingBurstLimit": 5000}}
    assert "*/*: 10000.0 and 5000 instead of 2 and 4" in told(stage.settings_are_in_force(there(settings=other)))


def test_bodies_in_the_log_are_told() -> None:
    settings = FakeAws().settings
    settings["*/*"]["dataTraceEnabled"] = True
    assert "warning: bodies are logged" in told(stage.settings_are_in_force(there(settings=settings)))


def reference(value: Any) -> object:
    """A parameter by its name, or the number that stands there."""
    return value["Ref"] if isinstance(value, dict) else value


def test_the_throttles_that_are_looked_for_are_the_templates() -> None:
    (one,) = resources("AWS::ApiGateway::Stage").values()
    settings = {
        f"{setting['ResourcePath'].replace('~1', '/').lstrip('/')}/{setting['HttpMethod']}": (
            reference(setting["ThrottlingRateLimit"]),
            setting["ThrottlingBurstLimit"],
        )
        for setting in one["MethodSettings"]
    }
    assert settings == stage.THROTTLES


def test_no_log_role_or_no_access_log_is_wrong() -> None:
    assert "no log role" in told(stage.requests_are_logged(there(log_role=None)))
    assert "no access log" in told(stage.requests_are_logged(there(access_log={})))


@pytest.mark.parametrize("value", ['{"key": ""}', '{"key": "a b"}', "the-secret-key", "{}"])
def test_a_key_that_isnt_set_or_isnt_one_is_wrong_and_never_shown(value: str) -> None:
    secrets = {**FakeAws().secrets, KEY: value}
    found = [*keys.the_key_is_set(there(secrets=secrets))]
    assert verdicts(found) == [Verdict.WRONG]
    assert "put-secret-value" in told(found)
    assert "the-secret-key" not in told(found)


@pytest.mark.parametrize("value", ['{"secrets": []}', '{"secrets": ["whsec_c2hvcnQ="]}', "[]"])
def test_webhooks_without_a_secret_are_told(value: str) -> None:
    secrets = {**FakeAws().secrets, HOOK: value}
    found = [*keys.the_webhooks_secret_is_set(there(secrets=secrets))]
    assert verdicts(found) == [Verdict.WARNING]
    assert "c2hvcnQ" not in told(found)


@pytest.mark.parametrize("value", ['{"secrets": []}', '{"secrets": ["whsec_c2hvcnQ="]}', "[]"])
def test_events_that_cant_be_signed_are_told(value: str) -> None:
    secrets = {**FakeAws().secrets, SETTLED: value}
    found = [*keys.the_outgoing_secret_is_set(there(secrets=secrets, outputs=POSTING))]
    assert verdicts(found) == [Verdict.WRONG]
    assert "set-webhook-secret --outgoing" in told(found)
    assert "c2hvcnQ" not in told(found)


def test_where_no_events_are_posted_no_secret_is_looked_for() -> None:
    found = [*keys.the_outgoing_secret_is_set(there(secrets={}))]
    assert verdicts(found) == [Verdict.OK]
    assert "SettledWebhookUrl is empty" in told(found)


READERS = {keys.the_key_is_set: KEY, keys.the_webhooks_secret_is_set: HOOK, keys.the_outgoing_secret_is_set: SETTLED}


@pytest.mark.parametrize("check", READERS)
def test_a_secret_under_a_key_that_the_functions_may_not_use_is_wrong(check: Any) -> None:
    """DescribeSecret: KmsKeyId is there if the key isn't AWS's own; then its reader needs kms:Decrypt."""
    assert f"wrong: {READERS[check]} is encrypted with" in told(check(there(kms_key=KMS_KEY, outputs=POSTING)))
    assert verdicts(check(there(kms_key="alias/aws/secretsmanager", outputs=POSTING))) == [Verdict.OK]
    given = {"SecretKmsKeyArns": f"arn:aws:kms:us-east-1:123456789012:key/other,{KMS_KEY}"}
    for named in (KMS_KEY, KMS_KEY.rpartition("/")[2]):
        found = there(kms_key=named, outputs=POSTING)
        assert verdicts(check(replace(found, parameters={**found.parameters, **given}))) == [Verdict.OK]


@pytest.mark.parametrize(
    "schedule",
    [
        None,
        {"State": "DISABLED", "ScheduleExpression": "rate(1 minute)", "Target": {"Arn": DRAIN}},
        {"State": "ENABLED", "ScheduleExpression": "rate(1 hour)", "Target": {"Arn": DRAIN}},
        {"State": "ENABLED", "ScheduleExpression": "rate(1 minute)", "Target": {"Arn": "arn:other"}},
    ],
)
def test_a_schedule_that_doesnt_start_the_drain_every_minute_is_wrong(schedule: Any) -> None:
    assert verdicts(operation.the_tick_is_on(there(schedule=schedule))) == [Verdict.WRONG]


def test_other_trouble_is_told_and_the_rest_goes_on() -> None:
    found = [one for one in examine(there(denied={"scheduler"})) if one.verdict is not Verdict.OK]
    assert [(one.check, one.verdict) for one in found] == [("the tick is on", Verdict.WARNING)]
    assert "InternalServerException" in told(found)


def test_a_new_accounts_quota_is_told() -> None:
    """Lambda quotas: a new account may have 10 concurrent executions."""
    assert "Service Quotas" in told(operation.executions_suffice(there(unreserved=10)))
    assert verdicts(operation.executions_suffice(there(unreserved=38))) == [Verdict.OK], "2 a second for 16 s, and 6"
    assert verdicts(operation.executions_suffice(there(unreserved=37))) == [Verdict.WARNING]


def test_what_posts_events_takes_a_part_of_the_quota() -> None:
    (mapping,) = [one for one in resources("AWS::Lambda::EventSourceMapping").values() if "ScalingConfig" in one]
    assert mapping["ScalingConfig"]["MaximumConcurrency"] == operation.POSTERS
    found = there(unreserved=39, outputs=POSTING)
    assert verdicts(operation.executions_suffice(found)) == [Verdict.WARNING], "2 a second for 16 s, 6, and 2"


def test_a_function_that_may_not_run_is_wrong() -> None:
    found = told(operation.no_function_is_switched_off(there(reserved={"schedule": 0})))
    assert "wrong: may not run at all: schedule" in found
    assert "reserved: Webhook 5" in told(operation.no_function_is_switched_off(there(reserved={"webhook": 5})))


@pytest.mark.parametrize("subscriptions", [[], [{"Endpoint": "a@b.example", "SubscriptionArn": "PendingConfirmation"}]])
def test_alarms_that_nobody_hears_are_told(subscriptions: Any) -> None:
    """ListSubscriptionsByTopic: the ARN of a subscription that isn't confirmed is PendingConfirmation."""
    assert verdicts(operation.somebody_is_told(there(subscriptions=subscriptions))) == [Verdict.WARNING]


def test_a_stack_without_alarms_is_told() -> None:
    found = there()
    outputs = {name: value for name, value in found.outputs.items() if name != "AlarmTopicArn"}
    assert "no alarms" in told(operation.somebody_is_told(replace(found, outputs=outputs)))


def test_the_alarms_of_a_stack_whose_name_begins_with_this_ones_are_that_ones() -> None:
    ringing = {"AlarmName": "feee-cancel-two-drain-late", "ActionsEnabled": False, "StateValue": "ALARM"}
    other = {**alarm("FeeeCancel", "Failed", service="feee-cancel-two"), **ringing, "AlarmActions": []}
    assert "3 alarms, none of them in alarm" in told(alarms.alarms_are_on(there(others_alarms=[other])))
    assert "3 of 3 are there" in told(alarms.alarms_have_their_metrics(there(others_alarms=[other])))


def test_every_alarm_of_the_template_is_known_by_its_name() -> None:
    names = [one["AlarmName"]["Fn::Sub"] for one in resources("AWS::CloudWatch::Alarm").values()]
    assert sorted(names) == [f"${{AWS::StackName}}-{name}" for name in sorted(alarms.NAMES)]


def test_a_metric_that_must_be_there_and_isnt_is_told() -> None:
    """The API's name may have become its document's title: then its metrics have that as their dimension."""
    renamed = [alarm("AWS/ApiGateway", "5XXError", ApiName="the title", Stage="v1"), *map(metric, ALARMS[:2])]
    found = told(alarms.alarms_have_their_metrics(there(metrics=renamed)))
    assert "warning: there is no 5XXError of ApiName=feee-cancel, Stage=v1" in found
    assert "ok: 2 of 3 are there " in found
    by_method = [alarm("AWS/ApiGateway", "5XXError", ApiName="feee-cancel", Stage="v1", Method="GET")]
    assert "there is no 5XXError" in told(alarms.alarms_have_their_metrics(there(metrics=by_method)))


def test_a_metric_of_trouble_that_never_was_is_no_trouble() -> None:
    without = [metric(one) for one in ALARMS if one["MetricName"] != "Failed"]
    found = [*alarms.alarms_have_their_metrics(there(metrics=without))]
    assert verdicts(found) == [Verdict.OK]
    assert "2 of 3 are there; nothing emitted yet: Failed" in told(found)


def test_what_may_not_be_looked_at_is_told_and_the_rest_goes_on() -> None:
    findings = [*examine(there(denied={"schedule", "secret"}, outputs=POSTING))]
    others = {(one.check, one.verdict) for one in findings if one.verdict is not Verdict.OK}
    named = ("the key is set", "the webhooks secret is set", "the outgoing secret is set", "the tick is on")
    assert others == {(check, Verdict.WARNING) for check in named}
    assert len({finding.check for finding in findings}) == len(CHECKS) + 4


def test_every_output_that_is_looked_at_is_the_templates() -> None:
    assert set(POSTING) <= set(transformed()["Outputs"])
