"""What functions of tests need of Lambda's Runtime API and of SQS."""

import json
import os
import socket

API = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation"


def ask(url, body=None, headers={}):
    """Gets what is at a URL, or posts a body to it; gives the answer's headers, with names in lower case, and its body. Loading
    Python's own clients takes longer than all else that a function does."""
    host, _, path = url.removeprefix("http://").partition("/")
    headers = {"host": host, **headers}
    if body is not None:
        headers["content-length"] = len(body)
    head = [f"{'GET' if body is None else 'POST'} /{path} HTTP/1.0"]
    head += [f"{name}: {value}" for name, value in headers.items()]
    name, _, port = host.rpartition(":")
    with socket.create_connection((name, int(port))) as connection:
        connection.sendall("\r\n".join([*head, "", ""]).encode() + (body or b""))
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    if not status.split()[1:2] or int(status.split()[1]) >= 400:
        raise OSError(f"{url} answered {status or 'nothing'}")
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}, body


BEHIND_THE_ANSWER = []


def serve(handle):
    """Gives each event, with its request id, to a function, and its answer back: a value, or bytes as they are. An exception
    becomes an error, as in AWS's own runtimes. What `BEHIND_THE_ANSWER` holds is done when that is given."""
    while True:
        headers, event = ask(f"{API}/next")
        event, request_id = json.loads(event), headers["lambda-runtime-aws-request-id"]
        try:
            what, answer = "response", handle(event, request_id)
        except Exception as error:
            what, answer = "error", {"errorMessage": str(error), "errorType": type(error).__name__}
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        ask(f"{API}/{request_id}/{what}", body)
        while BEHIND_THE_ANSWER:
            BEHIND_THE_ANSWER.pop(0)()


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
    headers = {
        "content-type": "application/x-amz-json-1.0",
        "x-amz-target": f"AmazonSQS.{operation}",
        "authorization": f"AWS4-HMAC-SHA256 Credential={key}/20260101/us-local-1/sqs/aws4_request",
    }
    _, answer = ask(os.environ["AWS_ENDPOINT_URL"], json.dumps(arguments).encode(), headers)
    return json.loads(answer) if answer else {}
