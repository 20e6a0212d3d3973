/** How asynchronous invocations end: retries, age and destinations, for a function, version or alias. */
import { parseArn } from "../../kernel/arn.ts";
import { decodeKey } from "../../storage/keys.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, Operation, OutputOf } from "../service.ts";
import { invalidParameterValue, resourceNotFound } from "./errors.ts";
import { type FunctionLocator, functionArn, locate } from "./names.ts";
import { constraints } from "./rules.ts";
import {
  aliases,
  aliasKey,
  functionKey,
  functions,
  type InvokeConfigRecord,
  invokeConfigKey,
  invokeConfigs,
  nounRange,
  type Place,
  versionKey,
  versions,
} from "./state.ts";

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
  // Buckets take failures only.
  if (target?.service === "s3" && destination !== input.DestinationConfig?.OnSuccess?.Destination) return;
  if (target?.service === "sqs" || target?.service === "sns" || target?.service === "events") return;
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
