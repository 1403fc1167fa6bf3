from of_layer import WORD


def worker(event, context):
    for record in event["Records"]:
        print(WORD + " " + record["body"])
