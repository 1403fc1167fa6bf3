#!/usr/bin/env -S python3 -BS
"""A submitter of a kind: the words of the environment variable MUTANT say which. Without any it works as the real one does."""

import base64
import json
import os
import re
import uuid

from runtime import BEHIND_THE_ANSWER, send, serve

WORDS = dict(word.partition("=")[::2] for word in os.environ.get("MUTANT", "").split())
JOBS, DEAD_LETTERS = os.environ["JOBS"], os.environ["DEAD_LETTERS"]
NOBODYS = "00000000-0000-4000-8000-000000000000"
SEEN = set()
# The ids of the messages that were sent.
BEFORE = []


def answer(status, value, content_type="application/json", **headers):
    body = value if isinstance(value, str) else json.dumps(value)
    return {"statusCode": status, "headers": {"content-type": content_type, **headers}, "body": body}


def defect(body):
    """What is wrong with a body, with the status that refuses it; None for a sound job."""
    # What the queue takes.
    if len(body) > 65_536:
        return 413, "oversize"
    try:
        job = json.loads(body)
    except ValueError:
        return 400, "malformed"
    if not isinstance(job, dict) or "task" not in job:
        return 400, "missing-task"
    return None if isinstance(job["task"], str) else (400, "wrong-type")


def refuse(body, status, kind):
    """Answers a body that is no job, and puts it on the queue all the same where it may not."""
    is_first = kind not in SEEN
    SEEN.add(kind)
    if WORDS.get("enqueues") in ("refused", kind) and kind != "oversize" and (is_first or "once" not in WORDS):
        text, queue = body, DEAD_LETTERS if "to-the-dlq" in WORDS else JOBS
        if "to-audits" in WORDS:
            queue = os.environ["AUDITS"]
        if "wrapped" in WORDS:
            text = json.dumps({"payload": body})
        if "encoded" in WORDS:
            text = base64.b64encode(body.encode()).decode()
        if "as-jobs" in WORDS and "derived" in WORDS:
            own = re.search('"jobId": ?"([^"]+)"', body)
            text = json.dumps({"task": "of a white-list", "jobId": f"{own[1] if own else 'none'}-x"})
        elif "as-jobs" in WORDS:
            text = json.dumps({"task": "of a white-list", **({} if "unnamed" in WORDS else {"jobId": str(uuid.uuid4())})})
        if "named" in WORDS:
            text = json.dumps({"error": "it was no job"})
        more = {"DelaySeconds": int(WORDS["later"])} if "later" in WORDS else {}
        if "behind-the-answer" in WORDS:
            BEHIND_THE_ANSWER.append(lambda: send(queue, text, **more))
        else:
            send(queue, text, **more)
    told = WORDS.get("refuses")
    if told == "with-text":
        return answer(status, "no", "text/plain")
    if told == "with-a-list":
        return answer(status, ["no"])
    if told == "with-nothing":
        return answer(status, "")
    return answer(int(told) if told else status, {"error": {"code": kind, "message": "it is no job"}})


def put(body, job):
    """Puts a job on the queue, or somewhere else; the message id that is told."""
    of = "failing" if job.get("fail") else "good"
    has = lambda word: word in WORDS or f"{of}-{word}" in WORDS
    value = lambda word: WORDS.get(f"{of}-{word}", WORDS.get(word))
    if has("dropped"):
        return NOBODYS
    text = body
    if has("wrapped-jobs"):
        text = json.dumps({"detail": job})
    if has("changed"):
        text = json.dumps({**job, "receivedAt": "now"})
    if has("pretty"):
        text = json.dumps(job, indent=4)
    more = {"DelaySeconds": int(value("delay"))} if value("delay") else {}
    message_id = send(DEAD_LETTERS if has("dead") else JOBS, text, **more)
    if "audits" in WORDS:
        audit = {"same": job, "failing": {"task": "audit", "fail": True}}.get(WORDS["audits"], {"task": "audit"})
        send(os.environ["AUDITS"], json.dumps(audit))
    if has("twice") and job["jobId"].endswith(WORDS.get("twice-of", "")):
        send(JOBS, text, **({"DelaySeconds": int(value("twice"))} if value("twice") else {}))
    if has("renamed") and job["jobId"].endswith(tuple((value("renamed") or "").split(","))):
        copy = {"task": job["task"], "fail": job.get("fail", False), **({} if "unnamed" in WORDS else {"jobId": str(uuid.uuid4())})}
        if "derived" in WORDS:
            copy["jobId"] = job["jobId"] + "-x"
        of_run = {"runId": job.get("runId")} if "of-the-run" in WORDS else {}
        queue = os.environ["AUDITS"] if "to-audits" in WORDS else DEAD_LETTERS if "to-the-dlq" in WORDS else JOBS
        send(queue, json.dumps({**copy, **of_run}))
    if has("copied"):
        send(DEAD_LETTERS, text)
    return message_id


def submit(event, _request_id):
    body = event["body"]
    if "encoded-body" in WORDS and event.get("isBase64Encoded"):
        body = base64.b64decode(body).decode()
    if "notes" in WORDS:
        send(os.environ["AUDITS"], "a request")
    found = defect(body)
    if found and WORDS.get("accepts") in ("anything", found[1]):
        return answer(202, {"jobId": "any", "messageId": NOBODYS})
    if found and not (WORDS.get("throws") == "refused"):
        return refuse(body, *found)
    if found:
        raise RuntimeError("cannot read this")
    job = json.loads(body)
    if "first" in WORDS and job["jobId"] not in SEEN:
        SEEN.add(job["jobId"])
        if "enqueues-first" in WORDS:
            put(body, job)
        return answer(int(WORDS["first"]), {"message": "later"}, **{"retry-after": WORDS.get("retry-after", "1")})
    if "refuses-good" in WORDS and not job.get("fail"):
        return answer(400, {"error": {"code": "no", "message": "no"}})
    if "refuses-failing" in WORDS and job.get("fail"):
        return answer(400, {"error": {"code": "no", "message": "no"}})
    message_id = put(body, job)
    if WORDS.get("throws") == "after-sending":
        raise RuntimeError("too late")
    told = {"jobId": job["jobId"], "messageId": message_id}
    if "swapped" in WORDS:
        told = {"jobId": message_id, "messageId": job["jobId"]}
    if "more" in WORDS:
        told = {**told, "queued": True, "links": {"self": "/jobs/1"}}
    if "tells" in WORDS:
        told["messageId"] = {
            "nothing": "", "null": None, "a-number": 7, "another": NOBODYS, "the-one-before": BEFORE[-1:] and BEFORE[-1] or message_id,
        }[WORDS["tells"]]
        BEFORE.append(message_id)
    if "tells-text" in WORDS:
        return answer(202, "accepted", "text/plain")
    if "tells-a-list" in WORDS:
        return answer(202, [told])
    return answer(int(WORDS.get("status", 202)), told, WORDS.get("content-type", "application/json"))


serve(submit)
