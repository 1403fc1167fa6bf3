#!/usr/bin/env python3
"""A function that misbehaves on request: what an invocation asks for is the last part of its path, or the
message's body. It talks to the Lambda Runtime API by itself, as any custom runtime may."""

import json
import os
import sys
import time
import urllib.error
import urllib.request

API = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime"


def post(path, value):
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    urllib.request.urlopen(urllib.request.Request(f"{API}/{path}", body)).read()


def ask(target, body):
    """What AWS answers this function, signed by its own key: the status and the document."""
    key = os.environ["AWS_ACCESS_KEY_ID"]
    signature = f"AWS4-HMAC-SHA256 Credential={key}/20260101/us-local-1/any/aws4_request, SignedHeaders=host, Signature=0"
    headers = {"x-amz-target": target, "authorization": signature}
    request = urllib.request.Request(os.environ["AWS_ENDPOINT_URL"], json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return {"status": answer.status, "answer": json.load(answer)}
    except urllib.error.HTTPError as refused:
        return {"status": refused.code, "answer": json.load(refused)}


def act(wish, request_id, event):
    answer = f"invocation/{request_id}/response"
    # What stands behind a colon only tells messages of equal wishes apart.
    wish = wish.split(":")[0]
    if "ask" in event:
        post(answer, ask(event["ask"]["target"], event["ask"]["body"]))
    elif wish == "slow":
        time.sleep(60)
    elif wish == "unhurried":
        time.sleep(0.3)
        post(answer, {"batchItemFailures": []})
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
    elif wish.startswith("flood "):
        # So many bytes without a newline, and the beginning of what could be a fence.
        sys.stdout.write("x" * int(wish.split()[1]) + "\x1efence ")
        sys.stdout.flush()
        post(answer, {"statusCode": 200, "body": "flooded"})
    elif wish == "malformed":
        post(answer, b"{")
    elif wish == "other":
        post(answer, {"batchItemFailures": [{"itemIdentifier": "other"}]})
    elif wish == "nothing":
        post(answer, b"")
    elif wish == "event":
        post(answer, {"statusCode": 200, "body": json.dumps(event)})
    elif wish.startswith("environment "):
        post(answer, os.environ.get(wish.split()[1]))
    elif wish.startswith("meet "):
        # Answers once so many invocations are here at the same time.
        _, parties, folder = wish.split()
        open(os.path.join(folder, request_id), "w").close()
        while len(os.listdir(folder)) < int(parties):
            time.sleep(0.005)
        post(answer, {"met": len(os.listdir(folder))})
    else:
        post(answer, {"statusCode": 200, "body": str(os.getpid())})


if os.environ.get("FAIL_INIT"):
    sys.exit("cannot start")
while True:
    with urllib.request.urlopen(f"{API}/invocation/next") as response:
        event = json.load(response)
        request_id = response.headers["Lambda-Runtime-Aws-Request-Id"]
    if "Records" in event:
        wish = event["Records"][0]["body"]
        for record in event["Records"]:
            receives = int(record["attributes"]["ApproximateReceiveCount"])
            print(json.dumps({"body": record["body"], "receives": receives}), flush=True)
    elif "rawPath" in event:
        wish = event["rawPath"].rsplit("/", 1)[-1]
    else:
        wish = event.get("wish", "")
    act(wish, request_id, event)
