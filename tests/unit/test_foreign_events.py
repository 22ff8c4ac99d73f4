"""What an event is that is no request of ours, in words."""

import pytest

from feee_cancel.domain.foreign_events import kind


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"requestContext": {"elb": {}}}, "a request of an Application Load Balancer"),
        ({"version": "2.0"}, "a request of an HTTP API or a function URL (payload format 2.0)"),
        ({"httpMethod": "GET", "resource": "/x", "path": "/x", "requestContext": {}}, "a request of a REST API"),
        (
            {"httpMethod": "GET", "resource": "/x", "path": None},
            "a request of a REST API without its path or its requestContext",
        ),
        ({"Records": [{"eventSource": "aws:sqs"}]}, "records of aws:sqs"),
        ({"Records": [{"EventSource": "aws:sns"}]}, "records of aws:sns"),
        ({"detail-type": "Order Placed"}, "an EventBridge event: Order Placed"),
        ({"key1": "value1"}, "an object with the members key1"),
        ({}, "an empty object"),
        ([], "an array"),
        ("x", "a text"),
        (True, "a boolean"),
        (None, "null"),
        (1, "a number"),
    ],
)
def test_an_event_is_named_by_its_shape(event: object, words: str) -> None:
    assert kind(event) == words
