/** What is set on a function beside its versions: tags, reserved concurrency, how asynchronous invocations end; and the account's limits. */

import { parseArn } from "../../kernel/arn.ts";
import { notImplemented } from "../../kernel/errors.ts";
import { decodeKey } from "../../storage/keys.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, Operation, OutputOf } from "../service.ts";
import { invalidParameterValue, resourceDoesNotExist, resourceNotFound, validation } from "./errors.ts";
import { checkTagCount, requireFunction, storedCode } from "./functions.ts";
import { type FunctionLocator, functionArn, locate } from "./names.ts";
import { constraints, LIMITS, matches, PATTERNS } from "./rules.ts";
import {
  aliases,
  aliasKey,
  concurrencies,
  concurrencyKey,
  functionKey,
  functionNames,
  functions,
  type InvokeConfigRecord,
  invokeConfigKey,
  invokeConfigs,
  layerNames,
  layerVersionRange,
  layerVersions,
  mappingKey,
  mappings,
  nounRange,
  type Place,
  versionKey,
  versions,
} from "./state.ts";

/** A function or an event source mapping, as tags are put on them. */
function taggable(tx: Transaction, resource: string | undefined, place: Place) {
  const found = constraints();
  found.required("resource", resource);
  found.check();
  if (!matches(PATTERNS.taggable, resource!)) {
    throw validation(
      `1 validation error detected: Value '${resource}' at 'resource' failed to satisfy constraint: Member must satisfy regular expression pattern: ${PATTERNS.taggable}`,
    );
  }
  const kind = parseArn(resource!)!.resource.split(":")[0];
  if (kind === "event-source-mapping") {
    const spot = mappingKey(place, resource!.split(":").at(-1)!);
    const record = mappings.get(tx, spot);
    if (!record) throw resourceDoesNotExist();
    return { tags: record.tags, put: (tags: Record<string, string>) => mappings.put(tx, spot, { ...record, tags }) };
  }
  if (kind !== "function") throw resourceDoesNotExist();
  const at = locate(resource, place);
  if (at.qualifier !== undefined) {
    throw invalidParameterValue(
      "Tags on function aliases and versions are not supported. Please specify a function ARN.",
    );
  }
  const record = requireFunction(tx, at);
  const spot = functionKey(at, at.name);
  return { tags: record.tags, put: (tags: Record<string, string>) => functions.put(tx, spot, { ...record, tags }) };
}

/** @see https://docs.aws.amazon.com/lambda/latest/api/API_TagResource.html */
export const tagResource: Operation<InputOf<"lambda", "TagResource">, OutputOf<"lambda", "TagResource">> = (
  tx,
  input,
  context,
) => {
  const { tags, put } = taggable(tx, input.Resource, context);
  if (!input.Tags || Object.keys(input.Tags).length === 0) {
    throw invalidParameterValue("An error occurred and the request cannot be processed.");
  }
  const merged = { ...tags, ...input.Tags };
  checkTagCount(merged);
  put(merged);
  return {};
};

/** @see https://docs.aws.amazon.com/lambda/latest/api/API_UntagResource.html */
export const untagResource: Operation<InputOf<"lambda", "UntagResource">, OutputOf<"lambda", "UntagResource">> = (
  tx,
  input,
  context,
) => {
  const found = constraints();
  found.required("tagKeys", input.TagKeys);
  found.check();
  const { tags, put } = taggable(tx, input.Resource, context);
  put(Object.fromEntries(Object.entries(tags).filter(([name]) => !input.TagKeys!.includes(name))));
  return {};
};

/** @see https://docs.aws.amazon.com/lambda/latest/api/API_ListTags.html */
export const listTags: Operation<InputOf<"lambda", "ListTags">, OutputOf<"lambda", "ListTags">> = (
  tx,
  input,
  context,
) => ({
  Tags: { ...taggable(tx, input.Resource, context).tags },
});

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

type InvokeConfig = OutputOf<"lambda", "GetFunctionEventInvokeConfig">;
type InvokeConfigInput = InputOf<"lambda", "PutFunctionEventInvokeConfig">;

function shownConfig(at: FunctionLocator, record: InvokeConfigRecord, qualifier: string): InvokeConfig {
  return {
    LastModified: new Date(record.lastModifiedMs),
    FunctionArn: functionArn(at, qualifier),
    ...(record.maximumRetryAttempts === undefined ? {} : { MaximumRetryAttempts: record.maximumRetryAttempts }),
    ...(record.maximumEventAgeSeconds === undefined ? {} : { MaximumEventAgeInSeconds: record.maximumEventAgeSeconds }),
    DestinationConfig: {
      OnSuccess: record.onSuccess === undefined ? {} : { Destination: record.onSuccess },
      OnFailure: record.onFailure === undefined ? {} : { Destination: record.onFailure },
    },
  };
}

/** The function with the qualifier that a configuration hangs on. */
function configured(tx: Transaction, input: InvokeConfigInput, place: Place): FunctionLocator {
  const found = constraints();
  found.range("maximumRetryAttempts", input.MaximumRetryAttempts, 0, 2);
  found.range("maximumEventAgeInSeconds", input.MaximumEventAgeInSeconds, 60, 21_600);
  found.check();
  if (
    input.MaximumRetryAttempts === undefined &&
    input.MaximumEventAgeInSeconds === undefined &&
    input.DestinationConfig === undefined
  ) {
    throw invalidParameterValue("You must specify at least one of error handling or destination setting.");
  }
  const at = locate(input.FunctionName, place, input.Qualifier);
  const exists =
    functions.get(tx, functionKey(at, at.name)) !== undefined &&
    (at.qualifier === undefined ||
      aliases.get(tx, aliasKey(at, at.name, at.qualifier)) !== undefined ||
      (/^(\$LATEST|\d+)$/.test(at.qualifier) && versions.get(tx, versionKey(at, at.name, at.qualifier)) !== undefined));
  if (!exists) throw resourceNotFound("The function doesn't exist.");
  for (const destination of [
    input.DestinationConfig?.OnSuccess?.Destination,
    input.DestinationConfig?.OnFailure?.Destination,
  ]) {
    if (destination) checkDestination(tx, at, destination, input);
  }
  return at;
}

function checkDestination(tx: Transaction, at: FunctionLocator, destination: string, input: InvokeConfigInput): void {
  const target = parseArn(destination);
  if (target?.service === "sns") throw notImplemented("an SNS topic as a destination of asynchronous invocations");
  if (target?.service === "events") throw notImplemented("an event bus as a destination of asynchronous invocations");
  if (target?.service === "s3") throw notImplemented("a bucket as a destination of asynchronous invocations");
  if (target?.service === "sqs") return;
  if (target?.service === "lambda") {
    const other = locate(destination, at);
    if (!functions.get(tx, functionKey(other, other.name))) {
      throw invalidParameterValue(`The destination ARN ${destination} is invalid.`);
    }
    if (other.name === at.name) {
      throw invalidParameterValue("You can't specify the function as a destination for itself.");
    }
    return;
  }
  const part = (name: string, value: string | undefined) => (value ? `${name}(destination=${value})` : "null");
  throw invalidParameterValue(
    `The provided destination config DestinationConfig(onSuccess=${part("OnSuccess", input.DestinationConfig?.OnSuccess?.Destination)}, onFailure=${part("OnFailure", input.DestinationConfig?.OnFailure?.Destination)}) is invalid.`,
  );
}

function given(input: InvokeConfigInput): Partial<InvokeConfigRecord> {
  const { MaximumRetryAttempts, MaximumEventAgeInSeconds, DestinationConfig } = input;
  return {
    ...(MaximumRetryAttempts === undefined ? {} : { maximumRetryAttempts: MaximumRetryAttempts }),
    ...(MaximumEventAgeInSeconds === undefined ? {} : { maximumEventAgeSeconds: MaximumEventAgeInSeconds }),
    ...(DestinationConfig?.OnSuccess?.Destination ? { onSuccess: DestinationConfig.OnSuccess.Destination } : {}),
    ...(DestinationConfig?.OnFailure?.Destination ? { onFailure: DestinationConfig.OnFailure.Destination } : {}),
  };
}

/** Replaces the whole configuration. @see https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html */
export const putFunctionEventInvokeConfig: Operation<InvokeConfigInput, InvokeConfig> = (tx, input, context) => {
  const at = configured(tx, input, context);
  const qualifier = at.qualifier ?? "$LATEST";
  const record: InvokeConfigRecord = { lastModifiedMs: context.nowMs, ...given(input) };
  invokeConfigs.put(tx, invokeConfigKey(at, at.name, qualifier), record);
  return shownConfig(at, record, qualifier);
};

/** Changes what is given. @see https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionEventInvokeConfig.html */
export const updateFunctionEventInvokeConfig: Operation<InvokeConfigInput, InvokeConfig> = (tx, input, context) => {
  const at = configured(tx, input, context);
  const qualifier = at.qualifier ?? "$LATEST";
  const previous = requireConfig(tx, at, qualifier);
  const kept: InvokeConfigRecord =
    input.DestinationConfig === undefined ? previous : { ...previous, ...without(previous, input) };
  const record: InvokeConfigRecord = { ...kept, ...given(input), lastModifiedMs: context.nowMs };
  invokeConfigs.put(tx, invokeConfigKey(at, at.name, qualifier), record);
  return shownConfig(at, record, qualifier);
};

/** A destination that is given empty is taken away. */
function without(previous: InvokeConfigRecord, input: InvokeConfigInput): Partial<InvokeConfigRecord> {
  const { onSuccess, onFailure } = previous;
  return {
    ...(input.DestinationConfig?.OnSuccess === undefined ? { onSuccess } : { onSuccess: undefined }),
    ...(input.DestinationConfig?.OnFailure === undefined ? { onFailure } : { onFailure: undefined }),
  } as Partial<InvokeConfigRecord>;
}

function requireConfig(tx: Transaction, at: FunctionLocator, qualifier: string): InvokeConfigRecord {
  const record = invokeConfigs.get(tx, invokeConfigKey(at, at.name, qualifier));
  if (!record) throw resourceNotFound(`The function ${functionArn(at, qualifier)} doesn't have an EventInvokeConfig`);
  return record;
}

/** @see https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionEventInvokeConfig.html */
export const getFunctionEventInvokeConfig: Operation<
  InputOf<"lambda", "GetFunctionEventInvokeConfig">,
  InvokeConfig
> = (tx, input, context) => {
  const at = locate(input.FunctionName, context, input.Qualifier);
  const qualifier = at.qualifier ?? "$LATEST";
  return shownConfig(at, requireConfig(tx, at, qualifier), qualifier);
};

/** @see https://docs.aws.amazon.com/lambda/latest/api/API_DeleteFunctionEventInvokeConfig.html */
export const deleteFunctionEventInvokeConfig: Operation<
  InputOf<"lambda", "DeleteFunctionEventInvokeConfig">,
  OutputOf<"lambda", "DeleteFunctionEventInvokeConfig">
> = (tx, input, context) => {
  const at = locate(input.FunctionName, context, input.Qualifier);
  const qualifier = at.qualifier ?? "$LATEST";
  requireConfig(tx, at, qualifier);
  tx.delete(invokeConfigKey(at, at.name, qualifier));
  return {};
};

/** @see https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctionEventInvokeConfigs.html */
export const listFunctionEventInvokeConfigs: Operation<
  InputOf<"lambda", "ListFunctionEventInvokeConfigs">,
  OutputOf<"lambda", "ListFunctionEventInvokeConfigs">
> = (tx, input, context) => {
  const at = { ...locate(input.FunctionName, context), qualifier: undefined };
  const found = constraints();
  found.range("maxItems", input.MaxItems, 1, 50);
  found.check();
  if (!functions.get(tx, functionKey(at, at.name))) throw resourceNotFound("The function doesn't exist.");
  const limit = input.MaxItems ?? 50;
  const { start, end } = nounRange(at, at.name, "invoke-config");
  const from = input.Marker === undefined ? start : invokeConfigKey(at, at.name, input.Marker);
  const page: InvokeConfig[] = [];
  for (const [place, record] of invokeConfigs.range(tx, from, end, { limit: limit + 1 })) {
    const qualifier = decodeKey(place).at(-1) as string;
    if (page.length === limit) return { FunctionEventInvokeConfigs: page, NextMarker: qualifier };
    page.push(shownConfig(at, record, qualifier));
  }
  return { FunctionEventInvokeConfigs: page };
};
