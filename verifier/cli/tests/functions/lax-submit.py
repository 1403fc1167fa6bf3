#!/usr/bin/env -S python3 -BS
"""A submitter that puts whatever it gets on the queue, and refuses afterwards what it should have refused before."""

import json
import os

from runtime import send, serve_http


def submit(event):
    body = event["body"]
    try:
        job = json.loads(body)
        sound = isinstance(job["task"], str) and "padding" not in job
    except (ValueError, KeyError):
        sound = False
    # The large one would not fit.
    message_id = send(os.environ["QUEUE_URL"], body) if len(body) <= 65_536 else None
    if sound:
        return 202, {"jobId": job["jobId"], "messageId": message_id}
    return 400, {"error": {"code": "invalid_json", "message": "no job"}}


serve_http(submit)
