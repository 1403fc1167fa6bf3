#!/usr/bin/env -S python3 -BS
"""A hello endpoint of a kind: the environment variable MUTANT says which. Without one it works as the real one does."""

import json
import os

from runtime import serve

MUTANT = os.environ.get("MUTANT", "")
PR = os.environ.get("PR_NUMBER", "")


def hello(_event, _request_id):
    answer = {"message": "hello", "pr": PR, "version": "1.0.0"}
    if MUTANT == "number":
        answer["pr"] = int(PR)
    if MUTANT == "more":
        answer["uptime"] = {"seconds": 3}
    if MUTANT == "another":
        answer["pr"] = f"{PR}4"
    if MUTANT == "without-version":
        del answer["version"]
    if MUTANT == "empty-version":
        answer["version"] = None
    if MUTANT == "throws":
        raise RuntimeError("no")
    body = json.dumps([answer] if MUTANT == "list" else answer)
    if MUTANT == "text":
        body = f"hello from {PR}"
    status = 201 if MUTANT == "created" else 200
    return {"statusCode": status, "headers": {"content-type": "application/json"}, "body": body}


serve(hello)
