"""Takes a job and puts it on the queue."""

import base64
import json
import os
import urllib.request
import uuid


def send(queue_url, body):
    """A team has boto3 here. A test needs no more of it than one request, whose signature names the function's key."""
    key, region = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_REGION"]
    signature = f"AWS4-HMAC-SHA256 Credential={key}/20260101/{region}/sqs/aws4_request, SignedHeaders=host, Signature=0"
    headers = {"Authorization": signature, "X-Amz-Target": "AmazonSQS.SendMessage"}
    data = json.dumps({"QueueUrl": queue_url, "MessageBody": body}).encode()
    with urllib.request.urlopen(urllib.request.Request(os.environ["AWS_ENDPOINT_URL"], data, headers)) as answer:
        return json.load(answer)


def answer(status, body):
    return {"statusCode": status, "headers": {"content-type": "application/json"}, "body": json.dumps(body)}


def refuse(status, code, message):
    return answer(status, {"error": {"code": code, "message": message}})


def handler(event, context):
    text = event.get("body") or ""
    if event.get("isBase64Encoded"):
        text = base64.b64decode(text).decode()
    try:
        job = json.loads(text)
    except ValueError as error:
        return refuse(400, "invalid_json", str(error))
    if "task" not in job:
        return refuse(400, "missing_field", "the field task is required")
    if not isinstance(job["task"], str):
        return refuse(400, "invalid_field", "task must be a string")
    job.setdefault("jobId", str(uuid.uuid4()))
    body = json.dumps(job)
    if len(body) > int(os.environ["JOBS_MAX_MESSAGE_BYTES"]):
        return refuse(413, "payload_too_large", "the job is too large for the queue")
    return answer(202, {"jobId": job["jobId"], "messageId": send(os.environ["QUEUE_URL"], body)["MessageId"]})
