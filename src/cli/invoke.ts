/** `virga invoke`: runs a function with an event. The result goes to stdout; its log, and what it took, to stderr. */
import { readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import type { InvokeCommandOutput, LambdaClient } from "@aws-sdk/client-lambda";
import { isCode, lambdaClient } from "./clients.ts";
import { type ClientOptions, runningTarget } from "./endpoint.ts";
import { EXIT_FAILED, EXIT_USAGE, Failure } from "./failure.ts";
import { functionByLogicalId } from "./names.ts";
import { bold, dim, print, printJson, red, say } from "./terminal.ts";

export interface InvokeOptions extends ClientOptions {
  /** A file, `-` for stdin, or the JSON itself. */
  readonly event?: string;
  readonly qualifier?: string;
  readonly async?: boolean;
  readonly json?: boolean;
}

/** @returns the exit code: 1 when the function failed */
export async function invoke(name: string, options: InvokeOptions): Promise<number> {
  const payload = await eventOf(options.event);
  const target = await runningTarget(options);
  const client = await lambdaClient(target);
  let result: InvokeCommandOutput;
  try {
    result = await run(client, name, payload, options);
  } catch (error) {
    if (!isCode(error, "ResourceNotFoundException")) throw error;
    result = await run(client, await functionByLogicalId(target, name), payload, options);
  }
  const log = Buffer.from(result.LogResult ?? "", "base64").toString("utf8");
  const output = Buffer.from(result.Payload ?? []).toString("utf8");
  if (options.json) {
    printJson({
      statusCode: result.StatusCode,
      executedVersion: result.ExecutedVersion,
      functionError: result.FunctionError,
      ...reportOf(log),
      payload: output === "" ? null : JSON.parse(output),
      log: log.split("\n").filter((line) => line !== ""),
    });
  } else {
    tell(log, result);
    if (output !== "") print(output);
  }
  return result.FunctionError ? EXIT_FAILED : 0;
}

async function run(
  client: LambdaClient,
  name: string,
  payload: Uint8Array,
  options: InvokeOptions,
): Promise<InvokeCommandOutput> {
  const { InvokeCommand } = await import("@aws-sdk/client-lambda");
  return client.send(
    new InvokeCommand({
      FunctionName: name,
      Payload: payload,
      InvocationType: options.async ? "Event" : "RequestResponse",
      ...(options.async ? {} : { LogType: "Tail" }),
      ...(options.qualifier ? { Qualifier: options.qualifier } : {}),
    }),
  );
}

/** @throws Failure when the event cannot be read or is not JSON */
export async function eventOf(given: string | undefined): Promise<Uint8Array> {
  if (given === undefined) return Buffer.from("{}");
  const inline = /^\s*[[{"]/.test(given);
  let content: string;
  try {
    if (given === "-") content = await text(process.stdin);
    else content = inline ? given : readFileSync(given, "utf8");
  } catch (error) {
    throw new Failure(
      `The event ${given} cannot be read: ${(error as Error).message}.`,
      "Name a JSON file, give the JSON itself, or - to read it from standard input.",
      EXIT_USAGE,
    );
  }
  try {
    JSON.parse(content);
  } catch (error) {
    throw new Failure(
      `The event ${inline ? "" : `${given} `}is not JSON: ${(error as Error).message}.`,
      undefined,
      EXIT_USAGE,
    );
  }
  return Buffer.from(content);
}

/** The figures of a REPORT line. */
export function reportOf(log: string): {
  durationMs?: number;
  billedMs?: number;
  initMs?: number;
  memoryMb?: number;
  memoryUsedMb?: number;
} {
  const report = log.split("\n").findLast((line) => line.startsWith("REPORT ")) ?? "";
  const figure = (pattern: RegExp) => {
    const match = pattern.exec(report);
    return match ? Number(match[1]) : undefined;
  };
  const figures = {
    durationMs: figure(/\tDuration: ([\d.]+) ms/),
    billedMs: figure(/\tBilled Duration: (\d+) ms/),
    initMs: figure(/\tInit Duration: ([\d.]+) ms/),
    memoryMb: figure(/\tMemory Size: (\d+) MB/),
    memoryUsedMb: figure(/\tMax Memory Used: (\d+) MB/),
  };
  return Object.fromEntries(Object.entries(figures).filter(([, value]) => value !== undefined));
}

function tell(log: string, { FunctionError }: InvokeCommandOutput): void {
  for (const line of log.split("\n")) {
    if (line !== "" && !/^(START|END|REPORT) RequestId: /.test(line)) say(dim(line.trimEnd()));
  }
  const { durationMs, billedMs, initMs, memoryMb, memoryUsedMb } = reportOf(log);
  if (durationMs !== undefined) {
    const cold = initMs === undefined ? "" : `, cold start ${initMs} ms`;
    say(dim(`${durationMs} ms, billed ${billedMs} ms${cold}, ${memoryUsedMb} of ${memoryMb} MB`));
  }
  if (FunctionError) say(`${red("✖")} ${bold(`The function failed (${FunctionError}).`)}`);
}
