"""That nothing is drained while a test says so: what it then looks at is as it was put."""

import time

from local.stack import LocalStack
from tests.e2e.restored import clear
from tests.e2e.rows import no_drain_at_work, put, tick
from tests.e2e.waiting import wait_for


def test_no_drain_at_work_is_none(stack: LocalStack) -> None:
    clear(stack)
    order = stack.simulator.client.create_order(age=743)
    asked = {"TableName": stack.outputs["TableName"], "Key": {"order_no": {"S": order.order_no}}}
    with no_drain_at_work(stack):
        put(stack, order.order_no, "waiting", due_at=int(time.time()) - 400)
        row = stack.client("dynamodb").get_item(**asked)["Item"]
        tick(stack)
        assert stack.client("dynamodb").get_item(**asked)["Item"] == row
    tick(stack)
    wait_for(lambda: stack.api.get(order.order_no).body, lambda row: row.get("state") == "cancelled")
