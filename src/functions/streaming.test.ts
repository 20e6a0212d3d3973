/** Responses that leave while the function still writes them, from real workers. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { NODE, openTestHost } from "./testing.ts";

const shared = openTestHost();
/** Without a sandbox, in which this Node need not be. */
const outside = openTestHost({ isolation: "process" });
after(() => Promise.all([shared.close(), outside.close()]));
const streaming = (body: string, more = {}) =>
  shared.fn(
    NODE,
    { "index.js": `exports.handler = awslambda.streamifyResponse(async (event, stream, context) => { ${body} });` },
    more,
  );

/** Runs a function and keeps what it streams; `onChunk` may say when more may come. */
async function run(
  spec: Awaited<ReturnType<typeof streaming>>,
  event: unknown = {},
  onChunk?: (text: string) => Promise<void> | undefined,
  from = shared,
) {
  const chunks: Buffer[] = [];
  const types: (string | undefined)[] = [];
  const result = await from.host.invoke(spec, {
    requestId: crypto.randomUUID(),
    payload: Buffer.from(JSON.stringify(event)),
    sink: {
      write(chunk, type) {
        chunks.push(chunk);
        types.push(type);
        return onChunk?.(chunk.toString());
      },
    },
  });
  return { ...result, chunks: chunks.map(String), types, bytes: chunks.reduce((sum, { length }) => sum + length, 0) };
}

test("pieces come while the function still runs, with the type it gave them", async () => {
  const spec = await streaming(
    "stream.setContentType('text/event-stream'); stream.write('one'); await new Promise(r => setTimeout(r, 20)); stream.write('two'); stream.end();",
  );
  const { chunks, types, payload, functionError } = await run(spec);
  assert.equal(functionError, undefined);
  assert.deepEqual(chunks, ["one", "two"]);
  assert.deepEqual(types, ["text/event-stream", "text/event-stream"]);
  assert.equal(payload.length, 0);
  assert.deepEqual((await run(spec)).chunks, ["one", "two"], "and again, warm");
  // Without a taker it is collected, as Invoke has it.
  const whole = await shared.host.invoke(spec, { requestId: "r", payload: Buffer.from("{}") });
  assert.equal(whole.payload.toString(), "onetwo");
});

test("HttpResponseStream puts status and headers before the body", async () => {
  const spec = await streaming(
    "const http = awslambda.HttpResponseStream.from(stream, { statusCode: 201, headers: { a: 'b' } }); http.write('body'); http.end();",
  );
  const { chunks, types } = await run(spec);
  assert.equal(chunks.join(""), `{"statusCode":201,"headers":{"a":"b"}}${"\0".repeat(8)}body`);
  assert.equal(types[0], "application/vnd.awslambda.http-integration-response");
});

test("an answer as a whole, an error before and after the first piece, an empty stream, a timeout", async () => {
  const plain = await shared.fn(NODE, { "index.js": "exports.handler = async () => 'whole'" });
  const whole = await run(plain);
  assert.deepEqual([whole.chunks, whole.payload.toString()], [[], '"whole"']);
  const fails = await streaming("if (event.late) stream.write('part'); throw new TypeError('bad');");
  for (const [event, chunks] of [
    [{}, []],
    [{ late: 1 }, ["part"]],
  ] as const) {
    const failed = await run(fails, event);
    assert.deepEqual(failed.chunks, chunks);
    assert.equal(failed.functionError, "Unhandled");
    assert.equal(JSON.parse(failed.payload.toString()).errorType, "TypeError");
  }
  const empty = await run(await streaming("stream.setContentType('text/plain'); stream.end();"));
  assert.deepEqual([empty.chunks, empty.types], [[""], ["text/plain"]]);
  const slow = await run(
    await streaming("stream.write('x'); await new Promise(() => setInterval(() => {}, 1e3));", { timeoutMs: 1000 }),
  );
  assert.deepEqual(slow.chunks, ["x"]);
  assert.equal(JSON.parse(slow.payload.toString()).errorType, "Sandbox.Timedout");
});

test("a taker that is not ready stops the function; past 200 MB it is ended", async () => {
  const spec = await streaming(
    "const piece = Buffer.alloc(1 << 20, 'x'); for (let i = 0; i < event.count; i++) stream.write(piece); stream.end();",
    { memoryMb: 512, timeoutMs: 60_000 },
  );
  let held = 0;
  const { bytes } = await run(spec, { count: 30 }, async () => {
    held++;
    await new Promise(setImmediate);
    held--;
    assert.ok(held < 20, "nothing came on while the taker was not ready");
  });
  assert.equal(bytes, 30 << 20);
  const large = await run(spec, { count: 210 });
  assert.ok(large.bytes <= 200 << 20);
  assert.deepEqual(JSON.parse(large.payload.toString()), {
    errorType: "Function.ResponseSizeTooLarge",
    errorMessage: "Response payload size exceeded maximum allowed payload size (209715200 bytes).",
  });
  assert.equal((await run(spec, { count: 1 })).bytes, 1 << 20);
});

test("a runtime of the function's own streams by the Runtime API, an error in its trailers", {
  skip: process.platform !== "linux",
}, async () => {
  const program = `
import http from "node:http";
const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const send = (method, path, headers, body) => new Promise((resolve) => { const request = http.request({ host, port, method, path: "/2018-06-01/runtime/invocation/" + path, headers }, async (response) => { let text = ""; for await (const part of response) text += part; resolve({ response, text }); }); body(request); });
for (;;) {
  const { response, text } = await send("GET", "next", {}, (request) => request.end());
  const id = response.headers["lambda-runtime-aws-request-id"];
  const headers = { "Lambda-Runtime-Function-Response-Mode": "streaming", "Content-Type": "text/plain", "Transfer-Encoding": "chunked", Trailer: "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body" };
  await send("POST", id + "/response", headers, async (request) => {
    request.write("a"); await new Promise((r) => setTimeout(r, 20)); request.write("b");
    if (text.includes("fail")) request.addTrailers({ "Lambda-Runtime-Function-Error-Type": "Mine", "Lambda-Runtime-Function-Error-Body": Buffer.from('{"errorType":"Mine"}').toString("base64") });
    request.end();
  });
}`;
  const bootstrap = `#!/bin/sh\nexec ${process.execPath} "$LAMBDA_TASK_ROOT/main.mjs"\n`;
  const spec = await outside.fn("provided.al2023", { bootstrap, "main.mjs": program }, { memoryMb: 1024 });
  const probe = await run(spec, {}, undefined, outside);
  assert.deepEqual(
    [probe.chunks, probe.types],
    [
      ["a", "b"],
      ["text/plain", "text/plain"],
    ],
    probe.payload.toString(),
  );
  const failed = await run(spec, "fail", undefined, outside);
  assert.deepEqual(
    [failed.chunks, failed.functionError, failed.payload.toString()],
    [["a", "b"], "Unhandled", '{"errorType":"Mine"}'],
  );
});
