#!/usr/bin/env -S python3 -B
"""The press of the print shop: works tickets off, and logs each attempt in plain text. It has the flaw that its environment
names, for tests of whether a check notices."""

import json
import os

from runtime import serve

FLAW = os.environ["PRESS_FLAW"]


def handle(event, request_id):
    failed = []
    for record in event["Records"]:
        ticket = json.loads(record["body"])["ticket"]
        jams = ticket["kind"] == "jam" or FLAW == "jams"
        if jams and FLAW.startswith("throws"):
            if FLAW == "throws":
                # As AWS's runtime for Python writes it: one event, with these blanks.
                calls = ('File "/var/task/press.py", line 9, in handle', 'File "/var/task/press.py", line 4, in press')
                lines = ["[ERROR] JamError: the paper jams", "Traceback (most recent call last):", *("\u00a0\u00a0" + call for call in calls)]
                print("\r".join(lines), flush=True)
            raise RuntimeError("the paper jams")
        outcome = "spoiled (the paper jams)" if jams else "printed"
        tries = record["attributes"]["ApproximateReceiveCount"]
        label = "without a number" if FLAW == "mumbles" else ticket["ref"]
        print(f"ticket {label}, try {tries} of request {request_id}: {outcome}", flush=True)
        if jams and FLAW != "acknowledges":
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}


serve(handle)
