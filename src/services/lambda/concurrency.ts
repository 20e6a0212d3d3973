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

const reserved = (tx: Transaction, at: Place): number => concurrencies.get(tx, concurrencyKey(at))?.reserved ?? 0;

/** How many invocations all functions without reserved concurrency may run at once. */
export const unreservedConcurrency = (tx: Transaction, at: Place): number =>
  LIMITS.accountConcurrency - reserved(tx, at);

/** Changes a function's reserved concurrency and the account's sum with it. */
export function reserve(tx: Transaction, at: FunctionLocator, concurrency: number | undefined): void {
  const { reservedConcurrency: previous, ...record } = requireFunction(tx, at);
  concurrencies.put(tx, concurrencyKey(at), { reserved: reserved(tx, at) - (previous ?? 0) + (concurrency ?? 0) });
  functions.put(tx, functionKey(at, at.name), {
    ...record,
    ...(concurrency === undefined ? {} : { reservedConcurrency: concurrency }),
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
  const left = unreservedConcurrency(tx, at) + (requireFunction(tx, at).reservedConcurrency ?? 0) - wanted;
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
      UnreservedConcurrentExecutions: unreservedConcurrency(tx, context),
    },
    AccountUsage: { TotalCodeSize: size, FunctionCount: [...functionNames(tx, context)].length },
  };
};
