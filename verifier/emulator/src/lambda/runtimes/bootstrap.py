"""What stands between Lambda's Runtime API and a handler in Python. It does as AWS's own runtime does: how a handler is
found, what it is given, what its errors look like, and how its lines are logged. Where AWS's own client is installed, it
is that which runs.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/python-handler.html, python-context.html, python-exceptions.html and
python-logging.html beside it; https://github.com/aws/aws-lambda-python-runtime-interface-client.
"""

import decimal
import http.client
import importlib
import importlib.util
import json
import logging
import os
import sys
import time
import traceback

API = os.environ["AWS_LAMBDA_RUNTIME_API"]
IN_JSON = os.environ.get("AWS_LAMBDA_LOG_FORMAT") == "JSON"
ROOT = os.environ["LAMBDA_TASK_ROOT"]
TIME = "%Y-%m-%dT%H:%M:%S"
# From this version on, answers hold what is not ASCII as it is.
UNICODE_FROM = 12
# The invocation in hand.
current_request_id = None


class Fault(Exception):
    """An error with one of Lambda's own names."""

    def __init__(self, name, message, trace=()):
        super().__init__(message)
        self.name = f"Runtime.{name}"
        self.trace = list(trace)


class Client:
    """One connection to the Runtime API."""

    def __init__(self):
        self.connection = http.client.HTTPConnection(API)

    def call(self, method, where, body=None, headers=None):
        self.connection.request(method, f"/2018-06-01/runtime/{where}", body, headers or {})
        response = self.connection.getresponse()
        return response.headers, response.read()

    def report(self, where, error):
        headers = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Function-Error-Type": error["errorType"].encode("ascii", "replace").decode(),
        }
        self.call("POST", where, to_json(error).encode(), headers)


class Identity:
    """Who signed in to the mobile app that invokes."""

    __slots__ = ("cognito_identity_id", "cognito_identity_pool_id")

    def __init__(self, given):
        self.cognito_identity_id = given.get("cognitoIdentityId")
        self.cognito_identity_pool_id = given.get("cognitoIdentityPoolId")


class Context:
    """What a handler learns of its invocation, its function and its environment."""

    def __init__(self, headers):
        self.aws_request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        self.log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
        self.memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.invoked_function_arn = headers["Lambda-Runtime-Invoked-Function-Arn"]
        self.tenant_id = headers.get("Lambda-Runtime-Aws-Tenant-Id")
        self.client_context = json.loads(headers.get("Lambda-Runtime-Client-Context") or "null")
        self.identity = Identity(json.loads(headers.get("Lambda-Runtime-Cognito-Identity") or "{}"))
        self._deadline = int(headers["Lambda-Runtime-Deadline-Ms"])

    def get_remaining_time_in_millis(self):
        return max(0, self._deadline - int(time.time() * 1000))

    def log(self, message):
        sys.stdout.write(str(message))


class Encoder(json.JSONEncoder):
    """Numbers of DynamoDB are decimals, which the standard library does not write."""

    def default(self, o):
        if isinstance(o, decimal.Decimal):
            return int(o) if o.is_finite() and o == o.to_integral_value() else float(o)
        return super().default(o)


def has_unicode():
    version = os.environ.get("AWS_EXECUTION_ENV", "").rpartition("python3.")[2]
    return version.isdigit() and int(version) >= UNICODE_FROM


def to_json(value):
    return json.dumps(value, cls=Encoder, ensure_ascii=not has_unicode())


def error_of(message, name, trace, request_id=None):
    return {"errorMessage": message, "errorType": name, "requestId": request_id or "", "stackTrace": trace}


def error_in_hand(request_id=None):
    """The exception that was just caught, without the frames of this file that lead to it."""
    kind, value, trace = sys.exc_info()
    if isinstance(value, Fault):
        return error_of(str(value), value.name, value.trace, request_id)
    frames = [(frame.filename, frame.lineno, frame.name, frame.line) for frame in traceback.extract_tb(trace)]
    own = next((at for at, frame in enumerate(frames) if frame[0] != __file__), 0)
    return error_of(str(value), kind.__name__, traceback.format_list(frames[own:]), request_id)


def log_error(error):
    if IN_JSON:
        head = {"timestamp": time.strftime(f"{TIME}Z", time.gmtime()), "level": "ERROR"}
        sys.stdout.write(to_json({**head, **error}) + "\n")
        return
    lines = ["[ERROR] " + ": ".join(part for part in (error["errorType"], error["errorMessage"]) if part)]
    lines.append("Traceback (most recent call last):")
    for frame in error["stackTrace"]:
        for line in frame.splitlines():
            text = line.lstrip(" ")
            lines.append("\u00a0" * (len(line) - len(text)) + text)
    # One line is one event, and what it breaks at is kept in it.
    sys.stdout.write("\r".join(lines) + "\n")


class JsonLines(logging.Formatter):
    """A record as a line of JSON, with what the caller has put into it."""

    OWN = set(vars(logging.makeLogRecord({}))) | {"aws_request_id", "message", "asctime"}

    def format(self, record):
        has_error = record.exc_info and record.exc_info[0]
        is_whole = isinstance(record.msg, dict) and not record.args
        fields = {
            "timestamp": time.strftime(f"{TIME}Z", time.gmtime(record.created)),
            "level": record.levelname,
            "message": record.msg if is_whole else record.getMessage(),
            "logger": record.name,
            "stackTrace": traceback.format_tb(record.exc_info[2]) if has_error else None,
            "errorType": record.exc_info[0].__name__ if has_error else None,
            "errorMessage": str(record.exc_info[1]) if has_error else None,
            "requestId": record.aws_request_id,
            "location": f"{record.pathname}:{record.funcName}:{record.lineno}" if has_error else None,
        }
        fields.update((name, value) for name, value in vars(record).items() if name not in self.OWN)
        present = {name: value for name, value in fields.items() if value is not None}
        return json.dumps(present, ensure_ascii=False, default=str)


class Lines(logging.Handler):
    def emit(self, record):
        record.aws_request_id = current_request_id or ""
        sys.stdout.write(self.format(record) + "\n")


def set_up_logging():
    logging.Formatter.converter = time.gmtime
    handler = Lines()
    text = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s"
    handler.setFormatter(JsonLines() if IN_JSON else logging.Formatter(text, TIME))
    logger = logging.getLogger()
    logger.addHandler(handler)
    level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "").upper().replace("TRACE", "DEBUG")
    if isinstance(logging.getLevelName(level), int):
        logger.setLevel(level)


def load(handler):
    module, point, name = handler.rpartition(".")
    if not point:
        raise Fault("MalformedHandlerName", f"Bad handler '{handler}': not enough values to unpack (expected 2, got 1)")
    if module.split(".")[0] in sys.builtin_module_names:
        raise Fault("BuiltInModuleConflict", f"Cannot use built-in module {module} as a handler module")
    try:
        found = importlib.import_module(module.replace("/", "."))
    except ImportError as error:
        raise Fault("ImportModuleError", f"Unable to import module '{module}': {error}") from error
    except SyntaxError as error:
        trace = [f'  File "{error.filename}" Line {error.lineno}\n    {error.text}']
        raise Fault("UserCodeSyntaxError", f"Syntax error in module '{module}': {error}", trace) from error
    if not hasattr(found, name):
        raise Fault("HandlerNotFound", f"Handler '{name}' missing on module '{module}'")
    return getattr(found, name)


def answer(handler, headers, body):
    try:
        event = json.loads(body)
    except ValueError as error:
        raise Fault("UnmarshalError", f"Unable to unmarshal input: {error}") from error
    value = handler(event, Context(headers))
    if isinstance(value, bytes):
        return value, "application/unknown"
    try:
        return to_json(value).encode(), "application/json"
    except Exception as error:
        raise Fault("MarshalError", f"Unable to marshal response: {error}") from error


def serve(client, handler):
    global current_request_id
    while True:
        headers, body = client.call("GET", "invocation/next")
        current_request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        os.environ["_X_AMZN_TRACE_ID"] = headers.get("Lambda-Runtime-Trace-Id", "")
        try:
            value, kind = answer(handler, headers, body)
        except Exception:
            error = error_in_hand(current_request_id)
            log_error(error)
            client.report(f"invocation/{current_request_id}/error", error)
        else:
            client.call("POST", f"invocation/{current_request_id}/response", value, {"Content-Type": kind})


def main():
    # The function's folder, and not this file's, is where its modules are.
    sys.path[0] = ROOT
    handler = os.environ["_HANDLER"]
    if importlib.util.find_spec("awslambdaric"):
        from awslambdaric import __main__ as aws

        sys.argv = ["awslambdaric", handler]
        aws.main(sys.argv)
        return
    sys.argv = [handler]
    set_up_logging()
    client = Client()
    try:
        found = load(handler)
    except Exception:
        error = error_in_hand()
        log_error(error)
        client.report("init/error", error)
        sys.exit(1)
    serve(client, found)


if __name__ == "__main__":
    main()
