"""Times a redrive beside what people write instead, against an endpoint whose every answer takes 20 ms.

Called by `cargo xtask bench redrive` with the environment of `verifier local --clock real`.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request

import boto3

LATENCY_MILLISECONDS = 20
MESSAGES = 10_000
MESSAGES_ONE_BY_ONE = 300
MESSAGES_MANY = 1_000_000

verifier, many = sys.argv[1], "--many" in sys.argv
endpoint = os.environ["AWS_ENDPOINT_URL"]
token = os.environ["VERIFIER_EMULATOR_TOKEN"]
sqs = boto3.client("sqs")


def faults(rules):
    body = json.dumps({"rules": rules}).encode()
    request = urllib.request.Request(f"{endpoint}/_emulator/faults", body, {"x-verifier-token": token}, method="PUT")
    urllib.request.urlopen(request).read()


def slow():
    faults([{"caller": "client", "fault": {"kind": "latency", "milliseconds": LATENCY_MILLISECONDS}}])


def queue(name, **attributes):
    return sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]


def queues(name):
    """A dead-letter queue and its source."""
    dead = queue(f"{name}-dead")
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3})
    return dead, queue(f"{name}-source", RedrivePolicy=policy), arn


def fill(url, count):
    for start in range(0, count, 10):
        entries = [{"Id": str(number), "MessageBody": f"m-{start + number}"} for number in range(10)]
        failed = sqs.send_message_batch(QueueUrl=url, Entries=entries).get("Failed")
        assert not failed, failed


def count(url):
    names = ["ApproximateNumberOfMessages"]
    return int(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"][names[0]])


def verified(name, messages):
    dead, source, _ = queues(name)
    fill(dead, messages)
    if messages == MESSAGES:
        slow()
    with tempfile.TemporaryDirectory() as folder:
        journal = os.path.join(folder, "journal.jsonl")
        command = [verifier, "redrive", "--dlq", f"{name}-dead", "--no-canary", "--yes"]
        command += ["--journal", journal, "--format", "json", "--concurrency", "60"]
        began = time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        printed = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        whole = time.monotonic() - began
        assert status == 0, printed
        with open(journal, encoding="utf-8") as lines:
            times = [json.loads(line)["at"] for line in lines if '"event":"intent"' in line]
    faults([])
    assert count(source) == messages and count(dead) == 0
    sending = (times[-1] - times[0]) / 1000 + 2 * LATENCY_MILLISECONDS / 1000
    return whole, sending, usage.ru_maxrss


def one_by_one():
    dead, source, _ = queues("script")
    fill(dead, MESSAGES_ONE_BY_ONE)
    slow()
    began = time.monotonic()
    while True:
        received = sqs.receive_message(QueueUrl=dead, MaxNumberOfMessages=1).get("Messages")
        if not received:
            break
        sqs.send_message(QueueUrl=source, MessageBody=received[0]["Body"])
        sqs.delete_message(QueueUrl=dead, ReceiptHandle=received[0]["ReceiptHandle"])
    took = time.monotonic() - began
    faults([])
    assert count(source) == MESSAGES_ONE_BY_ONE
    return took


def native():
    dead, source, arn = queues("native")
    fill(dead, MESSAGES)
    names = ["QueueArn"]
    to = sqs.get_queue_attributes(QueueUrl=source, AttributeNames=names)["Attributes"]["QueueArn"]
    began = time.monotonic()
    # They were sent to the dead-letter queue directly, and know of no other queue.
    sqs.start_message_move_task(SourceArn=arn, DestinationArn=to, MaxNumberOfMessagesPerSecond=500)
    while True:
        task = sqs.list_message_move_tasks(SourceArn=arn)["Results"][0]
        if task["Status"] != "RUNNING":
            break
        assert time.monotonic() - began < 120, task
        time.sleep(0.1)
    assert task["Status"] == "COMPLETED" and count(source) == MESSAGES, task
    return time.monotonic() - began


def row(name, messages, seconds, remark=""):
    print(f"{name:<34} {messages:>9} {seconds:>8.2f} {messages / seconds:>9.0f}  {remark}", flush=True)


print(f"{'':<34} {'messages':>9} {'s':>8} {'messages/s':>9}")
whole, sending, memory = verified("verifier", MESSAGES)
row("verifier redrive, whole process", MESSAGES, whole, f"peak memory {memory} KiB")
row("  from its first intent to its last", MESSAGES, sending)
row("boto3, one by one", MESSAGES_ONE_BY_ONE, one_by_one())
row("StartMessageMoveTask", MESSAGES, native())
if many:
    whole, sending, memory = verified("many", MESSAGES_MANY)
    row("verifier redrive, no latency", MESSAGES_MANY, whole, f"peak memory {memory} KiB")
