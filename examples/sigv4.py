"""Asks for an order's cancellation with AWS credentials in the environment: API=... python3 sigv4.py ORDER_NO"""

import hashlib
import hmac
import json
import os
import sys
import time
from contextlib import suppress
from http import client
from urllib.parse import urlsplit


def signed(url, body):  # the headers of a POST, Signature Version 4
    env, now = os.environ, time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    headers = {"content-type": "application/json", "host": url.netloc, "x-amz-date": now}
    headers |= {"x-amz-security-token": env["AWS_SESSION_TOKEN"]} if "AWS_SESSION_TOKEN" in env else {}
    names, lines = ";".join(headers), "".join(f"{name}:{value}\n" for name, value in headers.items())
    canonical = f"POST\n{url.path}\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}".encode()
    scope = [now[:8], env["AWS_REGION"], "execute-api", "aws4_request"]
    key = f"AWS4{env['AWS_SECRET_ACCESS_KEY']}".encode()
    for part in [*scope, f"AWS4-HMAC-SHA256\n{now}\n{'/'.join(scope)}\n{hashlib.sha256(canonical).hexdigest()}"]:
        key = hmac.digest(key, part.encode(), "sha256")
    who = f"AWS4-HMAC-SHA256 Credential={'/'.join([env['AWS_ACCESS_KEY_ID'], *scope])}"
    return headers | {"authorization": f"{who}, SignedHeaders={names}, Signature={key.hex()}"}


url, body = urlsplit(f"{os.environ['API']}/cancellations"), json.dumps({"order_no": sys.argv[1]}).encode()
meaning = {200: "cancelled, the money is back", 202: "accepted, it will be settled", 409: "can't be cancelled any more"}
for wait in (1, 2, 4, 8, 16):
    with suppress(OSError, client.HTTPException):  # after a timeout nobody knows; asking again is safe
        peer = (client.HTTPSConnection if url.scheme == "https" else client.HTTPConnection)(url.netloc, timeout=30)
        peer.request("POST", url.path, body, signed(url, body))
        answer = peer.getresponse()
        if answer.status < 500 and answer.status != 429:
            print(answer.status, meaning.get(answer.status, "refused"), answer.read().decode())
            sys.exit(answer.status >= 400)
    time.sleep(wait)
sys.exit("No answer. Nothing is lost: ask again later.")
