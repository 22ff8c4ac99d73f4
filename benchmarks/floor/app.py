"""The floor: the same job done the bare way, to measure the service against.

A row before the one POST to feee.io and after it, the key read once. No validation, no decisions, no recovery.
"""

import json
import os
import time
from typing import Any

import boto3.session
import urllib3

TABLE = os.environ["TABLE_NAME"]
URL = f"{os.environ['FEEE_BASE_URL']}/v2/order/cancel"

session = boto3.session.Session()
dynamodb = session.client("dynamodb")
secretsmanager = session.client("secretsmanager")
http = urllib3.PoolManager()
headers: dict[str, str] = {}


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's
    """Cancel the order in the event's body."""
    if not headers:
        secret = secretsmanager.get_secret_value(SecretId=os.environ["FEEE_KEY_SECRET_ARN"])["SecretString"]
        headers.update(
            {
                "key": json.loads(secret)["key"],
                "User-Agent": os.environ["FEEE_USER_AGENT"],
                "Content-Type": "application/json",
            }
        )
    order_no = json.loads(event["body"])["order_no"]
    row = {"order_no": {"S": order_no}, "due_at": {"N": str(int(time.time()))}}
    dynamodb.put_item(TableName=TABLE, Item={**row, "state": {"S": "cancelling"}})
    answer = http.request("POST", URL, body=json.dumps({"order_no": order_no}), headers=headers).data
    order = json.dumps(json.loads(answer)["data"])
    dynamodb.put_item(TableName=TABLE, Item={**row, "state": {"S": "cancelled"}, "order": {"S": order}})
    body = json.dumps({"order_no": order_no, "state": "cancelled", "order": json.loads(answer)["data"]})
    return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": body}
