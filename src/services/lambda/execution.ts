/**
 * From a name and a payload to a result: which version is meant, what the worker is told, and what came of it. Invoke, asynchronous
 * invocations and event source mappings all come through here.
 */

import { type Span, traceHeader, UNTRACED } from "../../kernel/trace.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { FlowContext, OperationContext } from "../service.ts";
import { codeDirectory } from "./code.ts";
import { unreservedConcurrency } from "./concurrency.ts";
import { invalidRuntime, tooManyRequests } from "./errors.ts";
import { billRun, measure, measureConcurrency, measureProvisioned, measureRun } from "./metering.ts";
import { type FunctionLocator, functionArn } from "./names.ts";
import {
  concurrencyExceeded,
  type FunctionSpec,
  type InvocationResult,
  type ResponseSink,
  runtimeUnavailable,
} from "./ports.ts";
import { aliases, aliasKey, type VersionRecord } from "./state.ts";
import type { Functions } from "./stored.ts";
import { requireFunction, requireVersion } from "./stored.ts";

/** What a name and qualifier stand for at this moment. */
export interface Target {
  readonly at: FunctionLocator;
  readonly record: VersionRecord;
  readonly reservedConcurrency: number | undefined;
  /** What all functions of the account without reserved concurrency share. */
  readonly unreservedConcurrency: number;
}

/**
 * An alias with weights draws its version.
 * @throws ResourceNotFoundException
 */
export function resolveTarget(tx: Transaction, at: FunctionLocator, context: Pick<OperationContext, "random">): Target {
  const { reservedConcurrency } = requireFunction(tx, at);
  const weights =
    at.qualifier === undefined ? undefined : aliases.get(tx, aliasKey(at, at.name, at.qualifier))?.weights;
  const drawn = weights && drawVersion(weights, context.random.next());
  const record = requireVersion(tx, drawn === undefined ? at : { ...at, qualifier: drawn });
  return { at, record, reservedConcurrency, unreservedConcurrency: unreservedConcurrency(tx, at) };
}

/** @param chance in [0, 1) */
function drawVersion(weights: Readonly<Record<string, number>>, chance: number): string | undefined {
  let left = chance;
  for (const [version, weight] of Object.entries(weights)) {
    if (left < weight) return version;
    left -= weight;
  }
  return undefined;
}

export interface Execution extends InvocationResult {
  /** `$LATEST` or a number. */
  readonly version: string;
}

/**
 * Runs one invocation.
 * @throws TooManyRequestsException when a concurrency limit is reached; nothing was run then
 */
export async function execute(
  functions: Functions,
  flow: FlowContext,
  target: Target,
  invocation: {
    readonly payload: Uint8Array;
    readonly requestId: string;
    readonly clientContext?: string | undefined;
    readonly sink?: ResponseSink;
  },
): Promise<Execution> {
  const { at, record, reservedConcurrency } = target;
  if (reservedConcurrency === 0) {
    measure(flow, at, "Throttles", 1);
    throw tooManyRequests("ReservedFunctionConcurrentInvocationLimitExceeded");
  }
  const spec = await describe(functions, flow.as({ accountId: at.accountId }), target);
  const span = beginSpan(flow, spec, invocation.requestId);
  const counts = functions.running.begin(at, record.version);
  measureConcurrency(flow, at, counts);
  const provision = functions.host.provisioned(functionArn(at), record.version);
  const isProvisioned = provision !== undefined && measureProvisioned(flow, at, counts.ofVersion, provision.allocated);
  try {
    const result = await functions.host.invoke(spec, {
      requestId: invocation.requestId,
      payload: invocation.payload,
      traceId: traceHeader(span.trace),
      ...(invocation.clientContext === undefined ? {} : { clientContext: invocation.clientContext }),
      ...(invocation.sink === undefined ? {} : { sink: invocation.sink }),
    });
    span.end(result);
    measureRun(flow, at, result);
    billRun(flow, at, record, result, isProvisioned);
    return { ...result, version: record.version };
  } catch (error) {
    span.end(error);
    const reason = concurrencyExceeded(error);
    if (reason !== undefined) {
      measure(flow, at, "Throttles", 1);
      throw tooManyRequests(reason);
    }
    const unavailable = runtimeUnavailable(error);
    if (unavailable !== undefined) throw invalidRuntime(unavailable);
    throw error;
  } finally {
    functions.running.end(at, record.version);
  }
}

/** Everything a worker needs to know of the function. */
export async function describe({ ports, roles }: Functions, flow: FlowContext, target: Target): Promise<FunctionSpec> {
  const { at, record } = target;
  const [directory, ...layers] = await Promise.all([
    codeDirectory(flow.blobs, ports, record.code),
    ...record.layers.map(({ code }) => codeDirectory(flow.blobs, ports, code)),
  ]);
  const folderRevision = record.code.kind === "folder" ? ports.folders.revision(record.code.path) : "";
  return {
    key: `${functionArn(at)}:${record.version} ${record.buildId} ${folderRevision}`,
    functionName: at.name,
    functionArn: functionArn(at),
    invokedArn: functionArn(at, at.qualifier),
    version: record.version,
    accountId: at.accountId,
    region: at.region,
    runtime: record.runtime,
    handler: record.handler,
    codeDirectory: directory,
    layerDirectories: layers,
    environment: { AWS_ENDPOINT_URL: ports.workerEndpoint(), ...record.environment },
    memoryMb: record.memoryMb,
    timeoutMs: record.timeoutSeconds * 1000,
    ephemeralStorageMb: record.ephemeralStorageMb,
    logGroup: record.logging.LogGroup,
    logFormat: record.logging.LogFormat,
    ...(record.logging.ApplicationLogLevel === undefined
      ? {}
      : { applicationLogLevel: record.logging.ApplicationLogLevel }),
    ...(record.logging.SystemLogLevel === undefined ? {} : { systemLogLevel: record.logging.SystemLogLevel }),
    ...(target.reservedConcurrency === undefined
      ? { unreservedConcurrencyMax: target.unreservedConcurrency }
      : { concurrencyMax: target.reservedConcurrency }),
    credentials: async () => (await roles.assume(flow, record.role, at.name)).credentials,
  };
}

/** The run of the function as a span: under what caused it, or first of a trace where nobody did: a timer, a message from before traces. */
function beginSpan(flow: FlowContext, spec: FunctionSpec, requestId: string) {
  const isFirst = flow.trace === UNTRACED;
  const startMs = flow.clock.nowMs();
  const trace = isFirst ? flow.tracer.begin(startMs) : flow.tracer.under(flow.trace);
  const from = flow.clock.monotonicMs();
  return {
    trace,
    end(outcome: InvocationResult | unknown) {
      if (!trace.sampled) return;
      flow.spans.record({
        traceId: trace.traceId,
        id: trace.spanId,
        ...(isFirst ? {} : { parentId: flow.trace.spanId }),
        accountId: flow.accountId,
        region: flow.region,
        service: "lambda",
        name: spec.functionName,
        resource: spec.functionArn,
        startMs,
        durationMs: flow.clock.monotonicMs() - from,
        requestId,
        ...outcomeOf(outcome),
      });
    },
  };
}

function outcomeOf(outcome: unknown): Pick<Span, "error" | "attributes"> {
  if (outcome instanceof Error) {
    return { error: { code: outcome.name, message: outcome.message, fault: false }, attributes: { ran: false } };
  }
  const { functionError, payload, initMs, durationMs, billedMs, memoryUsedMb } = outcome as InvocationResult;
  return {
    ...(functionError === undefined
      ? {}
      : { error: { code: functionError, message: payload.toString("utf8", 0, 1024), fault: true } }),
    attributes: {
      ran: true,
      coldStart: initMs !== undefined,
      ...(initMs === undefined ? {} : { initMs }),
      durationMs,
      billedMs,
      memoryUsedMb,
    },
  };
}
