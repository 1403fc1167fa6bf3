#!/usr/bin/env python3
"""A function that misbehaves on request: what an invocation asks for is the last part of its path, or the
message's body. It talks to the Lambda Runtime API by itself, as any custom runtime may."""

import json
import os
import sys
import time
import urllib.request

API = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime"


def post(path, value):
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    urllib.request.urlopen(urllib.request.Request(f"{API}/{path}", body)).read()


def act(wish, request_id):
    answer = f"invocation/{request_id}/response"
    if wish == "slow":
        time.sleep(60)
    elif wish == "crash":
        os._exit(3)
    elif wish == "error":
        post(f"invocation/{request_id}/error", {"errorType": "Wished", "errorMessage": "as asked"})
    elif wish == "print":
        sys.stdout.write("first line\nsecond li")
        sys.stdout.flush()
        post(answer, {"statusCode": 200, "body": "printed"})
        sys.stdout.write("ne\n")
        sys.stdout.flush()
    elif wish == "malformed":
        post(answer, b"{")
    elif wish == "stranger":
        post(answer, {"batchItemFailures": [{"itemIdentifier": "stranger"}]})
    elif wish == "nothing":
        post(answer, b"")
    else:
        post(answer, {"statusCode": 200, "body": str(os.getpid())})


if os.environ.get("FAIL_INIT"):
    sys.exit("cannot start")
while True:
    with urllib.request.urlopen(f"{API}/invocation/next") as response:
        event = json.load(response)
        request_id = response.headers["Lambda-Runtime-Aws-Request-Id"]
    records = event.get("Records")
    act(records[0]["body"] if records else event["rawPath"].rsplit("/", 1)[-1], request_id)
