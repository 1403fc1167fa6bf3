"""What functions of tests need of Lambda's Runtime API and of SQS."""

import json
import os
import urllib.request

API = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation"


def serve(handle):
    """Gives each event, with its request id, to a function, and its answer back: a value, or bytes as they are. An exception
    becomes an error, as in AWS's own runtimes."""
    while True:
        with urllib.request.urlopen(f"{API}/next") as invocation:
            event = json.load(invocation)
            request_id = invocation.headers["Lambda-Runtime-Aws-Request-Id"]
        try:
            what, answer = "response", handle(event, request_id)
        except Exception as error:
            what, answer = "error", {"errorMessage": str(error), "errorType": type(error).__name__}
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        urllib.request.urlopen(urllib.request.Request(f"{API}/{request_id}/{what}", body)).read()


def serve_http(answer):
    """Gives each event of an HTTP API to a function, which answers with a status and a value."""

    def handle(event, _request_id):
        status, value = answer(event)
        kind, body = ("text/plain", "refused") if value is None else ("application/json", json.dumps(value))
        return {"statusCode": status, "headers": {"content-type": kind}, "body": body}

    serve(handle)


def send(queue_url, body, **more):
    """Sends a message, and gives its id."""
    return sqs("SendMessage", QueueUrl=queue_url, MessageBody=body, **more)["MessageId"]


def sqs(operation, **arguments):
    """Asks SQS. The emulator wants to know by the access key who asks, and checks no signature."""
    key = os.environ["AWS_ACCESS_KEY_ID"]
    request = urllib.request.Request(
        os.environ["AWS_ENDPOINT_URL"],
        json.dumps(arguments).encode(),
        {
            "content-type": "application/x-amz-json-1.0",
            "x-amz-target": f"AmazonSQS.{operation}",
            "authorization": f"AWS4-HMAC-SHA256 Credential={key}/20260101/us-local-1/sqs/aws4_request",
        },
    )
    with urllib.request.urlopen(request) as answer:
        text = answer.read()
        return json.loads(text) if text else {}
