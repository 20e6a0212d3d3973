/**
 * Responses that leave while the function still writes them: InvokeWithResponseStream, and function URLs whose mode is RESPONSE_STREAM.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html
 */
import { Readable } from "node:stream";
import type { Flow, FlowContext, InputOf, OutputOf } from "../service.ts";
import { type Execution, execute, resolveTarget, type Target } from "./execution.ts";
import { readClientContext, readPayload } from "./invoke.ts";
import { locate } from "./names.ts";
import type { ResponseSink } from "./ports.ts";
import { constraints } from "./rules.ts";
import type { Functions } from "./stored.ts";

/** Held for a slow reader; beyond it the function waits. */
const HELD_BYTES_MAX = 256 * 1024;

/** A function's answer under way. */
export interface Streamed {
  /** What the function streams, or all that it returned. Ends when the function does, without an error even when the function had one. */
  readonly body: Readable;
  /** As the function called it; undefined when it returned its answer as a whole. */
  readonly contentType: string | undefined;
  /** How it ended. */
  readonly outcome: Promise<Execution>;
}

/**
 * Runs one invocation; resolves as soon as there is something to be read, or the function is over.
 * @throws TooManyRequestsException, InvalidRuntimeException when nothing was run
 */
export async function executeStreaming(
  functions: Functions,
  flow: FlowContext,
  target: Target,
  invocation: { readonly payload: Uint8Array; readonly requestId: string; readonly clientContext?: string | undefined },
): Promise<Streamed> {
  let goOn: (() => void) | undefined;
  const wake = () => {
    goOn?.();
    goOn = undefined;
  };
  const body = new Readable({
    highWaterMark: HELD_BYTES_MAX,
    read: wake,
    destroy(error, callback) {
      // Nobody reads any more: the function goes on, as on AWS, and what it says is dropped.
      wake();
      callback(error);
    },
  });
  let contentType: string | undefined;
  let opened!: () => void;
  const open = new Promise<void>((resolve) => {
    opened = resolve;
  });
  const sink: ResponseSink = {
    write(chunk, type) {
      contentType ??= type ?? "application/octet-stream";
      opened();
      if (chunk.length === 0 || body.destroyed || body.push(chunk)) return undefined;
      return new Promise((resolve) => {
        goOn = resolve;
      });
    },
  };
  // Whoever reads it hears of an error; until somebody does, it harms nobody.
  body.on("error", () => {});
  const outcome = execute(functions, flow, target, { ...invocation, sink }).then((execution) => {
    if (contentType === undefined && execution.functionError === undefined) body.push(execution.payload);
    body.push(null);
    return execution;
  });
  await Promise.race([open, outcome]);
  // A defect after the first chunk cuts the answer off.
  outcome.catch((error: Error) => body.destroy(error));
  return { body, contentType, outcome };
}

type Input = InputOf<"lambda", "InvokeWithResponseStream">;
type Output = OutputOf<"lambda", "InvokeWithResponseStream">;

/**
 * @see https://docs.aws.amazon.com/lambda/latest/api/API_InvokeWithResponseStream.html
 * @throws ValidationException, RequestEntityTooLargeException, InvalidRequestContentException, ResourceNotFoundException, TooManyRequestsException
 */
export function invokeWithResponseStream(functions: Functions): Flow<Input, Output> {
  return async (flow, input) => {
    const at = locate(input.FunctionName, flow, input.Qualifier);
    const found = constraints();
    found.oneOf("invocationType", input.InvocationType, ["RequestResponse", "DryRun"]);
    found.oneOf("logType", input.LogType, ["None", "Tail"]);
    found.check();
    const payload = readPayload(input.Payload as Uint8Array | string | undefined, false);
    const clientContext = readClientContext(input.ClientContext);
    const target = await flow.write((tx, context) => resolveTarget(tx, at, context));
    const ExecutedVersion = target.record.version;
    if (input.InvocationType === "DryRun") return { StatusCode: 204, ExecutedVersion };
    const streamed = await executeStreaming(functions, flow, target, {
      payload,
      clientContext,
      requestId: flow.requestId,
    });
    return { StatusCode: 200, ExecutedVersion, EventStream: eventsOf(streamed, input.LogType === "Tail") };
  };
}

async function* eventsOf({ body, outcome }: Streamed, withLog: boolean): NonNullable<Output["EventStream"]> {
  for await (const chunk of body as AsyncIterable<Buffer>) yield { PayloadChunk: { Payload: chunk } };
  const { functionError, payload, logTail } = await outcome;
  yield {
    InvokeComplete: {
      ...(functionError === undefined
        ? {}
        : { ErrorCode: errorTypeOf(payload), ErrorDetails: payload.toString("utf8") }),
      ...(withLog ? { LogResult: logTail.toString("base64") } : {}),
    },
  };
}

function errorTypeOf(payload: Buffer): string {
  try {
    const { errorType } = JSON.parse(payload.toString("utf8")) as { errorType?: unknown };
    return typeof errorType === "string" && errorType !== "" ? errorType : "Unhandled";
  } catch {
    return "Unhandled";
  }
}

/** What a function puts before its body, when it says that it speaks HTTP. */
export interface Prelude {
  readonly statusCode?: unknown;
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly cookies?: unknown;
}

export const HTTP_INTEGRATION = "application/vnd.awslambda.http-integration-response";
const PRELUDE_BYTES_MAX = 64 * 1024;
const SEPARATOR = Buffer.alloc(8);

/**
 * Takes the prelude off a body: JSON, eight zero bytes, then the body proper.
 * @returns undefined when there is none
 */
export async function takePrelude(body: Readable): Promise<Prelude | undefined> {
  let head = Buffer.alloc(0);
  for (;;) {
    const chunk = body.read() as Buffer | null;
    if (chunk !== null) head = Buffer.concat([head, chunk]);
    const end = head.indexOf(SEPARATOR);
    if (end >= 0) {
      const rest = head.subarray(end + SEPARATOR.length);
      if (rest.length > 0) body.unshift(rest);
      try {
        return JSON.parse(head.toString("utf8", 0, end)) as Prelude;
      } catch {
        return undefined;
      }
    }
    if (head.length > PRELUDE_BYTES_MAX || body.readableEnded || body.destroyed) return undefined;
    if (chunk === null) await readable(body);
  }
}

/** Resolves when there is more to be read, or the end was reached. */
function readable(body: Readable): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      for (const event of ["readable", "end", "close"]) body.off(event, settle);
      resolve();
    };
    for (const event of ["readable", "end", "close"]) body.once(event, settle);
  });
}
