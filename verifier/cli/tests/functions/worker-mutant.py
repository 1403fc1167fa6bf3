#!/usr/bin/env python3
"""A worker with a defect: the environment variable MUTANT says which. Without one it works as the real one does."""

import json
import os
import sys
import time
import urllib.request

API = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation"
MUTANT = os.environ.get("MUTANT", "")
KEY = os.environ["AWS_ACCESS_KEY_ID"]


def sqs(action, request):
    """The emulator wants to know by the access key who asks, and checks no signature."""
    headers = {
        "content-type": "application/x-amz-json-1.0",
        "x-amz-target": f"AmazonSQS.{action}",
        "authorization": f"AWS4-HMAC-SHA256 Credential={KEY}/20260101/us-local-1/sqs/aws4_request",
    }
    url = os.environ["AWS_ENDPOINT_URL"]
    urllib.request.urlopen(urllib.request.Request(url, json.dumps(request).encode(), headers)).read()


def log(record, job, failed, request_id, count):
    line = {
        "event": "job.outcome",
        "runId": job.get("runId"),
        "jobId": job.get("jobId"),
        "messageId": record["messageId"],
        "receiveCount": int(record["attributes"]["ApproximateReceiveCount"]),
        "outcome": "failed" if failed else "succeeded",
        "requestId": request_id,
        "batchSize": count,
    }
    if MUTANT == "says-nothing":
        return
    if MUTANT == "says-the-poison-succeeded":
        line["outcome"] = "succeeded"
    if MUTANT == "says-the-good-failed":
        line["outcome"] = "failed"
    if MUTANT == "forgets-the-run":
        del line["runId"]
    if MUTANT == "writes-text":
        print(f"job {line['jobId']} {line['outcome']}", flush=True)
        return
    if MUTANT == "counts-from-zero":
        line["receiveCount"] -= 1
    print(json.dumps(line), flush=True)
    if MUTANT == "works-twice" and not failed:
        print(json.dumps(line), flush=True)


def work(records, request_id):
    failures = []
    for record in records:
        try:
            job = json.loads(record["body"])
        except ValueError:
            job = {"fail": True}
        failed = bool(job.get("fail"))
        if failed and MUTANT == "crashes-on-the-poison":
            os._exit(1)
        if failed and MUTANT == "hangs-on-the-poison":
            time.sleep(60)
        log(record, job, failed, request_id, len(records))
        if failed:
            failures.append({"itemIdentifier": record["messageId"]})
            if MUTANT == "dead-letters-by-itself":
                queue = os.environ["DEAD_LETTERS"]
                sqs("SendMessage", {"QueueUrl": queue, "MessageBody": record["body"]})
    if MUTANT in ("acknowledges-everything", "dead-letters-by-itself"):
        return {"batchItemFailures": []}
    if MUTANT == "fails-the-neighbours" and failures:
        return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in records]}
    if MUTANT == "fails-everything":
        return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in records]}
    if MUTANT == "names-a-stranger" and failures:
        return {"batchItemFailures": [{"itemIdentifier": "stranger"}]}
    if MUTANT == "uses-the-wrong-key" and failures:
        return {"batchItemFailures": [{"itemId": failure["itemIdentifier"]} for failure in failures]}
    if MUTANT == "fails-the-wrong-one" and failures:
        good = [record for record in records if {"itemIdentifier": record["messageId"]} not in failures]
        return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in good]}
    return {"batchItemFailures": failures}


if MUTANT == "does-not-start":
    sys.exit("cannot start")
while True:
    with urllib.request.urlopen(f"{API}/next") as invocation:
        event = json.load(invocation)
        request_id = invocation.headers["Lambda-Runtime-Aws-Request-Id"]
    answer = json.dumps(work(event["Records"], request_id)).encode()
    urllib.request.urlopen(urllib.request.Request(f"{API}/{request_id}/response", answer)).read()
