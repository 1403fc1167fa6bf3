"""The part of the Lambda Runtime API that the functions of the print shop need."""

import json
import os
import urllib.request

API = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation"


def serve(handle):
    """Gives each event, with its request id, to a function, and its answer back."""
    while True:
        with urllib.request.urlopen(f"{API}/next") as invocation:
            event = json.load(invocation)
            request_id = invocation.headers["Lambda-Runtime-Aws-Request-Id"]
        answer = json.dumps(handle(event, request_id)).encode()
        urllib.request.urlopen(urllib.request.Request(f"{API}/{request_id}/response", answer)).read()
