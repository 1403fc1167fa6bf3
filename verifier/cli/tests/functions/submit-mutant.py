#!/usr/bin/env -S python3 -B
"""A submitter with a defect: the environment variable MUTANT says which. Without one it works as the real one does."""

import json
import os

from runtime import send, serve_http

MUTANT = os.environ.get("MUTANT", "")
JOBS = os.environ["QUEUE_URL"]


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


def submit(event):
    body = event["body"]
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
        return 202, {"jobId": job_id, "messageId": send(os.environ["DEAD_LETTERS"], body)}
    if MUTANT == "renames-the-job":
        job["jobId"] = "renamed"
        return 202, {"jobId": "renamed", "messageId": send(JOBS, json.dumps(job))}
    if MUTANT == "forgets-the-run":
        job.pop("runId", None)
        return 202, {"jobId": job_id, "messageId": send(JOBS, json.dumps(job))}
    if MUTANT == "heals-the-poison":
        job["fail"] = False
        return 202, {"jobId": job_id, "messageId": send(JOBS, json.dumps(job))}
    if MUTANT == "poisons-the-good":
        job["fail"] = True
        return 202, {"jobId": job_id, "messageId": send(JOBS, json.dumps(job))}
    message_id = send(JOBS, body)
    if MUTANT == "sends-twice":
        send(JOBS, body)
    if MUTANT == "names-no-message":
        return 202, {"jobId": job_id}
    if MUTANT == "names-another-message":
        return 202, {"jobId": job_id, "messageId": "00000000-0000-4000-8000-000000000000"}
    if MUTANT == "answers-200":
        return 200, {"jobId": job_id, "messageId": message_id}
    if MUTANT == "fails-after-sending":
        return 503, {"message": "Service Unavailable"}
    return 202, {"jobId": job_id, "messageId": message_id}


serve_http(submit)
