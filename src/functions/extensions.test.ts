/** Extensions in layers: real programs that register, hear of each invocation and of the end. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { NODE, openTestHost } from "./testing.ts";

const shared = openTestHost();
after(() => shared.close());
const LINUX = { skip: process.platform !== "linux" && "extensions are programs for Linux" };
const HANDLER = { "index.js": "exports.handler = async (event) => { console.log('handler'); return event }" };

/** In sh with curl: registers, then says what it is told. */
const agent = (more = "") => `#!/bin/sh
api=http://$AWS_LAMBDA_RUNTIME_API/2020-01-01/extension
id=$(curl -sS -D - -o /tmp/registered -H "Lambda-Extension-Name: agent" -d '{"events":["INVOKE","SHUTDOWN"]}' "$api/register" | tr -d '\\r' | sed -n 's/^[Ll]ambda-[Ee]xtension-[Ii]dentifier: //p')
echo "agent registered $(cat /tmp/registered)"
${more}
while :; do
  event=$(curl -sS -H "Lambda-Extension-Identifier: $id" "$api/event/next")
  echo "agent saw $event"
  case "$event" in *SHUTDOWN*) exit 0 ;; esac
done
`;
const asExtension = async (source: string, files: Record<string, string> = HANDLER, more = {}) =>
  shared.fn(NODE, files, { layerDirectories: [await shared.unpack({ "extensions/agent": source })], ...more });

test("an extension registers, hears of every invocation, and of the end", LINUX, async () => {
  const spec = await asExtension(agent());
  const first = await shared.invoke(spec, { n: 1 });
  assert.deepEqual(first.json, { n: 1 }, first.logTail.toString());
  // The answer is given while the extension may still be at work; the worker is free once it has come back.
  await until(() => shared.host.workers().some(({ state }) => state === "frozen" || state === "ready"));
  assert.deepEqual((await shared.invoke(spec, { n: 2 })).json, { n: 2 });
  await until(() => said().filter((line) => line.startsWith("agent saw")).length === 2);
  const [registered, one, two] = said().filter((line) => line.startsWith("agent"));
  assert.deepEqual(JSON.parse(registered!.slice("agent registered ".length)), {
    functionName: spec.functionName,
    functionVersion: "$LATEST",
    handler: "index.handler",
  });
  const event = JSON.parse(one!.slice("agent saw ".length));
  assert.equal(event.eventType, "INVOKE");
  assert.equal(event.invokedFunctionArn, spec.invokedArn);
  assert.ok(event.deadlineMs > Date.now() - 60_000);
  assert.notEqual(JSON.parse(two!.slice("agent saw ".length)).requestId, event.requestId);
  shared.host.retire(spec.functionArn);
  await until(() => said().some((line) => line.includes('"eventType":"SHUTDOWN","shutdownReason":"spindown"')));
});

test("an initialisation waits for extensions, and fails with them", LINUX, async () => {
  const cases: [string, string][] = [
    [
      agent(
        'curl -sS -H "Lambda-Extension-Identifier: $id" -H "Lambda-Extension-Function-Error-Type: Agent.Broken" -d "{}" "$api/init/error"; sleep 60',
      ),
      "Agent.Broken",
    ],
    ["#!/bin/sh\nexit 3\n", "Runtime.ExitError"],
  ];
  for (const [source, errorType] of cases) {
    const { json, functionError } = await shared.invoke(await asExtension(source));
    assert.deepEqual([functionError, json.errorType], ["Unhandled", errorType]);
  }
});

test("an extension that does not come back is ended with its worker; the answer is given before", LINUX, async () => {
  const spec = await asExtension(
    agent().replace('echo "agent saw $event"', 'case "$event" in *INVOKE*) sleep 605 ;; esac'),
    HANDLER,
    { timeoutMs: 1000 },
  );
  assert.deepEqual((await shared.invoke(spec, { n: 1 })).json, { n: 1 });
  await until(() => shared.host.workers().every(({ functionArn }) => functionArn !== spec.functionArn));
  const again = await shared.invoke(spec, { n: 2 });
  assert.notEqual(again.initMs, undefined, "a new worker");
});

test("telemetry is refused by name, and so is what nobody registered", LINUX, async () => {
  const code = `exports.handler = async () => {
    const at = "http://" + process.env.AWS_LAMBDA_RUNTIME_API;
    const ask = async (path, method, headers, body) => { const answer = await fetch(at + path, { method, headers, body }); return [answer.status, (await answer.json()).errorType]; };
    return [
      await ask("/2022-07-01/telemetry", "PUT", {}, "{}"),
      await ask("/2020-08-15/logs", "PUT", {}, "{}"),
      await ask("/2020-01-01/extension/event/next", "GET", {}),
      await ask("/2020-01-01/extension/event/next", "GET", { "Lambda-Extension-Identifier": "x" }),
      await ask("/2020-01-01/extension/register", "POST", { "Lambda-Extension-Name": "inside" }, '{"events":["SHUTDOWN"]}'),
    ];
  };`;
  const spec = await asExtension(agent(), { "index.js": code });
  const { json, logTail } = await shared.invoke(spec);
  assert.deepEqual(
    json,
    [
      [501, "Telemetry.NotSupported"],
      [501, "Logs.NotSupported"],
      [403, "Extension.MissingExtensionIdentifier"],
      [403, "Extension.UnknownExtensionIdentifier"],
      [403, "ShutdownEventNotSupportedForInternalExtension"],
    ],
    logTail.toString(),
  );
});

const said = (): string[] => shared.lines.flatMap(({ message }) => message.trim());

async function until(found: () => boolean): Promise<void> {
  for (const end = performance.now() + 10_000; performance.now() < end; ) {
    if (found()) return;
    await new Promise(setImmediate);
  }
  throw new Error(`never came: ${found}\n${said().join("\n")}`);
}
