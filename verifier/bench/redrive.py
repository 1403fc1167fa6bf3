"""Times a redrive beside what people write instead, against an endpoint whose every answer takes 20 ms, and says how much
memory the commands take that look at many large messages.

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
from concurrent.futures import ThreadPoolExecutor

import boto3

LATENCY_MILLISECONDS = 20
MESSAGES = 10_000
MESSAGES_ONE_BY_ONE = 300
MESSAGES_MANY = 1_000_000
MESSAGES_FIFO = 3_000
LARGE_BYTES = 245 * 1024
LARGE_MESSAGES, LARGE_MESSAGES_MANY = 2_000, 50_000

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


def redriven(dead, *options):
    """Runs a redrive; says how long the process took, how long its sending, and its peak of memory in KiB."""
    with tempfile.TemporaryDirectory() as folder:
        journal = os.path.join(folder, "journal.jsonl")
        command = [verifier, "redrive", "--dlq", dead, "--yes", "--journal", journal, "--format", "json", *options]
        began = time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        printed = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        whole = time.monotonic() - began
        assert status == 0, printed
        with open(journal, encoding="utf-8") as lines:
            times = [json.loads(line)["at"] for line in lines if '"event":"intent"' in line]
    sending = (times[-1] - times[0]) / 1000 + 2 * LATENCY_MILLISECONDS / 1000
    return whole, sending, usage.ru_maxrss


def verified(name, messages):
    dead, source, _ = queues(name)
    fill(dead, messages)
    if messages == MESSAGES:
        slow()
    result = redriven(f"{name}-dead", "--no-canary", "--concurrency", "60")
    faults([])
    assert count(source) == messages and count(dead) == 0
    return result


def over_a_worker():
    """The stack's own queues, whose worker does every job: by the ramp, each step of which is read from the log."""
    dead, source = (sqs.get_queue_url(QueueName=os.environ[name])["QueueUrl"] for name in ("JobsDeadLetterQueueName", "JobsQueueName"))
    for start in range(0, MESSAGES, 10):
        jobs = [{"task": "bench", "jobId": f"bench-{start + number}"} for number in range(10)]
        entries = [{"Id": str(number), "MessageBody": json.dumps(job)} for number, job in enumerate(jobs)]
        assert not sqs.send_message_batch(QueueUrl=dead, Entries=entries).get("Failed")
    slow()
    options = ["--to", source.rsplit("/", 1)[1], "--log-group", f"/aws/lambda/{os.environ['STACK']}-WorkerFunction"]
    result = redriven(dead.rsplit("/", 1)[1], *options)
    faults([])
    assert count(dead) == 0
    return result


def of_one_group():
    names = ["fifo-dead.fifo", "fifo-source.fifo"]
    dead, source = (queue(name, FifoQueue="true", ContentBasedDeduplication="true") for name in names)
    for start in range(0, MESSAGES_FIFO, 10):
        entries = [{"Id": str(number), "MessageBody": f"m-{start + number}", "MessageGroupId": "g"} for number in range(10)]
        assert not sqs.send_message_batch(QueueUrl=dead, Entries=entries).get("Failed")
    result = redriven(names[0], "--to", names[1], "--no-canary")
    assert count(source) == MESSAGES_FIFO and count(dead) == 0
    return result


def by_threads():
    """What sqsmover does: ten senders, each with batches of ten, that write nothing down."""
    dead, source, _ = queues("threads")
    fill(dead, MESSAGES)
    slow()

    def move():
        own = boto3.client("sqs")
        while True:
            received = own.receive_message(QueueUrl=dead, MaxNumberOfMessages=10).get("Messages")
            if not received:
                return
            entries = [{"Id": str(number), "MessageBody": each["Body"]} for number, each in enumerate(received)]
            assert not own.send_message_batch(QueueUrl=source, Entries=entries).get("Failed")
            handles = [{"Id": str(number), "ReceiptHandle": each["ReceiptHandle"]} for number, each in enumerate(received)]
            assert not own.delete_message_batch(QueueUrl=dead, Entries=handles).get("Failed")

    began = time.monotonic()
    with ThreadPoolExecutor(10) as threads:
        for moved in [threads.submit(move) for _ in range(10)]:
            moved.result()
    took = time.monotonic() - began
    faults([])
    assert count(source) == MESSAGES
    return took


def large(name, messages, *arguments):
    """The peak of memory, in KiB, of a command that looks at so many large messages; None where it does not apply."""
    generator = os.path.join(os.path.dirname(__file__), "generated_queue.py")
    command = [sys.executable, generator, str(messages), str(LARGE_BYTES)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as queue_process:
        try:
            port = queue_process.stdout.readline().strip()
            environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "VERIFIER_"))}
            environment |= {
                "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
                "AWS_ACCESS_KEY_ID": "generated", "AWS_SECRET_ACCESS_KEY": "generated",
            }
            began = time.monotonic()
            process = subprocess.Popen([verifier, *arguments], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            said = process.stderr.read()
            _, status, usage = os.wait4(process.pid, 0)
            assert status == 0, said
            row(f"verifier {name}, 245 KiB each", messages, time.monotonic() - began, f"peak memory {usage.ru_maxrss} KiB")
        finally:
            queue_process.terminate()


def large_ones(messages):
    with tempfile.TemporaryDirectory() as folder:
        exported = os.path.join(folder, "exported.jsonl")
        large("dlq list", messages, "dlq", "list", "--dlq", "dead")
        large("dlq export", messages, "dlq", "export", exported, "--dlq", "dead")
        large("dlq import", messages, "dlq", "import", exported, "--dlq", "dead", "--to", "source")
        os.remove(exported)
        large("dlq purge", messages, "dlq", "purge", "--yes", "--backup", exported, "--dlq", "dead")
        os.remove(exported)
        journal = os.path.join(folder, "journal.jsonl")
        large("redrive", messages, "redrive", "--dlq", "dead", "--to", "source", "--no-canary", "--yes", "--journal", journal)


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
whole, sending, memory = over_a_worker()
row("verifier redrive, ramp and worker", MESSAGES, whole, f"peak memory {memory} KiB")
row("boto3, one by one", MESSAGES_ONE_BY_ONE, one_by_one())
row("boto3, ten threads, as sqsmover", MESSAGES, by_threads())
row("StartMessageMoveTask", MESSAGES, native())
whole, sending, memory = of_one_group()
row("verifier redrive, one FIFO group", MESSAGES_FIFO, whole, "no latency")
large_ones(LARGE_MESSAGES_MANY if many else LARGE_MESSAGES)
if many:
    whole, sending, memory = verified("many", MESSAGES_MANY)
    row("verifier redrive, no latency", MESSAGES_MANY, whole, f"peak memory {memory} KiB")
