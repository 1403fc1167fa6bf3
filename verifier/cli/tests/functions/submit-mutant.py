#!/usr/bin/env python3
"""A submitter with a defect: the environment variable MUTANT says which. Without one it works as the real one does."""

import json
import os
import urllib.request

API = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation"
MUTANT = os.environ.get("MUTANT", "")
KEY = os.environ["AWS_ACCESS_KEY_ID"]


def send(body, queue=None):
    """Sends a message. The emulator wants to know by the access key who asks, and checks no signature."""
    headers = {
        "content-type": "application/x-amz-json-1.0",
        "x-amz-target": "AmazonSQS.SendMessage",
        "authorization": f"AWS4-HMAC-SHA256 Credential={KEY}/20260101/us-local-1/sqs/aws4_request",
    }
    request = json.dumps({"QueueUrl": queue or os.environ["JOBS_QUEUE_URL"], "MessageBody": body}).encode()
    with urllib.request.urlopen(urllib.request.Request(os.environ["AWS_ENDPOINT_URL"], request, headers)) as answer:
        return json.load(answer)["MessageId"]


def refused(body):
    """Why a body is refused, with the status; None for a sound job."""
    if len(body) > 200_000 and MUTANT != "accepts-the-oversize":
        return 413, "too_large"
    try:
        job = json.loads(body)
    except ValueError:
        return 400, "invalid_json"
    if MUTANT == "accepts-any-task":
        return None
    if not isinstance(job, dict) or not isinstance(job.get("task"), str):
        return 400, "invalid_task"
    return None


def submit(body):
    refusal = refused(body)
    if refusal and MUTANT == "breaks-on-bad-bodies":
        return 500, {"message": "Internal Server Error"}
    if refusal and MUTANT == "refuses-without-json":
        return refusal[0], None
    if refusal:
        status, code = refusal
        return status, {"error": {"code": code, "message": "it is no job"}}
    job = json.loads(body)
    job_id = job.get("jobId", "generated") if isinstance(job, dict) else "generated"
    if MUTANT == "breaks":
        return 500, {"message": "Internal Server Error"}
    if MUTANT == "loses-the-job":
        return 202, {"jobId": job_id, "messageId": "00000000-0000-4000-8000-000000000000"}
    if MUTANT == "loses-the-good" and not job.get("fail"):
        return 202, {"jobId": job_id, "messageId": "00000000-0000-4000-8000-000000000000"}
    if MUTANT == "uses-the-dead-letter-queue":
        return 202, {"jobId": job_id, "messageId": send(body, os.environ["DEAD_LETTERS"])}
    if MUTANT == "renames-the-job":
        job["jobId"] = "renamed"
        return 202, {"jobId": "renamed", "messageId": send(json.dumps(job))}
    if MUTANT == "forgets-the-run":
        job.pop("runId", None)
        return 202, {"jobId": job_id, "messageId": send(json.dumps(job))}
    if MUTANT == "heals-the-poison":
        job["fail"] = False
        return 202, {"jobId": job_id, "messageId": send(json.dumps(job))}
    if MUTANT == "poisons-the-good":
        job["fail"] = True
        return 202, {"jobId": job_id, "messageId": send(json.dumps(job))}
    message_id = send(body)
    if MUTANT == "sends-twice":
        send(body)
    if MUTANT == "names-no-message":
        return 202, {"jobId": job_id}
    if MUTANT == "names-another-message":
        return 202, {"jobId": job_id, "messageId": "00000000-0000-4000-8000-000000000000"}
    if MUTANT == "answers-200":
        return 200, {"jobId": job_id, "messageId": message_id}
    if MUTANT == "fails-after-sending":
        return 503, {"message": "Service Unavailable"}
    return 202, {"jobId": job_id, "messageId": message_id}


while True:
    with urllib.request.urlopen(f"{API}/next") as invocation:
        event = json.load(invocation)
        request_id = invocation.headers["Lambda-Runtime-Aws-Request-Id"]
    status, answer = submit(event["body"])
    body = "refused" if answer is None else json.dumps(answer)
    kind = "text/plain" if answer is None else "application/json"
    response = {"statusCode": status, "headers": {"content-type": kind}, "body": body}
    urllib.request.urlopen(urllib.request.Request(f"{API}/{request_id}/response", json.dumps(response).encode())).read()
