/** Stand-ins for Lambda's ports, for tests: functions are TypeScript closures, packages are taken as they are. */
import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { AwsError } from "../../kernel/errors.ts";
import { defineService } from "../service.ts";
import type { FunctionHost, FunctionSpec, Invocation, LambdaPorts, LogSink } from "./ports.ts";

/** What a function does; what it throws is the function's error. */
export type Handler = (event: any, spec: FunctionSpec, invocation: Invocation) => unknown;

export interface FakePorts extends LambdaPorts {
  /** Handlers by function name. */
  readonly handlers: Map<string, Handler>;
  /** What was run, in order. */
  readonly runs: { readonly spec: FunctionSpec; readonly event: unknown }[];
  /** Function ARNs, with their version, whose workers were retired. */
  readonly retired: string[];
  /** What the host was told to provision, by function ARN with version; a test says what has come of it. */
  readonly provisions: Map<string, { readonly wanted: number; readonly allocated: number; readonly failed: boolean }>;
  /** Folders that exist. */
  readonly directories: Set<string>;
}

/** Throw it from a handler to stand for a limit of the host. */
export class FakeConcurrencyExceeded extends Error {
  override readonly name = "ConcurrencyExceeded";
  readonly reason = "ConcurrentInvocationLimitExceeded";
}

export function fakePorts(): FakePorts {
  const handlers = new Map<string, Handler>();
  const runs: FakePorts["runs"] = [];
  const retired: string[] = [];
  const directories = new Set<string>();
  const provisions: FakePorts["provisions"] = new Map();
  const openHost = (sink: LogSink): FunctionHost => ({
    async invoke(spec, invocation) {
      const event = JSON.parse(Buffer.from(invocation.payload).toString("utf8")) as unknown;
      runs.push({ spec, event });
      const report = { durationMs: 1, billedMs: 1, memoryUsedMb: 64 };
      const log = (message: string) =>
        sink(spec, "2026/01/01/[$LATEST]0123", [{ timestampMs: 1_767_225_600_000, message }]);
      log(`START RequestId: ${invocation.requestId} Version: ${spec.version}\n`);
      try {
        const result = await handlers.get(spec.functionName)?.(event, spec, invocation);
        return { ...report, payload: Buffer.from(JSON.stringify(result ?? null)), logTail: Buffer.from("END") };
      } catch (error) {
        if ((error as Error).name === "ConcurrencyExceeded") throw error;
        const payload = { errorMessage: (error as Error).message, errorType: (error as Error).name };
        return {
          ...report,
          payload: Buffer.from(JSON.stringify(payload)),
          functionError: "Unhandled",
          logTail: Buffer.from("END"),
        };
      }
    },
    expect() {},
    retire(functionArn, version) {
      retired.push(version === undefined ? functionArn : `${functionArn}:${version}`);
    },
    provision(spec, wanted) {
      const of = `${spec.functionArn}:${spec.version}`;
      if (wanted === 0) provisions.delete(of);
      else provisions.set(of, { wanted, allocated: 0, failed: false });
    },
    provisioned: (functionArn, version) => provisions.get(`${functionArn}:${version}`),
    runtime: (name) =>
      name.startsWith("ruby")
        ? { available: false, remedy: "Install Ruby: apt-get install ruby." }
        : { available: true, how: "a closure" },
    async close() {},
  });
  return {
    handlers,
    runs,
    retired,
    provisions,
    directories,
    openHost,
    packages: {
      unpack: async (zipFile) => ({ directory: `${zipFile}.unpacked` }),
      zip: async (files) => Buffer.from(JSON.stringify(files)),
      async keep() {},
    },
    folders: {
      mayUse: (principal) => principal.type === "root",
      isFolder: async (path) => directories.has(path),
      revision: () => "1",
      zip: async () => Readable.from(["zip"]),
    },
    mayCallUrl: (_tx, { principal }) => principal.type === "root",
    workerEndpoint: () => "http://127.0.0.1:4566",
  };
}

export const sha256Base64 = (text: string): string => createHash("sha256").update(text).digest("base64");

/** STS as far as execution roles need it. Roles named `missing` cannot be assumed. */
export const fakeSts = defineService<"sts">({
  name: "sts",
  operations: {
    AssumeRole: (_tx, input, context) => {
      if (input.RoleArn!.endsWith("/missing")) throw new AwsError("AccessDenied", "not authorized", 403);
      return {
        Credentials: {
          AccessKeyId: "ASIAEXAMPLE",
          SecretAccessKey: "secret",
          SessionToken: "token",
          Expiration: new Date(context.nowMs + 3_600_000),
        },
        AssumedRoleUser: { AssumedRoleId: "AROAEXAMPLE:session", Arn: `${input.RoleArn}/session` },
      };
    },
  },
});
