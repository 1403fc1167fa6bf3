#!/usr/bin/env -S python3 -BS
"""A worker that fails jobs for four causes, of which FIXED names those that it fails no more. One of them nothing catches. What it has
done stands in the file TRUTH."""

import json
import os

from runtime import serve

FIXED = os.environ.get("FIXED", "").split(",")


def charge(job):
    if job["kind"] not in FIXED:
        job["price"]


def cause_of(job):
    number = job["number"]
    return {
        "locked": f"row {number} is locked by session {number * 7}",
        "declined": f"the card of customer {number} was declined",
        "slow": f"no answer within {100 + number} ms",
    }.get(job["kind"])


def handle(event, request_id):
    failed = []
    for record in event["Records"]:
        job, message_id = json.loads(record["body"]), record["messageId"]
        if job["kind"] == "refund":
            try:
                charge(job)
            except KeyError:
                # As AWS's runtime for Python writes it, which knows no message.
                call = 'File "/var/task/worker.py", line 16, in charge'
                print(f"[ERROR] KeyError: 'price'\rTraceback (most recent call last):\r\u00a0\u00a0{call}", flush=True)
                raise
        cause = cause_of(job) if job["kind"] not in FIXED else None
        ends = f"failed ({cause})" if cause else "done"
        tries = record["attributes"]["ApproximateReceiveCount"]
        print(f"message {message_id}, try {tries} of request {request_id}: {ends}", flush=True)
        if cause:
            failed.append({"itemIdentifier": message_id})
        else:
            with open(os.environ["TRUTH"], "a") as file:
                file.write(f"{job['number']}\n")
    return {"batchItemFailures": failed}


serve(handle)
