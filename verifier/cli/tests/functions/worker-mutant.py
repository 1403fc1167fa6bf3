#!/usr/bin/env -S python3 -B
"""A worker with a defect: the environment variable MUTANT says which. Without one it works as the real one does."""

import json
import os
import sys
import time

from runtime import send, serve

MUTANT = os.environ.get("MUTANT", "")


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


def work(event, request_id):
    records = event["Records"]
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
                send(os.environ["DEAD_LETTERS"], record["body"])
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
serve(work)
