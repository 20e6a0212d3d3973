/** A function and the runtime that this machine has for it: what a worker is started with. */
import type { Random } from "../kernel/random.ts";
import { needsOwnStart } from "./environment.ts";
import type { FunctionSpec } from "./host.ts";
import { canBeSpare } from "./launch.ts";
import { exited, type Failure, reported, timedOut } from "./outcome.ts";
import type { Runtime } from "./runtimes/search.ts";
import type { FunctionFacts } from "./scheduler/observations.ts";
import type { Begun } from "./worker.ts";

export interface Startable {
  readonly spec: FunctionSpec;
  readonly runtime: Runtime;
}

/** What the scheduler needs to know of it. */
export function factsOf(spec: FunctionSpec, runtime: Runtime): FunctionFacts {
  return {
    revision: spec.key,
    functionArn: spec.functionArn,
    version: spec.version,
    account: `${spec.accountId}/${spec.region}`,
    runtime: spec.runtime,
    timeoutMs: spec.timeoutMs,
    memoryMb: spec.memoryMb,
    takesSpare:
      canBeSpare(runtime) &&
      spec.layerDirectories.length === 0 &&
      spec.ephemeralStorageMb === 512 &&
      !needsOwnStart(spec.environment),
    ...(spec.concurrencyMax !== undefined && { concurrencyMax: spec.concurrencyMax }),
    ...(spec.unreservedConcurrencyMax !== undefined && { unreservedConcurrencyMax: spec.unreservedConcurrencyMax }),
  };
}

/** `2026/11/23/[$LATEST]4af0d2bb…`: one for each worker. */
export function logStreamName(nowMs: number, version: string, random: Random): string {
  const day = new Date(nowMs).toISOString().slice(0, 10).replaceAll("-", "/");
  return `${day}/[${version}]${random.bytes(16).toString("hex")}`;
}

/** Of an initialisation that did not come to its end. */
export function failureOf(
  begun: Exclude<Begun, { kind: "ready" }>,
  requestId: string,
  spec: FunctionSpec,
  nowMs: number,
): Failure {
  if (begun.kind === "failed") return reported(begun.payload);
  if (begun.kind === "exited") return exited(requestId, begun.exit);
  return timedOut(requestId, spec.timeoutMs, nowMs);
}
