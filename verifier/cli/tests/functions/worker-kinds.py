#!/usr/bin/env -S python3 -BS
"""A worker of a kind: the words of the environment variable MUTANT say which, each a thing that a worker can do to a
message, to its batch or to its log. Without any it works as the real one does."""

import base64
import hashlib
import json
import os
import sys
import time
import uuid
import zlib

from runtime import send, serve, sqs

WORDS = dict(word.partition("=")[::2] for word in os.environ.get("MUTANT", "").split())
JOBS, DEAD_LETTERS = os.environ["JOBS"], os.environ["DEAD_LETTERS"]
# What was done already, by a worker that remembers it: a folder beside the link by which this worker of this stack is called, so that
# its environments share it, as they share a table. What one of them has done, the others are handed when it comes again.
DONE = os.path.join(os.path.dirname(os.path.abspath(sys.argv[0])), "done")
# Lines that wait for the next invocation.
HELD = []
# How many lines of a job were written: for a worker that counts by itself.
TRIED = {}


def job_of(record):
    try:
        job = json.loads(record["body"])
        return job if isinstance(job, dict) else {}
    except ValueError:
        return {}


def is_job(record):
    return isinstance(job_of(record).get("task"), str)


def fails(record):
    return not is_job(record) or bool(job_of(record).get("fail"))


def receives(record):
    return int(record["attributes"]["ApproximateReceiveCount"])


def item(record):
    return {"itemIdentifier": record["messageId"]}


def remembers():
    return "remembers" in WORDS or "knows-jobs" in WORDS


def known_by(record):
    """By what a worker that remembers knows what it did: the message, or the job."""
    key = (job_of(record).get("jobId") if "knows-jobs" in WORDS else None) or record["messageId"]
    return os.path.join(DONE, key)


def is_done(record):
    return os.path.exists(known_by(record))


def is_another_s(record):
    """Whether another environment does it, or did. Two that are handed the same job at once would both do it otherwise."""
    os.makedirs(DONE, exist_ok=True)
    try:
        os.close(os.open(known_by(record), os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return True
    return False


def remember(record):
    os.makedirs(DONE, exist_ok=True)
    open(known_by(record), "w").close()


def is_first_batch():
    """Whether this is the first batch of all; it is asked once a batch."""
    os.makedirs(DONE, exist_ok=True)
    try:
        open(os.path.join(DONE, "first"), "x").close()
    except FileExistsError:
        return False
    return True


def is_silent(record):
    if "then-silent" in WORDS and receives(record) > 1 and not fails(record):
        return True
    if "says-nothing" in WORDS:
        return True
    if "says-nothing-first" in WORDS and receives(record) == 1:
        return True
    if "says-nothing-of-failing" in WORDS and fails(record):
        return True
    if "says-nothing-of-good" in WORDS and not fails(record):
        return True
    return False


def log(record, failed, request_id, count):
    if is_silent(record):
        return
    job = job_of(record)
    outcome = WORDS.get("says") or ("failed" if failed else "succeeded")
    line = {
        "event": "job.outcome",
        "runId": job.get("runId"),
        "jobId": job.get("jobId"),
        "messageId": record["messageId"],
        "receiveCount": receives(record) + int(WORDS.get("counts", 0)),
        "outcome": outcome,
        "requestId": request_id,
        "batchSize": count,
    }
    if "receive-in-text" in WORDS:
        line["receiveCount"] = str(line["receiveCount"])
    for name in WORDS.get("without", "").split(","):
        line.pop(name, None)
    for _ in range(2 if "twice" in WORDS else 1):
        if holds_back():
            HELD.append(written(line))
        else:
            print(written(line), flush=True)
    if "noise" in WORDS:
        print(f"debug: {line['jobId']} took 3 ms", flush=True)
        print(json.dumps({"level": "DEBUG", "message": {"jobId": line["jobId"]}}), flush=True)


def holds_back():
    """Whether lines wait for the next invocation: in each environment, or in every other."""
    return "holds-lines" in WORDS and (WORDS["holds-lines"] != "odd" or os.getpid() % 2 == 1)


def written(line):
    shape = WORDS.get("shape")
    if shape == "text-in-message":
        return json.dumps({"level": "INFO", "message": json.dumps(line)})
    if shape == "message":
        return json.dumps({"level": "INFO", "message": line})
    if shape == "fields":
        return json.dumps({"level": "INFO", "fields": {"message": "done", **line}})
    if shape == "nested":
        return json.dumps({"kind": "work", "job": {"id": line["jobId"]}, "sqs": {"id": line["messageId"], "n": line["receiveCount"]},
                           "result": line["outcome"], "aws": line["requestId"]})
    if shape == "text":
        return f"job {line['jobId']} try {line['receiveCount']} of {line['requestId']}: {line['outcome']}"
    if shape == "text-without-count":
        return f"job {line['jobId']} of {line['requestId']}: {line['outcome']}"
    if shape == "text-of-run":
        return f"run {line['runId'] or '-'} job {line['jobId'] or '-'} of {line['requestId']}: {line['outcome']}"
    if shape == "cut":
        return json.dumps(line)[:60]
    return json.dumps(line)


def copy(record, form):
    """Sends a copy of a message to the dead-letter queue, in a form that may not tell whose it is."""
    body, more = record["body"], {}
    if form == "wrapped":
        body = json.dumps({"job": body})
    if form == "encoded":
        body = base64.b64encode(zlib.compress(body.encode())).decode()
    if form == "closed":
        body = hashlib.sha256(body.encode()).hexdigest()
    if form == "renamed":
        body = json.dumps({**job_of(record), "jobId": str(uuid.uuid4()), "runId": str(uuid.uuid4())})
    if form == "in-attribute":
        more["MessageAttributes"] = {"job": {"DataType": "String", "StringValue": job_of(record)["jobId"]}}
        body = "failed"
    send(DEAD_LETTERS, body, **more)


def end(how):
    """Ends the invocation otherwise than by an answer."""
    if how == "throws":
        raise RuntimeError("cannot do this one")
    if how == "exits":
        os._exit(1)
    if how == "exits-well":
        os._exit(0)
    if how == "hangs":
        time.sleep(600)


def fail(record, request_id, count):
    """What becomes of a job that fails; whether it is reported."""
    how = WORDS.get("failing", "reported")
    is_last = receives(record) == int(WORDS.get("last", 3))
    if how.endswith("-silently"):
        end(how.removesuffix("-silently"))
    if how == "swallowed" or (not is_job(record) and "swallows-what-is-no-job" in WORDS):
        return False
    if how == "succeeds-at-last" and is_last:
        log(record, False, request_id, count)
        return False
    log(record, True, request_id, count)
    end(how)
    if how == "throws-at-first" and receives(record) == 1:
        end("throws")
    if how == "acknowledged" or (how == "acknowledged-at-last" and is_last):
        return False
    if how == "moved-by-policy" and receives(record) == 1:
        # SQS moves it when it is due again.
        policy = sqs("GetQueueAttributes", QueueUrl=JOBS, AttributeNames=["RedrivePolicy"])["Attributes"]["RedrivePolicy"]
        policy = json.dumps({**json.loads(policy), "maxReceiveCount": 1})
        sqs("SetQueueAttributes", QueueUrl=JOBS, Attributes={"RedrivePolicy": policy})
    if how in ("copied", "moved"):
        send(DEAD_LETTERS, record["body"])
        return how == "copied"
    if how.startswith("copied-") and receives(record) == 1:
        copy(record, how.removeprefix("copied-"))
    if how == "put-back":
        times = job_of(record).get("times", 0)
        if times < 2:
            send(JOBS, json.dumps({**job_of(record), "times": times + 1}))
            return False
    if how == "deleted":
        sqs("DeleteMessage", QueueUrl=JOBS, ReceiptHandle=record["receiptHandle"])
    if "visible-after" in WORDS:
        seconds = int(WORDS["visible-after"])
        sqs("ChangeMessageVisibility", QueueUrl=JOBS, ReceiptHandle=record["receiptHandle"], VisibilityTimeout=seconds)
    return True


def do(record, request_id, count):
    """What becomes of a job that can be done; whether it is reported as failed."""
    how = WORDS.get("good", "done")
    is_first = receives(record) == 1
    if "follow-ups-retried" in WORDS and "follows" in job_of(record) and is_first:
        log(record, True, request_id, count)
        return True
    if how == "swallowed" or (how == "swallowed-once" and job_of(record)["jobId"].endswith("good-1")):
        return False
    if how.endswith("-first-silently") and is_first:
        end(how.removesuffix("-first-silently"))
        return True
    if how == "fails-first" and is_first:
        log(record, True, request_id, count)
        return True
    if how == "unwritten-first" and is_first:
        return True
    if how == "some-deferred-silently" and is_first and job_of(record)["jobId"][-2:] in ("-1", "-5"):
        return True
    if how == "tried-again":
        log(record, True, request_id, count)
    if how == "fails-always":
        log(record, True, request_id, count)
        return True
    if how == "one-fails-first" and is_first and job_of(record)["jobId"].endswith("good-1"):
        log(record, True, request_id, count)
        return True
    if "slow" in WORDS:
        time.sleep(0.3)
    log(record, False, request_id, count)
    if "follow-ups" in WORDS and "follows" not in job_of(record):
        job = job_of(record)
        # A pattern of the id: `{}` is the job's.
        named = WORDS.get("follow-ups-named", "follow-{}").replace("{}", job["jobId"])
        send(JOBS, json.dumps({"task": "follow-up", "jobId": named, "follows": 1}), DelaySeconds=int(WORDS["follow-ups"]))
    if how in ("done-twice", "done-twice-at-once"):
        time.sleep(0.1 if how == "done-twice" else 0)
        log(record, False, request_id, count)
    if how.endswith("-first") and is_first:
        end(how.removesuffix("-first"))
    if how == "reported" or (how == "reported-first" and is_first):
        return True
    form = how.removeprefix("one-")
    if form.startswith("copied") and (form == how or job_of(record)["jobId"].endswith("good-1")):
        copy(record, form.removeprefix("copied").removeprefix("-"))
    if how == "put-back" and "times" not in job_of(record):
        send(JOBS, json.dumps({**job_of(record), "times": 1}))
    if how == "put-back-later" and "times" not in job_of(record):
        send(JOBS, json.dumps({**job_of(record), "times": 1}), DelaySeconds=900)
    if how == "deleted-early":
        sqs("DeleteMessage", QueueUrl=JOBS, ReceiptHandle=record["receiptHandle"])
    return False


def answer(records, reported):
    kind = WORDS.get("answers")
    if kind == "all":
        return {"batchItemFailures": [item(record) for record in records]}
    if kind == "none-where-all-failed":
        return {"batchItemFailures": [] if len(reported) == len(records) else [item(record) for record in reported]}
    if kind == "none-where-one-is":
        return {"batchItemFailures": [] if len(records) == 1 else [item(record) for record in reported]}
    if kind == "all-at-last" and any(receives(record) == 3 for record in reported):
        return {"batchItemFailures": [item(record) for record in records]}
    if kind == "all-until-last" and any(receives(record) < 3 for record in reported):
        return {"batchItemFailures": [item(record) for record in records]}
    at = int(kind.rpartition("-")[2]) if kind and kind.startswith(("all-at-receive-", "one-at-receive-")) else None
    if at and any(receives(record) == at for record in reported):
        good = [record for record in records if record not in reported]
        also = good if kind.startswith("all") else good[:1]
        return {"batchItemFailures": [item(record) for record in reported + also]}
    if kind == "first-failed":
        reported = reported[:1]
    if kind == "last-failed":
        reported = reported[-1:]
    if kind in ("all-at-last", "all-until-last", "first-failed", "last-failed") or at:
        kind = None
    if kind == "all-where-one-fails" and reported:
        return {"batchItemFailures": [item(record) for record in records]}
    if kind == "none":
        return {"batchItemFailures": []}
    if kind == "null":
        return None
    if kind == "empty":
        return {}
    if kind == "null-list":
        return {"batchItemFailures": None}
    if kind == "nothing":
        return b""
    if kind == "text":
        return "done"
    if kind == "list":
        return [item(record) for record in reported]
    if kind == "torn":
        return b'{"batchItemFailures": ['
    if kind and reported:
        wrong = {
            "wrong-id": "00000000-0000-4000-8000-000000000000", "empty-id": "", "null-id": None, "number-id": 7,
            "receipt": reported[0]["receiptHandle"], "job-id": job_of(reported[0]).get("jobId"),
        }
        if kind == "wrong-key":
            return {"batchItemFailures": [{"messageId": record["messageId"]} for record in reported]}
        if kind == "bare-ids":
            return {"batchItemFailures": [record["messageId"] for record in reported]}
        if kind == "wrong-list":
            return {"batchitemfailures": [item(record) for record in reported]}
        if kind == "the-others":
            return {"batchItemFailures": [item(record) for record in records if record not in reported]}
        if kind == "twice":
            return {"batchItemFailures": [item(record) for record in reported] * 2}
        return {"batchItemFailures": [{"itemIdentifier": wrong[kind]}]}
    return {"batchItemFailures": [item(record) for record in reported]}


def of_audits(records):
    """What becomes of messages of the other queue."""
    return {"batchItemFailures": [item(record) for record in records if fails(record)]}


def work(event, request_id):
    while HELD:
        print(HELD.pop(0), flush=True)
    records = event["Records"]
    if "Audits" in records[0]["eventSourceARN"]:
        if "audits-throw" in WORDS:
            end("throws")
        if "audits-logged" in WORDS:
            for record in records:
                log(record, fails(record), request_id, len(records))
        return of_audits(records)
    if "failing-first" in WORDS:
        records = sorted(records, key=lambda record: not fails(record))
    if "failing-last" in WORDS:
        records = sorted(records, key=fails)
    if "throws-at-two" in WORDS and sum(map(fails, records)) > 1:
        end("throws")
    if "throws-above" in WORDS and len(records) > int(WORDS["throws-above"]):
        end("throws")
    if "heeds-order" in WORDS and fails(records[0]) and len(records) > 1:
        end("throws")
    handed, reported = records, []
    if "filters" in WORDS:
        records = [record for record in records if not is_done(record)]
    for record in records:
        if "knows-jobs" in WORDS and not fails(record):
            if is_another_s(record):
                continue
        elif remembers() and is_done(record):
            continue
        if (fail if fails(record) else do)(record, request_id, len(records)):
            reported.append(record)
        elif remembers() or "filters" in WORDS:
            remember(record)
    if "first-batch-again" in WORDS and is_first_batch():
        for record in handed:
            sqs("ChangeMessageVisibility", QueueUrl=JOBS, ReceiptHandle=record["receiptHandle"], VisibilityTimeout=0)
        return {"batchItemFailures": [item(record) for record in handed]}
    if "throws-at-the-end" in WORDS and reported:
        end("throws")
    # As Powertools does by default.
    if "throws-where-all-failed" in WORDS and len(reported) == len(records):
        end("throws")
    if "crashes-at-the-end" in WORDS:
        end("throws")
    return answer(handed, reported)


if "does-not-start" in WORDS:
    raise SystemExit("cannot start")
serve(work)
