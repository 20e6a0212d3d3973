/**
 * Asynchronous invocation: an accepted event is a row in the outbox until the function has taken it, or until it has been given up and
 * handed to where failures go. Two retries after function errors (one minute, then two); throttling and errors of the platform are retried
 * from one second up to five minutes apart until the event is too old.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
 */

import { AwsError } from "../../kernel/errors.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { FlowContext, OperationContext } from "../service.ts";
import { datedKey, deliver } from "./destinations.ts";
import { type Execution, execute, resolveTarget, type Target } from "./execution.ts";
import { measure } from "./metering.ts";
import { type FunctionLocator, functionArn } from "./names.ts";
import { type InvokeConfigRecord, invokeConfigKey, invokeConfigs } from "./state.ts";
import type { Functions } from "./stored.ts";

export const INVOCATION_ACCEPTED = "lambda.InvocationAccepted";

/** An invocation on its way; plain data. */
export interface AcceptedInvocation {
  readonly at: FunctionLocator;
  readonly requestId: string;
  readonly payload: Uint8Array;
  readonly clientContext?: string | undefined;
  readonly acceptedMs: number;
  /** Invocations that ended in a function error. */
  readonly failures: number;
  /** Attempts since then that could not run at all. */
  readonly refusals: number;
}

const RETRIES_DEFAULT = 2;
const EVENT_AGE_SECONDS_DEFAULT = 6 * 3600;
const MINUTE_MS = 60_000;
const REFUSED_WAIT_MS_MAX = 5 * MINUTE_MS;

export function accept(
  tx: Transaction,
  context: OperationContext,
  at: FunctionLocator,
  payload: Uint8Array,
  clientContext: string | undefined,
): void {
  const detail: AcceptedInvocation = {
    at,
    requestId: context.requestId,
    payload,
    ...(clientContext === undefined ? {} : { clientContext }),
    acceptedMs: context.nowMs,
    failures: 0,
    refusals: 0,
  };
  tx.emit({ type: INVOCATION_ACCEPTED, detail });
  measure(context, at, "AsyncEventsReceived", 1);
}

/** What becomes of an invocation after an attempt. Times in milliseconds since the epoch. */
export type Verdict =
  | { readonly what: "done" }
  | { readonly what: "again"; readonly dueMs: number; readonly failures: number; readonly refusals: number }
  | { readonly what: "give-up"; readonly condition: "RetriesExhausted" | "EventAgeExceeded" };

/**
 * @param outcome `ok`; `failed`: the function ran and failed; `refused`: it could not run (throttled, or an error of the platform)
 */
export function judge(
  invocation: AcceptedInvocation,
  config: Pick<InvokeConfigRecord, "maximumEventAgeSeconds" | "maximumRetryAttempts">,
  outcome: "ok" | "failed" | "refused",
  nowMs: number,
): Verdict {
  if (outcome === "ok") return { what: "done" };
  const failures = invocation.failures + (outcome === "failed" ? 1 : 0);
  const refusals = outcome === "refused" ? invocation.refusals + 1 : 0;
  if (outcome === "failed" && failures > (config.maximumRetryAttempts ?? RETRIES_DEFAULT)) {
    return { what: "give-up", condition: "RetriesExhausted" };
  }
  const waitMs =
    outcome === "failed" ? failures * MINUTE_MS : Math.min(1000 * 2 ** (refusals - 1), REFUSED_WAIT_MS_MAX);
  const dueMs = nowMs + waitMs;
  if (dueMs > expiresMs(invocation, config)) return { what: "give-up", condition: "EventAgeExceeded" };
  return { what: "again", dueMs, failures, refusals };
}

/** After this moment nothing is run any more, in milliseconds since the epoch. */
const expiresMs = (
  { acceptedMs }: Pick<AcceptedInvocation, "acceptedMs">,
  { maximumEventAgeSeconds = EVENT_AGE_SECONDS_DEFAULT }: Pick<InvokeConfigRecord, "maximumEventAgeSeconds">,
): number => acceptedMs + maximumEventAgeSeconds * 1000;

/** One attempt, as the outbox delivers it. */
export async function attempt(
  functions: Functions,
  platform: FlowContext,
  invocation: AcceptedInvocation,
): Promise<void> {
  const { at } = invocation;
  const flow = platform.as({ accountId: at.accountId, region: at.region });
  let target: Target;
  try {
    target = await flow.write((tx, context) => resolveTarget(tx, at, context));
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    // The function is gone: so is what was meant for it, as on AWS.
    flow.log.info("An asynchronous invocation was dropped: its function is gone", {
      function: functionArn(at, at.qualifier),
    });
    return;
  }
  const config = await flow.write((tx) =>
    invokeConfigs.get(tx, invokeConfigKey(at, at.name, at.qualifier ?? "$LATEST")),
  );

  // The platform may have stood still since the event was accepted.
  if (flow.clock.nowMs() > expiresMs(invocation, config ?? {})) {
    const ending: Ending = {
      invocation,
      target,
      execution: undefined,
      condition: "EventAgeExceeded",
      throttled: false,
    };
    measure(flow, at, "AsyncEventsDropped", 1);
    await report(functions, flow, ending, config);
    return;
  }
  let execution: Execution | undefined;
  let throttled = false;
  measure(flow, at, "AsyncEventAge", flow.clock.nowMs() - invocation.acceptedMs, "Milliseconds");
  try {
    execution = await execute(functions, flow, target, invocation);
  } catch (error) {
    throttled = error instanceof AwsError && error.status === 429;
    if (!throttled)
      flow.log.warn("An asynchronous invocation could not run", { function: functionArn(at, at.qualifier), error });
  }
  const outcome = execution === undefined ? "refused" : execution.functionError === undefined ? "ok" : "failed";
  const verdict = judge(invocation, config ?? {}, outcome, flow.clock.nowMs());
  if (verdict.what === "again") {
    const { dueMs, failures, refusals } = verdict;
    await flow.write((tx) =>
      tx.emit({ type: INVOCATION_ACCEPTED, detail: { ...invocation, failures, refusals }, dueMs }),
    );
    return;
  }
  const condition = verdict.what === "done" ? "Success" : verdict.condition;
  if (verdict.what === "give-up") measure(flow, at, "AsyncEventsDropped", 1);
  await report(functions, flow, { invocation, target, execution, condition, throttled }, config);
}

interface Ending {
  readonly invocation: AcceptedInvocation;
  readonly target: Target;
  readonly execution: Execution | undefined;
  readonly condition: "Success" | "RetriesExhausted" | "EventAgeExceeded";
  readonly throttled: boolean;
}

/** Destinations hear of success and failure; the dead-letter queue gets the event itself. Both may be configured. */
async function report(
  functions: Functions,
  flow: FlowContext,
  ending: Ending,
  config: InvokeConfigRecord | undefined,
): Promise<void> {
  const { target, condition } = ending;
  const destination = condition === "Success" ? config?.onSuccess : config?.onFailure;
  const deadLetter = condition === "Success" ? undefined : target.record.deadLetterArn;
  if (destination === undefined && deadLetter === undefined) return;
  const { principal } = await functions.roles.assume(flow, target.record.role, target.at.name);
  if (destination !== undefined) {
    const { invocation } = ending;
    const succeeded = condition === "Success";
    await deliver(
      flow,
      destination,
      {
        body: JSON.stringify(invocationRecord(flow, ending)),
        key: `aws/lambda/async/${invocation.at.name}/${datedKey(flow)}`,
        event: {
          detailType: `Lambda Function Invocation Result - ${succeeded ? "Success" : "Failure"}`,
          resources: [functionArn(target.at, target.at.qualifier ?? "$LATEST")],
        },
      },
      principal,
    );
  }
  if (deadLetter !== undefined) {
    const { invocation } = ending;
    const attributes = {
      RequestID: { DataType: "String", StringValue: invocation.requestId },
      ErrorCode: {
        DataType: "Number",
        StringValue: ending.execution === undefined && ending.throttled ? "429" : "200",
      },
      ErrorMessage: { DataType: "String", StringValue: errorMessage(ending) },
    };
    await deliver(flow, deadLetter, { body: Buffer.from(invocation.payload).toString("utf8"), attributes }, principal);
  }
}

/** At most 1 KB of what went wrong. */
function errorMessage({ execution, throttled }: Ending): string {
  if (!execution) return throttled ? "Rate Exceeded." : "The event is older than the maximum event age.";
  try {
    const { errorMessage: message } = JSON.parse(execution.payload.toString("utf8")) as { errorMessage?: unknown };
    if (typeof message === "string" && message.length > 0) return message.slice(0, 1024);
  } catch {
    // Not JSON: the text itself is the message.
  }
  return execution.payload.toString("utf8").slice(0, 1024) || "Unknown";
}

/** @see https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html */
function invocationRecord(flow: FlowContext, { invocation, target, execution, condition }: Ending): unknown {
  const failed = execution?.functionError !== undefined;
  return {
    version: "1.0",
    timestamp: new Date(flow.clock.nowMs()).toISOString(),
    requestContext: {
      requestId: invocation.requestId,
      functionArn: functionArn(target.at, target.at.qualifier ?? "$LATEST"),
      condition,
      approximateInvokeCount: invocation.failures + (execution ? 1 : 0),
    },
    requestPayload: JSON.parse(Buffer.from(invocation.payload).toString("utf8")),
    ...(execution === undefined
      ? {}
      : {
          responseContext: {
            statusCode: 200,
            executedVersion: execution.version,
            ...(failed ? { functionError: execution.functionError } : {}),
          },
          responsePayload: parsedOrText(execution.payload),
        }),
  };
}

function parsedOrText(payload: Buffer): unknown {
  const text = payload.toString("utf8");
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
