/**
 * What an invocation is measured and billed by.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html and https://aws.amazon.com/lambda/pricing/
 */
import type { Datum, MeasurementUnit } from "../../kernel/measurements.ts";
import type { FlowContext } from "../service.ts";
import { type FunctionLocator, functionArn } from "./names.ts";
import type { InvocationResult } from "./ports.ts";
import type { VersionRecord } from "./state.ts";

type Measuring = { measure(datum: Datum): void };

/** Invocations under way, by function and altogether. */
export class Running {
  readonly #counts = new Map<string, number>();

  /** @returns how many there are now, this one included */
  begin(at: FunctionLocator): { readonly ofFunction: number; readonly ofAccount: number } {
    return { ofFunction: this.#add(functionArn(at), 1), ofAccount: this.#add(accountOf(at), 1) };
  }

  end(at: FunctionLocator): void {
    this.#add(functionArn(at), -1);
    this.#add(accountOf(at), -1);
  }

  #add(name: string, change: number): number {
    const count = (this.#counts.get(name) ?? 0) + change;
    if (count === 0) this.#counts.delete(name);
    else this.#counts.set(name, count);
    return count;
  }
}

const accountOf = ({ accountId, region }: FunctionLocator): string => `${accountId} ${region}`;

/** One datapoint of a function, of its version or alias where that was named, and of all functions together. */
export function measure(
  on: Measuring,
  at: FunctionLocator,
  name: string,
  value: number,
  unit: MeasurementUnit = "Count",
): void {
  const datum = { namespace: "AWS/Lambda", name, value, unit };
  on.measure({ ...datum, dimensions: {} });
  on.measure({ ...datum, dimensions: { FunctionName: at.name } });
  if (at.qualifier !== undefined)
    on.measure({ ...datum, dimensions: { FunctionName: at.name, Resource: `${at.name}:${at.qualifier}` } });
}

export function measureConcurrency(on: Measuring, at: FunctionLocator, counts: ReturnType<Running["begin"]>): void {
  const datum = { namespace: "AWS/Lambda", name: "ConcurrentExecutions", unit: "Count" } as const;
  on.measure({ ...datum, value: counts.ofAccount, dimensions: {} });
  on.measure({ ...datum, value: counts.ofFunction, dimensions: { FunctionName: at.name } });
}

export function measureRun(on: Measuring, at: FunctionLocator, result: InvocationResult): void {
  measure(on, at, "Invocations", 1);
  measure(on, at, "Errors", result.functionError === undefined ? 0 : 1);
  measure(on, at, "Duration", result.durationMs, "Milliseconds");
}

/** One request, and the billed time (initialisation included, rounded up to a millisecond) times the memory. */
export function billRun(
  flow: FlowContext,
  at: FunctionLocator,
  record: Pick<VersionRecord, "architecture" | "memoryMb">,
  result: InvocationResult,
): void {
  const { accountId, region } = at;
  const own = accountId === flow.accountId && region === flow.region ? flow : flow.as({ accountId, region });
  const resource = functionArn(at);
  const isArm = record.architecture === "arm64";
  own.use({ resource, usageType: isArm ? "Request-ARM" : "Request", quantity: 1 });
  own.use({
    resource,
    usageType: isArm ? "Lambda-GB-Second-ARM" : "Lambda-GB-Second",
    quantity: (result.billedMs * record.memoryMb) / (1000 * 1024),
  });
}
