#!/usr/bin/env -S python3 -BS
"""A worker that does to each message what was drawn: MUTANT holds a JSON object with `good` and `failing`, each a list with a
deed a receive, with what it does to a batch and to its log, and `truth`, the file that says afterwards what really became of every
receive."""

import json
import os

from runtime import send, serve, sqs

DRAWN = json.loads(os.environ["MUTANT"])
JOBS, DEAD_LETTERS = os.environ["JOBS"], os.environ["DEAD_LETTERS"]
# What was done already, by a worker that remembers it, and lines that wait for the next invocation.
DONE, HELD = set(), []
# What is done to further work.
RIGHT = {"logs": "succeeded", "reports": False, "copies": None, "deletes": False, "visibleAfter": None, "ends": None}


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
    for name in DRAWN["without"]:
        line.pop(name, None)
    text = json.dumps(line)
    if DRAWN["isText"]:
        text = "job " + " ".join(f"{name}={value}" for name, value in line.items() if name not in ("event", "runId"))
    if DRAWN["holdsLines"]:
        HELD.append(text)
    else:
        print(text, flush=True)


def follows(record):
    return "follows" in json.loads(record["body"])


def fails(record):
    return bool(json.loads(record["body"]).get("fail"))


def receive_of(record):
    return int(record["attributes"]["ApproximateReceiveCount"])


def raises():
    if DRAWN["isPython"]:
        # As AWS's own runtime for Python writes an uncaught error.
        print("[ERROR] RuntimeError: drawn\rTraceback (most recent call last):\r  File", flush=True)
    raise RuntimeError("drawn")


def named(records, failed):
    """The messages that are named as failed: those that failed, or what was drawn where some have at the receive that was drawn."""
    at = DRAWN["answersAt"]
    if not any(fails(record) and at in (None, receive_of(record)) for record in records):
        return failed
    good = [record for record in records if not fails(record)]
    return {"all": records, "neighbour": failed + good[:1], "first": failed[:1], "last": failed[-1:]}.get(DRAWN["answers"], failed)


def meets(records):
    """Whether a batch is one at which the worker throws."""
    where, at = DRAWN["throwsWhere"], DRAWN["answersAt"]
    failing = [record for record in records if fails(record) and at in (None, receive_of(record))]
    return {"two": len(failing) > 1, "one": len(failing) > 0, "many": len(records) > 3}.get(where, False)


def work(event, request_id):
    while HELD:
        print(HELD.pop(0), flush=True)
    records, failed, received = event["Records"], [], []
    if DRAWN["order"]:
        records = sorted(records, key=fails, reverse=DRAWN["order"] == "failing-first")
    for record in records:
        receive = receive_of(record)
        deeds = [RIGHT] if follows(record) else DRAWN["failing" if fails(record) else "good"]
        received.append((record, receive, deeds[min(receive, len(deeds)) - 1]))
    for record, receive, deed in received:
        # Written before anything is done: an invocation that ends here has failed all of its batch.
        write(message=record["messageId"], receive=receive, failing=fails(record), follows=follows(record), batch=request_id)
    for record, receive, deed in received:
        job = json.loads(record["body"])
        if DRAWN["remembers"] and record["messageId"] in DONE:
            continue
        if deed["logs"]:
            log(record, job, deed["logs"], request_id, len(records))
            write(message=record["messageId"], receive=receive, logged=deed["logs"])
        if DRAWN["follows"] and not follows(record):
            # Further work, whose id is made of the job's.
            of_it = DRAWN["follows"].replace("{}", job["jobId"])
            send(JOBS, json.dumps({"task": "follow-up", "jobId": of_it, "follows": 1}), DelaySeconds=DRAWN["followsAfter"])
        # A copy is not copied again: it would never end.
        if deed["copies"] and "copies" not in job:
            queues = {"dead": DEAD_LETTERS, "jobs": JOBS, "another": os.environ.get("AUDITS")}
            send(queues[deed["copies"]], json.dumps({**job, "copies": 1}))
            write(message=record["messageId"], copied=deed["copies"])
        if deed["deletes"]:
            sqs("DeleteMessage", QueueUrl=JOBS, ReceiptHandle=record["receiptHandle"])
            write(message=record["messageId"], receive=receive, deleted=True)
        elif deed["visibleAfter"] is not None:
            seconds = deed["visibleAfter"]
            sqs("ChangeMessageVisibility", QueueUrl=JOBS, ReceiptHandle=record["receiptHandle"], VisibilityTimeout=seconds)
        if deed["ends"] == "throws":
            raises()
        if deed["ends"] == "exits":
            os._exit(1)
        if deed["reports"]:
            failed.append(record)
        else:
            DONE.add(record["messageId"])
    if meets(records):
        raises()
    items = {record["messageId"] for record in named(records, failed)}
    for record, receive, deed in received:
        write(message=record["messageId"], receive=receive, done=record["messageId"] not in items)
    return {"batchItemFailures": [{"itemIdentifier": item} for item in sorted(items)]}


serve(work)
