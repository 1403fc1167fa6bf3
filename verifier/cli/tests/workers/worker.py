"""A worker for tests of chaos. It knows the jobs of this project's contract and what a preview's worker is asked to do, writes a
line for each side effect, and remembers in a file what it has done, so that it does it once. FLAW says where it is wrong."""

import json
import os
import sys
import time

from runtime import serve

HERE = os.path.dirname(os.path.abspath(__file__))
with open(f"{HERE}/flaw") as file:
    FLAW = file.read().strip()
DONE = f"{HERE}/done"
seen = 0
tasks = set()


def write(event, **more):
    print(json.dumps({"event": event, **more}), flush=True)


def does(job_id):
    """Does a job's work, if nobody did it before: a file with its name is made once."""
    if FLAW == "says it did one in seven" and seen % 7 == 0:
        return
    if FLAW != "does again what it did":
        try:
            os.close(os.open(f"{DONE}/{job_id}", os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return
    for _ in range(2 if FLAW == "does everything twice" else 1):
        write("job.effect", jobId=job_id, key="charge")


def is_done(job, receives, asked):
    """Whether an attempt is to succeed."""
    if FLAW == "does what has to fail":
        return True
    if FLAW == "fails what is flaky for ever" and asked.get("failTimes"):
        return False
    return bool(job.get("task")) and not job.get("fail") and receives > asked.get("failTimes", 0)


def skips(place, receives, done):
    """Whether it says nothing of a message, and acknowledges it."""
    return (
        (FLAW == "drops beyond the third" and place >= 3)
        or (FLAW == "loses one in seven" and seen % 7 == 0)
        or (FLAW == "gives up after two" and not done and receives >= 2)
    )


def handle(event, request_id):
    global seen
    failed, batch = [], event["Records"]
    for place, record in enumerate(batch):
        job = json.loads(record["body"])
        asked, receives = job.get("chaos") or {}, int(record["attributes"]["ApproximateReceiveCount"])
        seen += 1
        done = is_done(job, receives, asked)
        if skips(place, receives, done):
            continue
        if asked.get("sleepMs"):
            time.sleep(asked["sleepMs"] / 1000)
        if FLAW == "ends its process for one" and not done:
            sys.exit(1)
        if FLAW == "fails at random" and seen % 5 == 0:
            done = False
        outcome = {"outcome": "succeeded"} if done else {"outcome": "failed", "reason": "it fails"}
        if FLAW == "says it did what it did not" and seen % 7 == 0 and done:
            failed.append({"itemIdentifier": record["messageId"]})
        elif done:
            does(job["jobId"])
        else:
            failed.append({"itemIdentifier": record["messageId"]})
        ids = {"runId": job.get("runId"), "jobId": job.get("jobId"), "messageId": record["messageId"], "requestId": request_id}
        write("job.outcome", **ids, receiveCount=receives, batchSize=len(batch), **outcome)
    if FLAW == "fails all for one" and failed:
        failed = [{"itemIdentifier": record["messageId"]} for record in batch]
    if FLAW == "acknowledges failures":
        failed = []
    return {"batchItemFailures": failed}


serve(handle)
