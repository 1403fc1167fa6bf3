#!/usr/bin/env -S python3 -B
"""A worker that does to each message what was drawn: MUTANT holds a JSON object with `good` and `failing`, each a list with a
deed a receive, and `truth`, the file that says afterwards what really became of every receive."""

import json
import os

from runtime import send, serve, sqs

DRAWN = json.loads(os.environ["MUTANT"])
JOBS, DEAD_LETTERS = os.environ["JOBS"], os.environ["DEAD_LETTERS"]


def write(**line):
    # One write a line: environments that run at the same time append to one file.
    with open(DRAWN["truth"], "a") as file:
        file.write(json.dumps(line) + "\n")


def log(record, job, outcome, request_id, count):
    line = {
        "event": "job.outcome", "runId": job.get("runId"), "jobId": job.get("jobId"), "messageId": record["messageId"],
        "receiveCount": int(record["attributes"]["ApproximateReceiveCount"]), "outcome": outcome,
        "requestId": request_id, "batchSize": count,
    }
    if DRAWN["isBrief"]:
        line = {name: line[name] for name in ("event", "runId", "jobId", "outcome", "requestId")}
    print(json.dumps(line), flush=True)


def work(event, request_id):
    records, failures, received = event["Records"], [], []
    if DRAWN["order"]:
        is_failing = lambda record: bool(json.loads(record["body"]).get("fail"))
        records = sorted(records, key=is_failing, reverse=DRAWN["order"] == "failing-first")
    for record in records:
        job = json.loads(record["body"])
        receive = int(record["attributes"]["ApproximateReceiveCount"])
        is_failing = bool(job.get("fail"))
        deeds = DRAWN["failing" if is_failing else "good"]
        deed = deeds[min(receive, len(deeds)) - 1]
        received.append((record, is_failing, receive, deed))
    for record, is_failing, receive, deed in received:
        # Written before anything is done: an invocation that ends here has failed all of its batch.
        write(message=record["messageId"], receive=receive, failing=is_failing, batch=request_id)
    for record, is_failing, receive, deed in received:
        job = json.loads(record["body"])
        if deed["logs"]:
            log(record, job, deed["logs"], request_id, len(records))
            write(message=record["messageId"], receive=receive, logged=deed["logs"])
        # A copy is not copied again: it would never end.
        if deed["copies"] and "copies" not in job:
            send({"dead": DEAD_LETTERS, "jobs": JOBS}[deed["copies"]], json.dumps({**job, "copies": 1}))
            write(message=record["messageId"], copied=deed["copies"])
        if deed["deletes"]:
            sqs("DeleteMessage", QueueUrl=JOBS, ReceiptHandle=record["receiptHandle"])
            write(message=record["messageId"], receive=receive, deleted=True)
        if deed["ends"] == "throws":
            if DRAWN["isPython"]:
                # As AWS's own runtime for Python writes an uncaught error.
                print("[ERROR] RuntimeError: drawn\rTraceback (most recent call last):\r  File", flush=True)
            raise RuntimeError("drawn")
        if deed["ends"] == "exits":
            os._exit(1)
        if deed["reports"]:
            failures.append({"itemIdentifier": record["messageId"]})
    for record, _, receive, deed in received:
        write(message=record["messageId"], receive=receive, done=not deed["reports"])
    return {"batchItemFailures": failures}


serve(work)
