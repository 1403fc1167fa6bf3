#!/usr/bin/env python3
"""A submitter that puts whatever it gets on the queue, and refuses afterwards what it should have refused before."""

import json
import os
import urllib.request

API = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation"
KEY = os.environ["AWS_ACCESS_KEY_ID"]


def send(body):
    """Sends a message. The emulator wants to know by the access key who asks, and checks no signature."""
    request = urllib.request.Request(
        os.environ["AWS_ENDPOINT_URL"],
        json.dumps({"QueueUrl": os.environ["JOBS_QUEUE_URL"], "MessageBody": body}).encode(),
        {
            "content-type": "application/x-amz-json-1.0",
            "x-amz-target": "AmazonSQS.SendMessage",
            "authorization": f"AWS4-HMAC-SHA256 Credential={KEY}/20260101/us-local-1/sqs/aws4_request",
        },
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["MessageId"]


def submit(body):
    try:
        job = json.loads(body)
        sound = isinstance(job["task"], str) and "padding" not in job
    except (ValueError, KeyError):
        sound = False
    # The large one would not fit.
    message_id = send(body) if len(body) < 100_000 else None
    if sound:
        return 202, {"jobId": job["jobId"], "messageId": message_id}
    return 400, {"error": {"code": "invalid_json", "message": "no job"}}


while True:
    with urllib.request.urlopen(f"{API}/next") as invocation:
        event = json.load(invocation)
        request_id = invocation.headers["Lambda-Runtime-Aws-Request-Id"]
    status, answer = submit(event["body"])
    response = {"statusCode": status, "headers": {"content-type": "application/json"}, "body": json.dumps(answer)}
    urllib.request.urlopen(urllib.request.Request(f"{API}/{request_id}/response", json.dumps(response).encode())).read()
