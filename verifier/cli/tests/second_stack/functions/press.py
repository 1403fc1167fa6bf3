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
        outcome = "spoiled (the paper jams)" if jams else "printed"
        tries = record["attributes"]["ApproximateReceiveCount"]
        label = "without a number" if FLAW == "mumbles" else ticket["ref"]
        print(f"ticket {label}, try {tries} of request {request_id}: {outcome}", flush=True)
        if jams and FLAW != "acknowledges":
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}


serve(handle)
