#!/usr/bin/env -S python3 -B
"""The desk of the print shop: takes tickets, and puts them on the queue in an envelope."""

import json
import os
import urllib.request

from runtime import serve

KEY = os.environ["AWS_ACCESS_KEY_ID"]
LARGEST = 100_000


def enqueue(ticket):
    """Sends a message. The emulator wants to know by the access key who asks, and checks no signature."""
    body = json.dumps({"version": 2, "ticket": ticket})
    request = urllib.request.Request(
        os.environ["AWS_ENDPOINT_URL"],
        json.dumps({"QueueUrl": os.environ["TICKETS_URL"], "MessageBody": body}).encode(),
        {
            "content-type": "application/x-amz-json-1.0",
            "x-amz-target": "AmazonSQS.SendMessage",
            "authorization": f"AWS4-HMAC-SHA256 Credential={KEY}/20260101/us-local-1/sqs/aws4_request",
        },
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["MessageId"]


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
    return 201, {"ticket": ticket["ref"], "queued": {"as": enqueue(ticket)}}


def handle(event, _request_id):
    if event["rawPath"] == "/v1/alive":
        status, answer = 200, {"service": {"name": "print-shop"}}
    else:
        status, answer = take(event)
    return {"statusCode": status, "headers": {"content-type": "application/json"}, "body": json.dumps(answer)}


serve(handle)
