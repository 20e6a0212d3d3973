/**
 * How an invocation can end besides a response, in AWS's own words: what the invoker gets as payload, and what the log says. Nothing here
 * runs anything.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-invocation.html
 */

/** AWS's limit of a buffered response: 6 MiB and a hundred bytes. @see https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
export const RESPONSE_BYTES_MAX = 6_291_556;

/** AWS's limit of a streamed response. @see https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html */
export const STREAM_BYTES_MAX = 200 * 1024 * 1024;

/** What the host found wrong with an invocation or an initialisation. */
export interface Failure {
  /** As in the payload and the REPORT line: `Sandbox.Timedout`, `Runtime.ExitError`, or the type that the function's runtime gave. */
  readonly errorType: string;
  /** JSON for the invoker. */
  readonly payload: Buffer;
  /** An entry for the log, if the runtime has not written one itself. */
  readonly logText?: string;
  readonly status: "error" | "timeout";
}

/** How a worker's process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
  /** The memory limit was the cause. */
  readonly outOfMemory: boolean;
}

const SIGNALS: Readonly<Record<number, string>> = {
  1: "hangup",
  2: "interrupt",
  3: "quit",
  4: "illegal instruction",
  5: "trace/breakpoint trap",
  6: "aborted",
  7: "bus error",
  8: "floating point exception",
  9: "killed",
  11: "segmentation fault",
  13: "broken pipe",
  15: "terminated",
  31: "bad system call",
};
const SIGNAL_NUMBERS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGTRAP: 5,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGPIPE: 13,
  SIGTERM: 15,
  SIGSYS: 31,
};

/** `exit status 1`, `signal: killed`; a sandbox passes its child's signal on as 128 + number. Empty after a clean exit. */
export function describeExit(exit: Exit): string {
  const number = exit.signal ? (SIGNAL_NUMBERS[exit.signal] ?? 9) : exit.code! > 128 ? exit.code! - 128 : 0;
  if (number > 0 && SIGNALS[number]) return `signal: ${SIGNALS[number]}`;
  return exit.code ? `exit status ${exit.code}` : "";
}

export function exited(requestId: string, exit: Exit): Failure {
  const how = exit.outOfMemory ? "signal: killed" : describeExit(exit);
  const what = how === "" ? "Runtime exited without providing a reason" : `Runtime exited with error: ${how}`;
  const errorType = exit.outOfMemory ? "Runtime.OutOfMemory" : "Runtime.ExitError";
  return failure(errorType, requestId, what, `RequestId: ${requestId} Error: ${what}\nRuntime.ExitError`);
}

/** @param timeoutMs the function's own timeout */
export function timedOut(requestId: string, timeoutMs: number, nowMs: number): Failure {
  const what = `Task timed out after ${(timeoutMs / 1000).toFixed(2)} seconds`;
  return {
    ...failure("Sandbox.Timedout", requestId, what, `${new Date(nowMs).toISOString()} ${requestId} ${what}\n\n`),
    status: "timeout",
  };
}

export function responseTooLarge(bytesMax = RESPONSE_BYTES_MAX): Failure {
  const errorMessage = `Response payload size exceeded maximum allowed payload size (${bytesMax} bytes).`;
  const errorType = "Function.ResponseSizeTooLarge";
  return {
    errorType,
    payload: Buffer.from(JSON.stringify({ errorMessage, errorType })),
    logText: `[ERROR] [${errorType}] ${errorMessage}`,
    status: "error",
  };
}

/** The sandbox could not be set up or the program in it not be started: nothing of the function ran. */
export function notStarted(requestId: string, reason: string): Failure {
  return failure(
    "Runtime.InvalidEntrypoint",
    requestId,
    reason,
    `RequestId: ${requestId} Error: ${reason}\nRuntime.InvalidEntrypoint`,
  );
}

/** What the function's runtime reported; its payload goes to the invoker as it is. */
export function reported(payload: Buffer, errorType?: string): Failure {
  return { errorType: errorType ?? errorTypeIn(payload), payload, status: "error" };
}

function errorTypeIn(payload: Buffer): string {
  try {
    const { errorType } = JSON.parse(payload.toString("utf8")) as { errorType?: unknown };
    return typeof errorType === "string" && errorType !== "" ? errorType : "Runtime.Unknown";
  } catch {
    return "Runtime.Unknown";
  }
}

function failure(errorType: string, requestId: string, what: string, logText: string): Failure {
  const errorMessage = `RequestId: ${requestId} Error: ${what}`;
  return { errorType, payload: Buffer.from(JSON.stringify({ errorType, errorMessage })), logText, status: "error" };
}
