#!/usr/bin/env -S python3 -B
"""The desk of the print shop: takes tickets, and puts them on the queue in an envelope."""

import json
import os

from runtime import send, serve_http

LARGEST = 100_000


def take(event):
    if "x-counter" not in event["headers"]:
        return 403, {"problem": "which counter is this from?"}
    if len(event["body"]) > LARGEST:
        return 413, {"problem": "the ticket is too heavy"}
    try:
        ticket = json.loads(event["body"])
        known = ticket["kind"] in ("leaflet", "jam")
    except (ValueError, KeyError):
        known = False
    if not known:
        return 422, {"problem": "this is no ticket"}
    envelope = json.dumps({"version": 2, "ticket": ticket})
    return 201, {"ticket": ticket["ref"], "queued": {"as": send(os.environ["TICKETS_URL"], envelope)}}


def answer(event):
    if event["rawPath"] == "/v1/alive":
        return 200, {"service": {"name": "print-shop"}}
    return take(event)


serve_http(answer)
