/** The runtimes besides Node, with real programs. A runtime that this machine lacks is skipped, and says so. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { CURL_BOOTSTRAP, openTestHost } from "../testing.ts";

const shared = openTestHost();
after(() => shared.close());

const PYTHON = ["python3.11", "python3.12", "python3.13", "python3.10", "python3.14", "python3.9"].find(
  (name) => shared.host.runtime(name).available,
);
const withPython = { skip: PYTHON === undefined && "no Python on this machine" };
const python = (body: string, more = {}) => shared.fn(PYTHON!, { "app.py": body }, more);

test("a Python handler: event, context, environment, several values", withPython, async () => {
  const spec = await python(
    "import os\ncalls = 0\ndef handler(event, context):\n  global calls\n  calls += 1\n  return {'event': event, 'calls': calls, 'name': context.function_name, 'left': context.get_remaining_time_in_millis(), 'arn': context.invoked_function_arn, 'mb': context.memory_limit_in_mb, 'env': dict(os.environ), 'file': __file__, 'text': 'é😀'}",
    { environment: { MINE: "it's\n«mine»" } },
  );
  const { json, functionError, logTail } = await shared.invoke(spec, { a: "é" });
  assert.equal(functionError, undefined, logTail.toString());
  assert.deepEqual(json.event, { a: "é" });
  assert.equal(json.text, "é😀");
  assert.equal(json.name, spec.functionName);
  assert.equal(json.arn, spec.invokedArn);
  assert.equal(json.mb, "128");
  assert.ok(json.left > 9000 && json.left <= 10_000);
  assert.equal(json.env.MINE, "it's\n«mine»");
  assert.equal(json.env.AWS_EXECUTION_ENV, `AWS_Lambda_${PYTHON}`);
  assert.equal(json.env.AWS_ACCESS_KEY_ID, "ASIAEXAMPLE");
  assert.equal(json.file, `${json.env.LAMBDA_TASK_ROOT}/app.py`);
  const warm = await shared.invoke(spec);
  assert.equal(warm.json.calls, 2);
  assert.equal(warm.initMs, undefined);
});

// https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html and python-logging.html show these forms.
test("what Python raises, prints and logs", withPython, async () => {
  const spec = await python(
    "import logging, sys\nlogging.getLogger().setLevel('INFO')\ndef handler(event, context):\n  print('printed', event)\n  logging.info('logged %s', 1)\n  sys.stderr.write('to stderr\\n')\n  if event.get('exit'): sys.exit(4)\n  if event.get('set'): return {1, 2}\n  raise ValueError('bad')\n",
  );
  const { json, functionError, logTail } = await shared.invoke(spec);
  assert.equal(functionError, "Unhandled");
  assert.equal(json.errorType, "ValueError");
  assert.equal(json.errorMessage, "bad");
  assert.equal(json.stackTrace.length, 1);
  assert.match(json.stackTrace[0], /^ {2}File ".*app\.py", line 9, in handler\n {4}raise ValueError\('bad'\)\n$/);
  const lines = logTail.toString().split("\n");
  assert.equal(lines[1], "printed {}");
  assert.match(lines[2]!, /^\[INFO\]\t\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\t[0-9a-f-]{36}\tlogged 1$/);
  assert.equal(lines[3], "to stderr");
  assert.deepEqual(lines.slice(4, 6), ["[ERROR] ValueError: bad", "Traceback (most recent call last):"]);
  const unmarshallable = await shared.invoke(spec, { set: 1 });
  assert.equal(unmarshallable.json.errorType, "Runtime.MarshalError");
  assert.match(
    unmarshallable.json.errorMessage,
    /^Unable to marshal response: Object of type set is not JSON serializable$/,
  );
  assert.match((await shared.invoke(spec, { exit: 1 })).json.errorMessage, /Runtime exited with error: exit status 4$/);
});

test("a Python function that cannot be loaded", withPython, async () => {
  const cases: [string, string, string, RegExp][] = [
    [
      "import nothing_here",
      "app.handler",
      "Runtime.ImportModuleError",
      /^Unable to import module 'app': No module named 'nothing_here'$/,
    ],
    ["", "app.handler", "Runtime.HandlerNotFound", /^Handler 'handler' missing on module 'app'$/],
    ["def handler(:", "app.handler", "Runtime.UserCodeSyntaxError", /^Syntax error in module 'app': /],
    [
      "",
      "app",
      "Runtime.MalformedHandlerName",
      /^Bad handler 'app': not enough values to unpack \(expected 2, got 1\)$/,
    ],
    ["1 / 0", "app.handler", "ZeroDivisionError", /^division by zero$/],
  ];
  for (const [body, handler, errorType, message] of cases) {
    const { json } = await shared.invoke(await python(body, { handler }));
    assert.equal(json.errorType, errorType);
    assert.match(json.errorMessage, message);
  }
});

test("Python's JSON logs", withPython, async () => {
  const spec = await python(
    "import logging\ndef handler(event, context):\n  logging.debug('no')\n  logging.warning('w', extra={'order': 7})\n  try: 1 / 0\n  except Exception: logging.exception('oh')\n",
    { logFormat: "JSON", applicationLogLevel: "INFO" },
  );
  const { logTail } = await shared.invoke(spec);
  const entries = logTail
    .toString()
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    entries.map(({ type, level, message }) => type ?? `${level} ${message}`),
    ["platform.start", "WARNING w", "ERROR oh", "platform.report"],
  );
  assert.equal(entries[1].order, 7);
  assert.equal(entries[1].requestId, entries[0].record.requestId);
  assert.equal(entries[2].errorType, "ZeroDivisionError");
});

test("boto3 is there where the machine's interpreter has it", async (t) => {
  const name = ["python3.11", "python3.12", "python3.13"].find((runtime) => {
    const found = shared.host.runtime(runtime);
    return found.available && /boto3 \d/.test(found.how);
  });
  if (name === undefined) return t.skip("no Python with boto3 on this machine");
  const spec = await shared.fn(
    name,
    {
      "app.py": "import boto3\ndef handler(event, context):\n  return boto3.client('sqs').meta.endpoint_url",
    },
    { environment: { AWS_ENDPOINT_URL: "http://127.0.0.1:4566" }, memoryMb: 256 },
  );
  assert.equal((await shared.invoke(spec)).json, "http://127.0.0.1:4566");
});

test("the AWS SDK is there for Node functions, by import and by require, after what they bring", async () => {
  const both = await shared.fn("nodejs24.x", {
    "index.mjs":
      "import { S3Client } from '@aws-sdk/client-s3'; import { createRequire } from 'node:module'; const { DynamoDBDocumentClient } = createRequire(import.meta.url)('@aws-sdk/lib-dynamodb'); export const handler = async () => [typeof S3Client, typeof DynamoDBDocumentClient];",
  });
  const result = await shared.invoke(both);
  assert.deepEqual(result.json, ["function", "function"], result.logTail.toString());
  const own = await shared.fn("nodejs24.x", {
    "index.js": "exports.handler = async () => require('@aws-sdk/client-s3')",
    "node_modules/@aws-sdk/client-s3/index.js": "module.exports = 'its own'",
  });
  assert.equal((await shared.invoke(own)).json, "its own");
  const layer = await shared.unpack({
    "nodejs/node_modules/@aws-sdk/client-s3/index.js": "module.exports = 'a layer\\'s'",
  });
  const layered = await shared.fn(
    "nodejs24.x",
    {
      "index.js": "exports.handler = async () => require('@aws-sdk/client-s3')",
    },
    { layerDirectories: [layer] },
  );
  assert.equal((await shared.invoke(layered)).json, "a layer's");
});

const LINUX = { skip: process.platform !== "linux" && "programs for Amazon Linux run on Linux" };

test("provided.*: the package's own bootstrap speaks the Runtime API", LINUX, async () => {
  const spec = await shared.fn("provided.al2023", { bootstrap: CURL_BOOTSTRAP }, { handler: "my.handler" });
  const { json, functionError, logTail } = await shared.invoke(spec, { a: 1 });
  assert.equal(functionError, undefined, logTail.toString());
  assert.deepEqual(json.given, { a: 1 });
  assert.equal(json.handler, "my.handler");
  assert.match(logTail.toString(), /\nevent \{"a":1\}\n/);
  const failed = await shared.invoke(spec, { fail: 1 });
  assert.equal(failed.functionError, "Unhandled");
  assert.deepEqual(failed.json, { errorType: "Mine", errorMessage: "no" });
});

test("provided.*: a bootstrap in a layer, none at all, one that may not be run, one that ends", LINUX, async () => {
  const layer = await shared.unpack({ bootstrap: CURL_BOOTSTRAP });
  const layered = await shared.fn("provided.al2023", { "data.txt": "" }, { layerDirectories: [layer] });
  assert.deepEqual((await shared.invoke(layered, [1])).json.given, [1]);
  const none = await shared.invoke(await shared.fn("provided.al2023", { "data.txt": "" }));
  assert.equal(none.json.errorType, "Runtime.InvalidEntrypoint");
  assert.match(
    none.json.errorMessage,
    /Couldn't find valid bootstrap\(s\): \[\/var\/task\/bootstrap \/opt\/bootstrap\]$/,
  );
  const ends = await shared.invoke(await shared.fn("provided.al2023", { bootstrap: "#!/bin/sh\necho bye\nexit 6\n" }));
  assert.match(ends.json.errorMessage, /Runtime exited with error: exit status 6$/);
});

test("provided.*: an error of the initialisation, reported as AWS documents it", LINUX, async () => {
  const bootstrap = `#!/bin/sh
curl -sS -d '{"errorType":"Mine.Init","errorMessage":"no"}' "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/init/error" > /dev/null
exit 1
`;
  const { json } = await shared.invoke(await shared.fn("provided.al2023", { bootstrap }));
  assert.deepEqual(json, { errorType: "Mine.Init", errorMessage: "no" });
});
