"""What a cancellation costs: the calls to AWS and to feee.io that the API's function makes."""

import json
import logging
import os
import re
from collections import Counter
from itertools import chain

import pytest

from feee_cancel.bootstrap.cancelling import bootstrap
from functions.api.app import create
from local.identity import CREDENTIALS
from local.stack import LocalStack
from tests.events import Context, post


def test_a_happy_cancel_is_one_call_to_feee_io_two_writes_no_read_and_one_secret_for_all(
    stack: LocalStack, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", stack.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", CREDENTIALS.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", CREDENTIALS.secret_key)
    outputs = stack.outputs
    settings = {"TABLE_NAME": outputs["TableName"], "FEEE_KEY_SECRET_ARN": outputs["FeeeKeySecretArn"]}
    handler = create(bootstrap({**os.environ, **settings, "FEEE_BASE_URL": stack.simulator.url}))
    with caplog.at_level(logging.DEBUG, "botocore.endpoint"):
        ports = set()
        for _ in range(3):
            order = stack.simulator.client.create_order(age=743)
            answered = handler(post(json.dumps({"order_no": order.order_no})), Context())
            assert answered["statusCode"] == 200
            (request,) = stack.simulator.client.requests(order.order_no)
            ports.add(request.port)
    made = [re.findall(r"Making request for OperationModel\(name=(\w+)\)", text) for text in caplog.messages]
    assert Counter(chain(*made)) == {"PutItem": 6, "GetSecretValue": 1}
    assert len(ports) == 1, "one connection, kept"
