"""Says which preview answers."""

import json
import os

PR = os.environ.get("PR_NUMBER", "unknown")


def handler(event, context):
    body = {"message": f"Hello from preview {PR}!", "pr": PR, "version": "1.0.0"}
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(body)}
