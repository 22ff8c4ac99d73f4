"""Asks for an order's cancellation, signed as a webhook: API=... SECRET=whsec_... python3 webhook.py ORDER_NO"""

import base64
import hmac
import http.client
import json
import os
import sys
import time
import uuid
from urllib.parse import urlsplit

url, body = urlsplit(f"{os.environ['API']}/webhooks/cancel"), json.dumps({"order_no": sys.argv[1]}).encode()
key = base64.b64decode(os.environ["SECRET"].removeprefix("whsec_"))
message = f"msg_{uuid.uuid4().hex}"  # the same each time, so that asking again is no second request
meaning = {200: "cancelled, the money is back", 202: "accepted, it will be settled", 409: "can't be cancelled any more"}
connect = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
for wait in (1, 2, 4, 8, 16):
    now = str(int(time.time()))
    signature = base64.b64encode(hmac.digest(key, f"{message}.{now}.".encode() + body, "sha256")).decode()
    headers = {"Content-Type": "application/json", "webhook-id": message, "webhook-timestamp": now}
    headers["webhook-signature"] = f"v1,{signature}"
    try:
        connection = connect(url.netloc, timeout=30)
        connection.request("POST", url.path, body, headers)
        answer = connection.getresponse()
        if answer.status < 500 and answer.status != 429:
            print(answer.status, meaning.get(answer.status, "refused"), answer.read().decode())
            sys.exit(answer.status >= 400)
    except (OSError, http.client.HTTPException):
        pass  # it timed out: nobody knows whether it was accepted, and asking again is safe
    time.sleep(wait)
sys.exit("No answer. Nothing is lost: ask again later.")
