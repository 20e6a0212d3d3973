/** Reserved concurrency, and the account's limits and usage. */
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, Operation, OutputOf } from "../service.ts";
import { invalidParameterValue } from "./errors.ts";
import { type FunctionLocator, locate } from "./names.ts";
import { constraints, LIMITS } from "./rules.ts";
import {
  concurrencies,
  concurrencyKey,
  functionKey,
  functionNames,
  functions,
  layerNames,
  layerVersionRange,
  layerVersions,
  type Place,
} from "./state.ts";
import { requireFunction, storedCode } from "./stored.ts";

/** How many invocations all functions without reserved concurrency may run at once, beside what is provisioned for them. */
export function unreservedConcurrency(tx: Transaction, at: Place): number {
  const { reserved = 0, provisioned = 0 } = concurrencies.get(tx, concurrencyKey(at)) ?? {};
  return LIMITS.accountConcurrency - reserved - provisioned;
}

/** What is provisioned for all versions and aliases of a function. */
export const provisionedTotal = (tx: Transaction, at: Omit<FunctionLocator, "qualifier">): number =>
  requireFunction(tx, { ...at, qualifier: undefined }).provisionedConcurrency ?? 0;

/** Changes a function's reserved concurrency and the account's sum with it. */
export function reserve(tx: Transaction, at: FunctionLocator, concurrency: number | undefined): void {
  settle(tx, at, concurrency, provisionedTotal(tx, at));
}

/** Changes what is provisioned for a function and the account's sum with it. */
export function setProvisionedTotal(tx: Transaction, at: Omit<FunctionLocator, "qualifier">, total: number): void {
  const of = { ...at, qualifier: undefined };
  settle(tx, of, requireFunction(tx, of).reservedConcurrency, total);
}

/** What is provisioned is part of what is reserved, where anything is; else it is taken from what all share. */
function settle(tx: Transaction, at: FunctionLocator, reserved: number | undefined, provisioned: number): void {
  const { reservedConcurrency, provisionedConcurrency = 0, ...record } = requireFunction(tx, at);
  const sums = concurrencies.get(tx, concurrencyKey(at)) ?? { reserved: 0 };
  const before = reservedConcurrency === undefined ? provisionedConcurrency : 0;
  const after = reserved === undefined ? provisioned : 0;
  concurrencies.put(tx, concurrencyKey(at), {
    reserved: sums.reserved - (reservedConcurrency ?? 0) + (reserved ?? 0),
    provisioned: (sums.provisioned ?? 0) - before + after,
  });
  functions.put(tx, functionKey(at, at.name), {
    ...record,
    ...(reserved === undefined ? {} : { reservedConcurrency: reserved }),
    ...(provisioned === 0 ? {} : { provisionedConcurrency: provisioned }),
  });
}

/** @see https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionConcurrency.html */
export const putFunctionConcurrency: Operation<
  InputOf<"lambda", "PutFunctionConcurrency">,
  OutputOf<"lambda", "PutFunctionConcurrency">
> = (tx, input, context) => {
  const at = unqualified(locate(input.FunctionName, context));
  const found = constraints();
  found.required("reservedConcurrentExecutions", input.ReservedConcurrentExecutions);
  found.range("reservedConcurrentExecutions", input.ReservedConcurrentExecutions, 0, Number.MAX_SAFE_INTEGER);
  found.check();
  const wanted = input.ReservedConcurrentExecutions!;
  const { reservedConcurrency, provisionedConcurrency = 0 } = requireFunction(tx, at);
  if (wanted < provisionedConcurrency) {
    throw invalidParameterValue(
      ` ReservedConcurrentExecutions  ${wanted} should not be lower than function's total provisioned concurrency [${provisionedConcurrency}].`,
    );
  }
  const left = unreservedConcurrency(tx, at) + (reservedConcurrency ?? provisionedConcurrency) - wanted;
  if (left < LIMITS.unreservedConcurrencyMin) {
    throw invalidParameterValue(
      `Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [${LIMITS.unreservedConcurrencyMin}].`,
    );
  }
  reserve(tx, at, wanted);
  return { ReservedConcurrentExecutions: wanted };
};

function unqualified(at: FunctionLocator): FunctionLocator {
  if (at.qualifier === undefined) return at;
  throw invalidParameterValue(
    "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. Please specify either a function name or an unqualified function ARN.",
  );
}

/** @see https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConcurrency.html */
export const getFunctionConcurrency: Operation<
  InputOf<"lambda", "GetFunctionConcurrency">,
  OutputOf<"lambda", "GetFunctionConcurrency">
> = (tx, input, context) => {
  const { reservedConcurrency } = requireFunction(tx, unqualified(locate(input.FunctionName, context)));
  return reservedConcurrency === undefined ? {} : { ReservedConcurrentExecutions: reservedConcurrency };
};

/** @see https://docs.aws.amazon.com/lambda/latest/api/API_DeleteFunctionConcurrency.html */
export const deleteFunctionConcurrency: Operation<
  InputOf<"lambda", "DeleteFunctionConcurrency">,
  OutputOf<"lambda", "DeleteFunctionConcurrency">
> = (tx, input, context) => {
  reserve(tx, unqualified(locate(input.FunctionName, context)), undefined);
  return {};
};

/** @see https://docs.aws.amazon.com/lambda/latest/api/API_GetAccountSettings.html */
export const getAccountSettings: Operation<
  InputOf<"lambda", "GetAccountSettings">,
  OutputOf<"lambda", "GetAccountSettings">
> = (tx, _input, context) => {
  let size = 0;
  for (const code of storedCode(tx, context)) size += code.bytes;
  for (const name of layerNames(tx, context)) {
    const { start, end } = layerVersionRange(context, name);
    for (const [, layer] of layerVersions.range(tx, start, end)) size += layer.code.bytes;
  }
  return {
    AccountLimit: {
      TotalCodeSize: LIMITS.totalCodeBytes,
      CodeSizeUnzipped: LIMITS.unzippedBytes,
      CodeSizeZipped: LIMITS.zipUploadBytes,
      ConcurrentExecutions: LIMITS.accountConcurrency,
      UnreservedConcurrentExecutions:
        LIMITS.accountConcurrency - (concurrencies.get(tx, concurrencyKey(context))?.reserved ?? 0),
    },
    AccountUsage: { TotalCodeSize: size, FunctionCount: [...functionNames(tx, context)].length },
  };
};
