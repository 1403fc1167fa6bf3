#!/usr/bin/env -S python3 -BS
"""A worker that writes no message's name. It throws at some jobs, and reports others as failed without a word."""

import json

from runtime import serve


def handle(event, request_id):
    failed = []
    for record in event["Records"]:
        kind = json.loads(record["body"])["kind"]
        if kind.startswith("throws"):
            # As AWS's runtime for Python writes it, which knows no message.
            call = 'File "/var/task/worker.py", line 16, in charge'
            print(f"[ERROR] KeyError: '{kind}'\rTraceback (most recent call last):\r\u00a0\u00a0{call}", flush=True)
            raise KeyError(kind)
        if kind == "silent":
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}


serve(handle)
