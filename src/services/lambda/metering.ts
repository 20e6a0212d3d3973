/**
 * What an invocation is measured and billed by.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html and https://aws.amazon.com/lambda/pricing/
 */
import type { Datum, MeasurementUnit } from "../../kernel/measurements.ts";
import type { FlowContext, OperationContext } from "../service.ts";
import { changeLevel } from "../usage-common/level.ts";
import { type FunctionLocator, functionArn } from "./names.ts";
import type { InvocationResult } from "./ports.ts";
import type { VersionRecord } from "./state.ts";

type Measuring = { measure(datum: Datum): void };

interface Counts {
  readonly ofVersion: number;
  readonly ofFunction: number;
  readonly ofAccount: number;
}

/** Invocations under way, by version, by function and altogether. */
export class Running {
  readonly #counts = new Map<string, number>();

  /** @returns how many there are now, this one included */
  begin(at: FunctionLocator, version: string): Counts {
    return {
      ofVersion: this.#add(functionArn(at, version), 1),
      ofFunction: this.#add(functionArn(at), 1),
      ofAccount: this.#add(accountOf(at), 1),
    };
  }

  end(at: FunctionLocator, version: string): void {
    this.#add(functionArn(at, version), -1);
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
  on.measure({ namespace: "AWS/Lambda", name, dimensions: {}, unit, value });
  measureFunction(on, at, name, value, unit);
}

function measureFunction(on: Measuring, at: FunctionLocator, name: string, value: number, unit: MeasurementUnit): void {
  const datum = { namespace: "AWS/Lambda", name, unit, value };
  on.measure({ ...datum, dimensions: { FunctionName: at.name } });
  if (at.qualifier !== undefined)
    on.measure({ ...datum, dimensions: { FunctionName: at.name, Resource: `${at.name}:${at.qualifier}` } });
}

export function measureConcurrency(on: Measuring, at: FunctionLocator, counts: Counts): void {
  const datum = { namespace: "AWS/Lambda", name: "ConcurrentExecutions", unit: "Count" } as const;
  on.measure({ ...datum, value: counts.ofAccount, dimensions: {} });
  on.measure({ ...datum, value: counts.ofFunction, dimensions: { FunctionName: at.name } });
}

/**
 * How much of a version's provisioned concurrency is in use, and whether this invocation has a part of it or spilled over.
 * @param allocated workers that are initialised for it
 * @returns whether it has
 */
export function measureProvisioned(on: Measuring, at: FunctionLocator, ofVersion: number, allocated: number): boolean {
  const used = Math.min(ofVersion, allocated);
  const count = (name: string, value: number) => measureFunction(on, at, name, value, "Count");
  count("ProvisionedConcurrentExecutions", used);
  if (allocated > 0) count("ProvisionedConcurrencyUtilization", used / allocated);
  const isProvisioned = ofVersion <= allocated;
  count(isProvisioned ? "ProvisionedConcurrencyInvocations" : "ProvisionedConcurrencySpilloverInvocations", 1);
  return isProvisioned;
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
  isProvisioned: boolean,
): void {
  const { accountId, region } = at;
  const own = accountId === flow.accountId && region === flow.region ? flow : flow.as({ accountId, region });
  const resource = functionArn(at);
  const suffix = architectureSuffix(record.architecture);
  own.use({ resource, usageType: `Request${suffix}`, quantity: 1 });
  own.use({
    resource,
    usageType: `${isProvisioned ? "Lambda-Provisioned-GB-Second" : "Lambda-GB-Second"}${suffix}`,
    quantity: (result.billedMs * record.memoryMb) / (1000 * 1024),
  });
}

const architectureSuffix = (architecture: VersionRecord["architecture"]): string =>
  architecture === "arm64" ? "-ARM" : "";

/**
 * Provisioned concurrency is billed for as long as it is configured.
 * @param changeGb memory that is kept ready now, or no more
 */
export function billProvisioned(
  context: Pick<OperationContext, "use" | "nowMs">,
  at: Omit<FunctionLocator, "qualifier">,
  architecture: VersionRecord["architecture"],
  changeGb: number,
): void {
  const usageType = `Lambda-Provisioned-Concurrency${architectureSuffix(architecture)}`;
  changeLevel(context, functionArn(at), usageType, changeGb);
}
