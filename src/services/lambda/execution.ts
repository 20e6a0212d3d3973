/**
 * From a name and a payload to a result: which version is meant, what the worker is told, and what came of it. Invoke, asynchronous
 * invocations and event source mappings all come through here.
 */

import type { Transaction } from "../../storage/transaction.ts";
import type { FlowContext, OperationContext } from "../service.ts";
import { codeDirectory } from "./code.ts";
import { unreservedConcurrency } from "./concurrency.ts";
import { invalidRuntime, tooManyRequests } from "./errors.ts";
import { type FunctionLocator, functionArn } from "./names.ts";
import { concurrencyExceeded, type FunctionSpec, type InvocationResult, runtimeUnavailable } from "./ports.ts";
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
  invocation: { readonly payload: Uint8Array; readonly requestId: string; readonly clientContext?: string | undefined },
): Promise<Execution> {
  const { at, record, reservedConcurrency } = target;
  if (reservedConcurrency === 0) throw tooManyRequests("ReservedFunctionConcurrentInvocationLimitExceeded");
  const spec = await describe(functions, flow.as({ accountId: at.accountId }), target);
  try {
    const result = await functions.host.invoke(spec, {
      requestId: invocation.requestId,
      payload: invocation.payload,
      traceId: flow.http?.headers["x-amzn-trace-id"] ?? newTraceId(flow),
      ...(invocation.clientContext === undefined ? {} : { clientContext: invocation.clientContext }),
    });
    return { ...result, version: record.version };
  } catch (error) {
    const reason = concurrencyExceeded(error);
    if (reason !== undefined) throw tooManyRequests(reason);
    const unavailable = runtimeUnavailable(error);
    if (unavailable !== undefined) throw invalidRuntime(unavailable);
    throw error;
  }
}

/** Everything a worker needs to know of the function. */
async function describe({ ports, roles }: Functions, flow: FlowContext, target: Target): Promise<FunctionSpec> {
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

/** @see https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader */
function newTraceId(flow: FlowContext): string {
  const seconds = Math.floor(flow.clock.nowMs() / 1000)
    .toString(16)
    .padStart(8, "0");
  return `Root=1-${seconds}-${flow.random.bytes(12).toString("hex")};Parent=${flow.random.bytes(8).toString("hex")};Sampled=0`;
}
