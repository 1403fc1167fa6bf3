"""An SQS endpoint whose dead-letter queue is generated as it is read: messages of any size, and none of them in memory.

    generated_queue.py COUNT BODY_BYTES

prints the port of 127.0.0.1 that it listens on. It has the queues `dead` and `source`, and takes what is sent and deleted.
"""

import hashlib
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COUNT, BODY_BYTES = int(sys.argv[1]), int(sys.argv[2])
ARN = "arn:aws:sqs:us-east-1:000000000001:"
BODY = json.dumps({"task": "x" * (BODY_BYTES - 13)})
BODY_JSON = json.dumps(BODY)
BODY_MD5 = hashlib.md5(BODY.encode()).hexdigest()


class Queue:
    """How far the dead-letter queue was read, and how many messages were deleted and sent."""

    def __init__(self):
        self.lock = threading.Lock()
        self.read = self.deleted = self.sent = 0

    def take(self, most):
        with self.lock:
            first = self.read
            self.read = min(COUNT, first + most)
            return range(first, self.read)

    def attributes(self, name):
        is_dead = name == "dead"
        visible = COUNT - self.read if is_dead else self.sent
        attributes = {
            "QueueArn": ARN + name,
            "ApproximateNumberOfMessages": str(visible),
            "ApproximateNumberOfMessagesNotVisible": str(self.read - self.deleted if is_dead else 0),
            "ApproximateNumberOfMessagesDelayed": "0",
            "VisibilityTimeout": "30",
            "MessageRetentionPeriod": "1209600",
            "MaximumMessageSize": "1048576",
        }
        if not is_dead:
            attributes["RedrivePolicy"] = json.dumps({"deadLetterTargetArn": ARN + "dead", "maxReceiveCount": 3})
        return attributes


QUEUE = Queue()


def message(number):
    sent_at = int(time.time() * 1000) - 3_600_000 + number
    attributes = json.dumps({
        "SentTimestamp": str(sent_at),
        "ApproximateReceiveCount": "4",
        "ApproximateFirstReceiveTimestamp": str(sent_at),
        "DeadLetterQueueSourceArn": ARN + "source",
    })
    handle = "h" * 340 + f"-{number}"
    return (f'{{"MessageId":"{number:08d}-0000-4000-8000-000000000000","ReceiptHandle":"{handle}",'
            f'"MD5OfBody":"{BODY_MD5}","Body":{BODY_JSON},"Attributes":{attributes}}}')


def received(request):
    numbers = QUEUE.take(int(request.get("MaxNumberOfMessages", 1)))
    if not numbers:
        time.sleep(float(request.get("WaitTimeSeconds", 0)))
        return "{}"
    return f'{{"Messages":[{",".join(map(message, numbers))}]}}'


def done(request):
    return {"Successful": [{"Id": entry["Id"]} for entry in request["Entries"]], "Failed": []}


def deleted(request):
    with QUEUE.lock:
        QUEUE.deleted += len(request["Entries"])
    return done(request)


def sent(request):
    with QUEUE.lock:
        QUEUE.sent += len(request["Entries"])
        first = QUEUE.sent
    entries = [
        {
            "Id": entry["Id"],
            "MessageId": f"{first:08d}-{number}",
            "MD5OfMessageBody": hashlib.md5(entry["MessageBody"].encode()).hexdigest(),
        }
        for number, entry in enumerate(request["Entries"])
    ]
    return {"Successful": entries, "Failed": []}


OPERATIONS = {
    "GetQueueUrl": lambda request: {"QueueUrl": f"http://127.0.0.1:{PORT}/1/{request['QueueName']}"},
    "GetQueueAttributes": lambda request: {"Attributes": QUEUE.attributes(request["QueueUrl"].rsplit("/", 1)[1])},
    "ReceiveMessage": received,
    "ChangeMessageVisibilityBatch": done,
    "DeleteMessageBatch": deleted,
    "SendMessageBatch": sent,
    "ListDeadLetterSourceQueues": lambda request: {
        "queueUrls": [f"http://127.0.0.1:{PORT}/1/source"] if request["QueueUrl"].endswith("dead") else []
    },
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("content-type", "application/x-amz-json-1.0")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        # An emulator would answer at its own endpoint.
        self.answer(404, b"")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        operation = OPERATIONS.get(self.headers.get("X-Amz-Target", "").split(".")[-1])
        if operation is None:
            return self.answer(400, b'{"__type": "UnsupportedOperation"}')
        answer = operation(json.loads(body))
        self.answer(200, (answer if isinstance(answer, str) else json.dumps(answer)).encode())


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
PORT = server.server_address[1]
print(PORT, flush=True)
server.serve_forever()
