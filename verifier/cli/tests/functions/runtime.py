"""What functions of tests need of Lambda's Runtime API and of SQS."""

import json
import os
import urllib.request

API = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation"


def serve(handle):
    """Gives each event, with its request id, to a function, and its answer back."""
    while True:
        with urllib.request.urlopen(f"{API}/next") as invocation:
            event = json.load(invocation)
            request_id = invocation.headers["Lambda-Runtime-Aws-Request-Id"]
        answer = json.dumps(handle(event, request_id)).encode()
        urllib.request.urlopen(urllib.request.Request(f"{API}/{request_id}/response", answer)).read()


def serve_http(answer):
    """Gives each event of an HTTP API to a function, which answers with a status and a value."""

    def handle(event, _request_id):
        status, value = answer(event)
        kind, body = ("text/plain", "refused") if value is None else ("application/json", json.dumps(value))
        return {"statusCode": status, "headers": {"content-type": kind}, "body": body}

    serve(handle)


def send(queue_url, body):
    """Sends a message, and gives its id. The emulator wants to know by the access key who asks, and checks no signature."""
    key = os.environ["AWS_ACCESS_KEY_ID"]
    request = urllib.request.Request(
        os.environ["AWS_ENDPOINT_URL"],
        json.dumps({"QueueUrl": queue_url, "MessageBody": body}).encode(),
        {
            "content-type": "application/x-amz-json-1.0",
            "x-amz-target": "AmazonSQS.SendMessage",
            "authorization": f"AWS4-HMAC-SHA256 Credential={key}/20260101/us-local-1/sqs/aws4_request",
        },
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["MessageId"]
