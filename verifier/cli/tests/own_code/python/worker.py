"""Works the queue off. A job that asks to fail does so at every attempt."""

import json
import logging

log = logging.getLogger()


def handler(event, context):
    failures = []
    for record in event["Records"]:
        job = json.loads(record["body"])
        fails = job.get("fail", False)
        if fails:
            failures.append({"itemIdentifier": record["messageId"]})
        outcome = {
            "event": "job.outcome",
            "runId": job.get("runId"),
            "jobId": job.get("jobId"),
            "messageId": record["messageId"],
            "receiveCount": int(record["attributes"]["ApproximateReceiveCount"]),
            "outcome": "failed" if fails else "succeeded",
            "requestId": context.aws_request_id,
            "batchSize": len(event["Records"]),
        }
        log.info({**outcome, "reason": "the job asked to fail"} if fails else outcome)
    return {"batchItemFailures": failures}
