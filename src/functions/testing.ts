/** For tests of this room: a host with real processes on a folder of its own, and functions made from source text. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SystemClock } from "../kernel/clock.ts";
import { createLog } from "../kernel/log.ts";
import { SystemRandom } from "../kernel/random.ts";
import { createFunctionHost, type FunctionHostSettings } from "./create.ts";
import type { FunctionHost, FunctionSpec, InvocationResult, LogLine } from "./host.ts";
import { createPackages } from "./packages.ts";

export interface TestHost {
  readonly host: FunctionHost;
  readonly directory: string;
  /** Every line that went to the sink. */
  readonly lines: { readonly stream: string; readonly message: string }[];
  /** What the host itself logged. */
  readonly logged: string[];
  fn(
    runtime: string,
    files: Readonly<Record<string, string | Uint8Array>>,
    more?: Partial<FunctionSpec>,
  ): Promise<FunctionSpec>;
  unpack(files: Readonly<Record<string, string | Uint8Array>>): Promise<string>;
  invoke(spec: FunctionSpec, event?: unknown): Promise<InvocationResult & { readonly json: any }>;
  close(): Promise<void>;
}

const HANDLERS = { nodejs: "index.handler", python: "app.handler", ruby: "app.handler" };

export function openTestHost(settings: FunctionHostSettings = {}): TestHost {
  const directory = mkdtempSync(join(tmpdir(), "virga-functions-"));
  const random = new SystemRandom();
  const packages = createPackages(join(directory, "packages"));
  const lines: { stream: string; message: string }[] = [];
  const logged: string[] = [];
  const host = createFunctionHost({
    clock: new SystemClock(),
    random,
    log: createLog((level, message) => logged.push(`${level} ${message}`), "debug"),
    sink: (_spec, stream, written: readonly LogLine[]) => {
      for (const { message } of written) lines.push({ stream, message });
    },
    directory,
    settings: { sparesPerRuntime: 0, searchPath: process.env["PATH"] ?? "", ...settings },
  });
  const unpack = async (files: Readonly<Record<string, string | Uint8Array>>) => {
    const zipFile = join(directory, `${random.uuid()}.zip`);
    writeFileSync(zipFile, await packages.zip(files));
    return (await packages.unpack(zipFile)).directory;
  };
  return {
    host,
    directory,
    lines,
    logged,
    unpack,
    async fn(runtime, files, more = {}) {
      const functionName = more.functionName ?? `f-${random.uuid().slice(0, 8)}`;
      const functionArn = `arn:aws:lambda:us-east-1:000000000000:function:${functionName}`;
      return {
        key: random.uuid(),
        functionName,
        functionArn,
        invokedArn: functionArn,
        version: "$LATEST",
        accountId: "000000000000",
        region: "us-east-1",
        runtime,
        handler: HANDLERS[/^[a-z]+/.exec(runtime)![0] as keyof typeof HANDLERS] ?? "any",
        codeDirectory: await unpack(files),
        layerDirectories: [],
        environment: {},
        memoryMb: 128,
        timeoutMs: 10_000,
        ephemeralStorageMb: 512,
        logGroup: `/aws/lambda/${functionName}`,
        logFormat: "Text",
        credentials: async () => ({ accessKeyId: "ASIAEXAMPLE", secretAccessKey: "secret", sessionToken: "token" }),
        ...more,
      };
    },
    async invoke(spec, event = {}) {
      const result = await host.invoke(spec, { requestId: random.uuid(), payload: Buffer.from(JSON.stringify(event)) });
      return { ...result, json: JSON.parse(result.payload.toString("utf8")) };
    },
    async close() {
      await host.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** The program of `nodejs` tests: whichever this process runs on. */
export const NODE = `nodejs${process.versions.node.split(".")[0]}.x`;

/** A runtime of a function's own, in sh with curl: answers what it was given. */
export const CURL_BOOTSTRAP = `#!/bin/sh
headers=$(mktemp)
api=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime
while :; do
  event=$(curl -sS -D "$headers" "$api/invocation/next")
  id=$(tr -d '\\r' < "$headers" | sed -n 's/^[Ll]ambda-[Rr]untime-[Aa]ws-[Rr]equest-[Ii]d: //p')
  echo "event $event"
  case "$event" in
    *fail*) curl -sS -d '{"errorType":"Mine","errorMessage":"no"}' "$api/invocation/$id/error" > /dev/null ;;
    *) curl -sS -d "{\\"given\\":$event,\\"task\\":\\"$LAMBDA_TASK_ROOT\\",\\"handler\\":\\"$_HANDLER\\"}" "$api/invocation/$id/response" > /dev/null ;;
  esac
done
`;
