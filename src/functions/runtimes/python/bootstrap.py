"""
The Python runtime inside a worker: takes the function from the host, loads its handler, and runs one event after another.

It speaks frames over two inherited descriptors (channel.ts has the other end and the format): 3 brings `start` and `invoke`, 4 takes `log`, `waiting`,
`ready`, `response`, `error` and `init-error`. Runs on every Python from 3.8 on, and imports little, because each import is cold start.

https://docs.aws.amazon.com/lambda/latest/dg/python-handler.html
https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
"""

import json
import logging
import os
import sys
import time
import traceback

IN = 3
OUT = 4
LEVELS = {"TRACE": "DEBUG", "DEBUG": "DEBUG", "INFO": "INFO", "WARN": "WARNING", "ERROR": "ERROR", "FATAL": "CRITICAL"}
# What a log record has by itself; anything else was given as `extra`.
RECORD_FIELDS = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {"aws_request_id", "message", "asctime", "taskName"}

request_id = ""
json_log = False


class RuntimeFault(Exception):
    """What the runtime itself finds wrong with the function."""

    def __init__(self, error_type, message, trace=None):
        super().__init__(message)
        self.error_type = "Runtime." + error_type
        self.message = message
        self.trace = trace


def send(header, body=b""):
    head = json.dumps(header).encode()
    frame = memoryview(len(head).to_bytes(4, "big") + len(body).to_bytes(4, "big") + head + body)
    while frame:
        try:
            frame = frame[os.write(OUT, frame) :]
        except BrokenPipeError:
            os._exit(1)


def read(length):
    parts = []
    while length > 0:
        part = os.read(IN, min(length, 1 << 20))
        if not part:
            os._exit(0)
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def receive():
    lengths = read(8)
    head = read(int.from_bytes(lengths[:4], "big"))
    body = read(int.from_bytes(lengths[4:], "big"))
    return json.loads(head), body


# --- log ---------------------------------------------------------------------------------------------------------------------------------


def log(text):
    # Whatever was printed before comes first.
    flush()
    send({"kind": "log", "timestampMs": time.time_ns() // 1000000}, text.encode("utf-8", "surrogateescape"))


def flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass


class Printed:
    """sys.stdout and sys.stderr: each line becomes a log entry, as on AWS, and keeps its place among the logging module's entries."""

    def __init__(self, stream):
        self._stream = stream
        self._text = ""

    def write(self, text):
        *lines, self._text = (self._text + text).split("\n")
        for line in lines:
            self._entry(line)
        return len(text)

    def writelines(self, lines):
        for line in lines:
            self.write(line)

    def flush(self):
        text, self._text = self._text, ""
        if text:
            self._entry(text)

    def _entry(self, line):
        send({"kind": "log", "timestampMs": time.time_ns() // 1000000}, line.encode("utf-8", "surrogateescape"))

    def __getattr__(self, name):
        return getattr(self._stream, name)


class Handler(logging.Handler):
    def emit(self, record):
        record.aws_request_id = request_id
        log(self.format(record))


class JsonFormatter(logging.Formatter):
    def format(self, record):
        error = record.exc_info if record.exc_info and record.exc_info[0] else None
        line = {
            "timestamp": timestamp(record.created),
            "level": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
            "stackTrace": traceback.format_tb(error[2]) if error else None,
            "errorType": error[0].__name__ if error else None,
            "errorMessage": str(error[1]) if error else None,
            "requestId": record.aws_request_id,
            "location": "%s:%s:%s" % (record.pathname, record.funcName, record.lineno) if error else None,
        }
        for name, value in vars(record).items():
            if name not in RECORD_FIELDS and name not in line:
                line[name] = value
        return json.dumps({name: value for name, value in line.items() if value is not None}, ensure_ascii=False, default=str) + "\n"


def timestamp(seconds):
    milliseconds = int(seconds * 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(milliseconds // 1000)) + ".%03dZ" % (milliseconds % 1000)


def set_up_logging(level):
    logging.Formatter.converter = time.gmtime
    handler = Handler()
    handler.setFormatter(
        JsonFormatter()
        if json_log
        else logging.Formatter("[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n", "%Y-%m-%dT%H:%M:%S")
    )
    root = logging.getLogger()
    if json_log and level:
        root.setLevel(LEVELS.get(level, "INFO"))
    root.addHandler(handler)


def log_error(error):
    if json_log:
        return log(json.dumps({"timestamp": timestamp(time.time()), "level": "ERROR", **error}, ensure_ascii=False) + "\n")
    lines = ["[ERROR] %s: %s" % (error["errorType"], error["errorMessage"])]
    lines.append("Traceback (most recent call last):")
    for element in error["stackTrace"]:
        for line in element.splitlines() or [""]:
            text = line.lstrip(" ")
            # CloudWatch trims ordinary spaces at the start of a line; AWS indents with no-break spaces.
            lines.append("\u00a0" * (len(line) - len(text)) + text)
    log("\n".join(lines))


# --- errors as the invoker sees them -------------------------------------------------------------------------------------------------------


def described(error, invoked=None):
    result = {"errorMessage": "", "errorType": "", "requestId": invoked or "", "stackTrace": []}
    if isinstance(error, RuntimeFault):
        result.update(errorMessage=error.message, errorType=error.error_type, stackTrace=error.trace or [])
        return result
    frames = traceback.extract_tb(error.__traceback__)
    own = 0
    while own < len(frames) and frames[own].filename in (__file__, "<frozen importlib._bootstrap>", "<frozen importlib._bootstrap_external>"):
        own += 1
    try:
        message = str(error)
    except Exception:
        message = ""
    result.update(
        errorMessage=message,
        errorType=type(error).__name__,
        stackTrace=traceback.format_list([(f.filename, f.lineno, f.name, f.line) for f in frames[own:]]),
    )
    return result


# --- finding the handler -------------------------------------------------------------------------------------------------------------------


def find_handler(text):
    try:
        module_name, member = text.rsplit(".", 1)
    except ValueError as error:
        raise RuntimeFault("MalformedHandlerName", "Bad handler '%s': %s" % (text, error))
    if module_name.split(".")[0] in sys.builtin_module_names:
        raise RuntimeFault("BuiltInModuleConflict", "Cannot use built-in module %s as a handler module" % module_name)
    import importlib

    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise RuntimeFault("ImportModuleError", "Unable to import module '%s': %s" % (module_name, error))
    except SyntaxError as error:
        where = '  File "%s" Line %s\n    %s' % (error.filename, error.lineno, error.text)
        raise RuntimeFault("UserCodeSyntaxError", "Syntax error in module '%s': %s" % (module_name, error), [where])
    try:
        return getattr(module, member)
    except AttributeError:
        raise RuntimeFault("HandlerNotFound", "Handler '%s' missing on module '%s'" % (member, module_name))


# --- one invocation ------------------------------------------------------------------------------------------------------------------------


class Members:
    """Named members, printed as AWS's own context objects are."""

    def __init__(self, kind, **members):
        self.__kind = kind
        self.__dict__.update(members)

    def __repr__(self):
        members = (item for item in vars(self).items() if not item[0].startswith("_"))
        return "%s([%s])" % (self.__kind, ",".join("%s=%s" % item for item in members))


class Context:
    def __init__(self, header):
        self._deadline_ms = time.time() * 1000 + header["remainingMs"]
        self.aws_request_id = header["requestId"]
        self.log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
        self.memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.invoked_function_arn = header["invokedArn"]
        self.client_context = client_context(header.get("clientContext"))
        self.identity = Members("CognitoIdentity", cognito_identity_id=None, cognito_identity_pool_id=None)

    def get_remaining_time_in_millis(self):
        return max(0, int(self._deadline_ms - time.time() * 1000))

    def log(self, message):
        log(str(message))

    def __repr__(self):
        members = (item for item in vars(self).items() if not item[0].startswith("_"))
        return "LambdaContext([%s])" % ",".join("%s=%s" % item for item in members)


def client_context(text):
    if text is None:
        return None
    try:
        given = json.loads(text)
    except ValueError as error:
        raise RuntimeFault("LambdaContextUnmarshalError", "Unable to parse Client Context JSON: %s" % error)
    client = given.get("client") or {}
    names = ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")
    return Members(
        "ClientContext",
        custom=given.get("custom"),
        env=given.get("env"),
        client=Members("Client", **{name: client.get(name) for name in names}),
    )


def as_json_value(value):
    import decimal

    if isinstance(value, decimal.Decimal):
        number = float(value)
        return int(value) if value == value.to_integral_value() and abs(number) < 1 << 53 else number
    raise TypeError("Object of type %s is not JSON serializable" % type(value).__name__)


def invoke(handler, header, body):
    try:
        context = Context(header)
        try:
            event = json.loads(body)
        except ValueError as error:
            raise RuntimeFault("UnmarshalError", "Unable to unmarshal input: %s" % error)
        value = handler(event, context)
        try:
            text = json.dumps(value, ensure_ascii=False, default=as_json_value)
        except Exception as error:
            raise RuntimeFault("MarshalError", "Unable to marshal response: %s" % error)
        kind = "response"
    except Exception as error:
        result = described(error, request_id)
        log_error(result)
        kind, text = "error", json.dumps(result)
    flush()
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    send(
        {"kind": kind, "requestId": request_id, "memoryKb": used // 1024 if sys.platform == "darwin" else used},
        text.encode("utf-8", "surrogateescape"),
    )


def main():
    global request_id, json_log
    send({"kind": "waiting"})
    header, _ = receive()
    if not header["inherits"]:
        os.environ.clear()
        os.environ.update(header["environment"])
    if hasattr(time, "tzset"):
        time.tzset()
    json_log = os.environ.get("AWS_LAMBDA_LOG_FORMAT") == "JSON"
    os.chdir(header["taskRoot"])
    # The function's folder stands where the script's own stood; layers and PYTHONPATH follow.
    sys.path[0:1] = [header["taskRoot"], *header["path"]]
    sys.stdout = Printed(sys.stdout)
    sys.stderr = Printed(sys.stderr)
    set_up_logging(os.environ.get("AWS_LAMBDA_LOG_LEVEL"))
    try:
        handler = find_handler(header["handler"])
    except Exception as error:
        result = described(error)
        log_error(result)
        flush()
        send({"kind": "init-error"}, json.dumps(result).encode())
        while True:
            receive()
    flush()
    send({"kind": "ready"})
    while True:
        header, body = receive()
        request_id = header["requestId"]
        if header.get("traceId") is None:
            os.environ.pop("_X_AMZN_TRACE_ID", None)
        else:
            os.environ["_X_AMZN_TRACE_ID"] = header["traceId"]
        invoke(handler, header, body)


try:
    main()
finally:
    flush()
