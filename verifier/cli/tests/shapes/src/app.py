import json


def api(event, context):
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps({"served": event["routeKey"]})}


def worker(event, context):
    for record in event["Records"]:
        print("worked " + record["body"])
    return {"batchItemFailures": []}
