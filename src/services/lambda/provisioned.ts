/**
 * Provisioned concurrency: how many workers of a version, or of the version behind an alias, are initialised before anybody calls. What is wanted
 * is stored; what has come of it is known to the host alone, and is asked for whenever somebody wants to know.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html
 */
import type { Transaction } from "../../storage/transaction.ts";
import type { Flow, InputOf, Operation, OperationContext, OutputOf } from "../service.ts";
import { provisionedTotal, setProvisionedTotal, unreservedConcurrency } from "./concurrency.ts";
import {
  aliasNotFound,
  functionNotFound,
  invalidParameterValue,
  provisionedConfigNotFound,
  resourceConflict,
} from "./errors.ts";
import { billProvisioned } from "./metering.ts";
import { type FunctionLocator, functionArn, isVersion, locate } from "./names.ts";
import type { FunctionHost } from "./ports.ts";
import { constraints, LIMITS, lambdaDate } from "./rules.ts";
import {
  type AliasRecord,
  aliases,
  aliasKey,
  type ProvisionedRecord,
  provisioned,
  provisionedKey,
  provisionedRange,
  versionKey,
  versions,
} from "./state.ts";
import { requireFunction } from "./stored.ts";

export const PROVISIONED_CHANGED = "lambda.ProvisionedChanged";

/** Whose provisioned concurrency may have to be different now. */
export interface ProvisionedChange {
  readonly at: Omit<FunctionLocator, "qualifier">;
}

/** Tells whoever keeps the workers, once this transaction is durable. */
export const provisionedChanged = (tx: Transaction, { accountId, region, name }: ProvisionedChange["at"]): void =>
  tx.emit({ type: PROVISIONED_CHANGED, detail: { at: { accountId, region, name } } satisfies ProvisionedChange });

type Status = Pick<
  OutputOf<"lambda", "GetProvisionedConcurrencyConfig">,
  | "RequestedProvisionedConcurrentExecutions"
  | "AvailableProvisionedConcurrentExecutions"
  | "AllocatedProvisionedConcurrentExecutions"
  | "Status"
  | "StatusReason"
  | "LastModified"
>;

interface Named {
  readonly FunctionName: string | undefined;
  readonly Qualifier: string | undefined;
}

function locateQualified(input: Named, context: OperationContext): FunctionLocator & { readonly qualifier: string } {
  const at = locate(input.FunctionName, context, input.Qualifier);
  const found = constraints();
  found.required("qualifier", at.qualifier);
  found.check();
  return { ...at, qualifier: at.qualifier! };
}

/** @throws ResourceNotFoundException when neither version nor alias is there */
function requireQualified(
  tx: Transaction,
  at: FunctionLocator & { readonly qualifier: string },
): AliasRecord | undefined {
  requireFunction(tx, at);
  if (isVersion(at.qualifier)) {
    if (!versions.get(tx, versionKey(at, at.name, at.qualifier))) throw functionNotFound(functionArn(at, at.qualifier));
    return undefined;
  }
  const alias = aliases.get(tx, aliasKey(at, at.name, at.qualifier));
  if (!alias) throw aliasNotFound(functionArn(at, at.qualifier));
  return alias;
}

/** @see https://docs.aws.amazon.com/lambda/latest/api/API_PutProvisionedConcurrencyConfig.html */
export const putProvisionedConcurrencyConfig: Operation<
  InputOf<"lambda", "PutProvisionedConcurrencyConfig">,
  OutputOf<"lambda", "PutProvisionedConcurrencyConfig">
> = (tx, input, context) => {
  const at = locateQualified(input, context);
  const found = constraints();
  found.required("provisionedConcurrentExecutions", input.ProvisionedConcurrentExecutions);
  found.range("provisionedConcurrentExecutions", input.ProvisionedConcurrentExecutions, 1, Number.MAX_SAFE_INTEGER);
  found.check();
  if (at.qualifier === "$LATEST") {
    throw invalidParameterValue("Provisioned Concurrency Configs cannot be applied to unpublished function versions.");
  }
  const alias = requireQualified(tx, at);
  const wanted = input.ProvisionedConcurrentExecutions!;
  const key = provisionedKey(at, at.name, at.qualifier);
  const before = provisioned.get(tx, key);
  const total = provisionedTotal(tx, at) - (before?.wanted ?? 0) + wanted;
  checkRoom(tx, at, wanted, total);
  checkConflict(tx, at, alias);
  const { memoryMb, architecture } = versions.get(tx, versionKey(at, at.name, alias?.functionVersion ?? at.qualifier))!;
  const billedGb = (wanted * memoryMb) / 1024;
  if (before) billProvisioned(context, at, before.architecture ?? "x86_64", -(before.billedGb ?? 0));
  billProvisioned(context, at, architecture, billedGb);
  const record: ProvisionedRecord = {
    qualifier: at.qualifier,
    wanted,
    lastModifiedMs: context.nowMs,
    billedGb,
    architecture,
  };
  provisioned.put(tx, key, record);
  setProvisionedTotal(tx, at, total);
  provisionedChanged(tx, at);
  return statusOf(record, []);
};

function checkRoom(tx: Transaction, at: FunctionLocator, wanted: number, total: number): void {
  const { reservedConcurrency } = requireFunction(tx, at);
  if (reservedConcurrency !== undefined) {
    if (total > reservedConcurrency) {
      throw invalidParameterValue(
        "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function",
      );
    }
    return;
  }
  if (wanted > LIMITS.accountConcurrency) {
    throw invalidParameterValue(
      `Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [${LIMITS.accountConcurrency}].`,
    );
  }
  if (unreservedConcurrency(tx, at) + provisionedTotal(tx, at) - total < LIMITS.unreservedConcurrencyMin) {
    throw invalidParameterValue(
      `Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [${LIMITS.unreservedConcurrencyMin}].`,
    );
  }
}

/** A version is provisioned by itself or through an alias, not both. */
function checkConflict(tx: Transaction, at: FunctionLocator, alias: AliasRecord | undefined): void {
  if (alias) {
    if (provisioned.get(tx, provisionedKey(at, at.name, alias.functionVersion))) {
      throw resourceConflict(
        "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version",
      );
    }
    return;
  }
  for (const { qualifier } of provisionedOf(tx, at)) {
    if (aliases.get(tx, aliasKey(at, at.name, qualifier))?.functionVersion === at.qualifier) {
      throw resourceConflict("Version is pointed by a Provisioned Concurrency alias");
    }
  }
}

/** Every configuration of a function. */
export function provisionedOf(tx: Transaction, at: Omit<FunctionLocator, "qualifier">): ProvisionedRecord[] {
  const { start, end } = provisionedRange(at, at.name);
  return [...provisioned.range(tx, start, end)].map(([, record]) => record);
}

/** What versions must have which number of workers for this: an alias with weights shares its number out. */
export function allocation(
  tx: Transaction,
  at: Omit<FunctionLocator, "qualifier">,
  { qualifier, wanted }: ProvisionedRecord,
): (readonly [version: string, wanted: number])[] {
  if (isVersion(qualifier)) return [[qualifier, wanted]];
  const alias = aliases.get(tx, aliasKey(at, at.name, qualifier));
  if (!alias) return [];
  const [further] = Object.entries(alias.weights ?? {});
  if (!further) return [[alias.functionVersion, wanted]];
  const part = Math.round(wanted * further[1]);
  return [[alias.functionVersion, wanted - part] as const, [further[0], part] as const].filter(
    ([, count]) => count > 0,
  );
}

/** Where a version or an alias goes, what is provisioned for it goes too. */
export function dropProvisioned(
  tx: Transaction,
  at: Omit<FunctionLocator, "qualifier">,
  qualifier: string,
  context: Pick<OperationContext, "use" | "nowMs">,
): void {
  const key = provisionedKey(at, at.name, qualifier);
  const record = provisioned.get(tx, key);
  if (!record) return;
  tx.delete(key);
  billProvisioned(context, at, record.architecture ?? "x86_64", -(record.billedGb ?? 0));
  setProvisionedTotal(tx, at, provisionedTotal(tx, at) - record.wanted);
  provisionedChanged(tx, at);
}

function statusOf(
  record: ProvisionedRecord,
  found: readonly ReturnType<FunctionHost["provisioned"]>[],
): Required<Omit<Status, "StatusReason">> & Pick<Status, "StatusReason"> {
  const allocated = found.reduce((sum, provision) => sum + (provision?.allocated ?? 0), 0);
  const failed = found.some((provision) => provision?.failed === true);
  return {
    RequestedProvisionedConcurrentExecutions: record.wanted,
    AvailableProvisionedConcurrentExecutions: allocated,
    AllocatedProvisionedConcurrentExecutions: allocated,
    Status: failed ? "FAILED" : allocated >= record.wanted ? "READY" : "IN_PROGRESS",
    ...(failed ? { StatusReason: "FUNCTION_ERROR_INIT_FAILURE" } : {}),
    LastModified: lambdaDate(record.lastModifiedMs),
  };
}

function observed(
  host: FunctionHost,
  tx: Transaction,
  at: Omit<FunctionLocator, "qualifier">,
  record: ProvisionedRecord,
) {
  return statusOf(
    record,
    allocation(tx, at, record).map(([version]) => host.provisioned(functionArn(at), version)),
  );
}

const notLatest = (qualifier: string): void => {
  if (qualifier === "$LATEST") {
    throw invalidParameterValue("The function resource provided must be an alias or a published version.");
  }
};

/** A flow, for it tells what is there at this moment. @see https://docs.aws.amazon.com/lambda/latest/api/API_GetProvisionedConcurrencyConfig.html */
export const getProvisionedConcurrencyConfig =
  (
    host: FunctionHost,
  ): Flow<
    InputOf<"lambda", "GetProvisionedConcurrencyConfig">,
    OutputOf<"lambda", "GetProvisionedConcurrencyConfig">
  > =>
  (flow, input) =>
    flow.write((tx, context) => {
      const at = locateQualified(input, context);
      notLatest(at.qualifier);
      requireQualified(tx, at);
      const record = provisioned.get(tx, provisionedKey(at, at.name, at.qualifier));
      if (!record) throw provisionedConfigNotFound();
      return observed(host, tx, at, record);
    });

/** Succeeds when there is none. @see https://docs.aws.amazon.com/lambda/latest/api/API_DeleteProvisionedConcurrencyConfig.html */
export const deleteProvisionedConcurrencyConfig: Operation<
  InputOf<"lambda", "DeleteProvisionedConcurrencyConfig">,
  OutputOf<"lambda", "DeleteProvisionedConcurrencyConfig">
> = (tx, input, context) => {
  const at = locateQualified(input, context);
  notLatest(at.qualifier);
  requireQualified(tx, at);
  dropProvisioned(tx, at, at.qualifier, context);
  return {};
};

const PAGE_MAX = 50;

/** @see https://docs.aws.amazon.com/lambda/latest/api/API_ListProvisionedConcurrencyConfigs.html */
export const listProvisionedConcurrencyConfigs =
  (
    host: FunctionHost,
  ): Flow<
    InputOf<"lambda", "ListProvisionedConcurrencyConfigs">,
    OutputOf<"lambda", "ListProvisionedConcurrencyConfigs">
  > =>
  (flow, input) =>
    flow.write((tx, context) => {
      const at = { ...locate(input.FunctionName, context), qualifier: undefined };
      const found = constraints();
      found.range("maxItems", input.MaxItems, 1, PAGE_MAX);
      found.check();
      requireFunction(tx, at);
      const limit = input.MaxItems ?? PAGE_MAX;
      const { start, end } = provisionedRange(at, at.name);
      const from = input.Marker === undefined ? start : provisionedKey(at, at.name, input.Marker);
      const page = [];
      for (const [, record] of provisioned.range(tx, from, end, { limit: limit + 1 })) {
        if (page.length === limit) return { ProvisionedConcurrencyConfigs: page, NextMarker: record.qualifier };
        page.push({ FunctionArn: functionArn(at, record.qualifier), ...observed(host, tx, at, record) });
      }
      return { ProvisionedConcurrencyConfigs: page };
    });
