/**
 * What an event source mapping may be set to: the members of Create and Update, over what was there or over the defaults of the source's kind.
 * Checks go in AWS's order: the API model's constraints, then what does not fit the source, then what does not fit together.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
 */
import { parseArn } from "../../kernel/arn.ts";
import type { InputOf } from "../service.ts";
import { recordFilter } from "./batches.ts";
import { invalidParameterValue } from "./errors.ts";
import { InvalidPattern } from "./event-pattern.ts";
import { constraints } from "./rules.ts";
import type { MappingRecord, StreamSettings } from "./state.ts";
import { streamFilter } from "./stream-events.ts";

const FILTERS_MAX = 10;
const FILTER_LENGTH_MAX = 4096;
const FIFO_BATCH_MAX = 10;
const RECORD_AGE_SECONDS_MIN = 60;
const STARTING_POSITIONS = ["TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"];

type CreateInput = InputOf<"lambda", "CreateEventSourceMapping">;
/** What Create and Update share. */
export type Settings = Pick<
  CreateInput,
  | "BatchSize"
  | "BisectBatchOnFunctionError"
  | "DestinationConfig"
  | "FilterCriteria"
  | "FunctionResponseTypes"
  | "MaximumBatchingWindowInSeconds"
  | "MaximumRecordAgeInSeconds"
  | "MaximumRetryAttempts"
  | "ParallelizationFactor"
  | "ScalingConfig"
  | "TumblingWindowInSeconds"
>;

export type SourceKind = "queue" | "fifo-queue" | "stream";

/** The settings as they are kept. */
export type MappingSettings = Pick<
  MappingRecord,
  "batchSize" | "windowSeconds" | "maximumConcurrency" | "filters" | "reportBatchItemFailures" | "stream"
>;

/** @throws ValidationException, InvalidParameterValueException */
export function checkSettings(input: Settings & Pick<CreateInput, "StartingPosition">): void {
  const found = constraints();
  found.range("batchSize", input.BatchSize, 1, 10_000);
  found.range("maximumBatchingWindowInSeconds", input.MaximumBatchingWindowInSeconds, 0, 300);
  found.range("parallelizationFactor", input.ParallelizationFactor, 1, 10);
  found.oneOf("startingPosition", input.StartingPosition, STARTING_POSITIONS);
  found.range("maximumRecordAgeInSeconds", input.MaximumRecordAgeInSeconds, -1, 604_800);
  found.range("maximumRetryAttempts", input.MaximumRetryAttempts, -1, 10_000);
  found.range("tumblingWindowInSeconds", input.TumblingWindowInSeconds, 0, 900);
  found.range("scalingConfig.maximumConcurrency", input.ScalingConfig?.MaximumConcurrency, 2, 1000);
  for (const type of input.FunctionResponseTypes ?? []) {
    found.oneOf("functionResponseTypes", type, ["ReportBatchItemFailures"]);
  }
  const filters = input.FilterCriteria?.Filters ?? [];
  for (const { Pattern } of filters) found.length("filterCriteria.filters.pattern", Pattern, 0, FILTER_LENGTH_MAX);
  found.check();
  if (filters.length > FILTERS_MAX) {
    throw invalidParameterValue(`The number of filters in FilterCriteria exceeds the limit of ${FILTERS_MAX}.`);
  }
}

/** Members that one kind of source has and the other has not. */
const STREAM_MEMBERS = [
  "ParallelizationFactor",
  "BisectBatchOnFunctionError",
  "MaximumRecordAgeInSeconds",
  "MaximumRetryAttempts",
  "TumblingWindowInSeconds",
] as const;

/** @throws InvalidParameterValueException for what the source has no use for, or cannot be */
export function checkForSource(input: Settings, kind: SourceKind): void {
  const unsupported = (member: string) =>
    invalidParameterValue(`Unsupported ${member} parameter for given event source mapping type.`);
  if (input.DestinationConfig?.OnSuccess?.Destination) throw unsupported("DestinationConfig");
  if (kind === "stream") {
    if (input.ScalingConfig?.MaximumConcurrency !== undefined) throw unsupported("ScalingConfig");
    checkDestination(input.DestinationConfig?.OnFailure?.Destination);
    const age = input.MaximumRecordAgeInSeconds;
    if (age !== undefined && age !== -1 && age < RECORD_AGE_SECONDS_MIN) {
      throw invalidParameterValue(
        `MaximumRecordAgeInSeconds must be -1 or at least ${RECORD_AGE_SECONDS_MIN}, not ${age}.`,
      );
    }
    return;
  }
  for (const member of STREAM_MEMBERS) if (input[member] !== undefined) throw unsupported(member);
  if (input.DestinationConfig?.OnFailure?.Destination) throw unsupported("DestinationConfig");
}

function checkDestination(destination: string | undefined): void {
  if (!destination) return;
  const target = parseArn(destination);
  const isMessaging = target?.service === "sqs" || target?.service === "sns";
  if (target?.service === "s3" || (isMessaging && !target.resource.endsWith(".fifo"))) return;
  throw invalidParameterValue(`The destination ARN ${destination} is invalid.`);
}

/** @throws InvalidParameterValueException */
export function startingPosition(
  { StartingPosition: position, StartingPositionTimestamp: timestamp }: CreateInput,
  kind: SourceKind,
  sourceArn: string,
): StreamSettings["startingPosition"] | undefined {
  if (kind !== "stream") {
    if (position !== undefined) throw invalidParameterValue("StartingPosition is not valid for SQS event sources.");
    if (timestamp !== undefined) {
      throw invalidParameterValue("StartingPositionTimestamp is not valid for SQS event sources.");
    }
    return undefined;
  }
  if (position === undefined) {
    throw invalidParameterValue(
      "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not be null.",
    );
  }
  if (position === "AT_TIMESTAMP") {
    throw invalidParameterValue(`Unsupported starting position for arn type: ${sourceArn}`);
  }
  if (timestamp !== undefined) {
    throw invalidParameterValue("StartingPositionTimestamp is only valid with the starting position AT_TIMESTAMP.");
  }
  return position;
}

export const defaultSettings = (position: StreamSettings["startingPosition"] | undefined): MappingSettings => ({
  batchSize: position === undefined ? 10 : 100,
  windowSeconds: 0,
  filters: [],
  reportBatchItemFailures: false,
  ...(position !== undefined && {
    stream: {
      startingPosition: position,
      parallelizationFactor: 1,
      bisectBatchOnFunctionError: false,
      maximumRecordAgeSeconds: -1,
      maximumRetryAttempts: -1,
      tumblingWindowSeconds: 0,
    },
  }),
});

/** The settings over what was there, or over the defaults. @throws InvalidParameterValueException */
export function mergedSettings(input: Settings, previous: MappingSettings, kind: SourceKind): MappingSettings {
  const maximumConcurrency =
    input.ScalingConfig === undefined ? previous.maximumConcurrency : input.ScalingConfig.MaximumConcurrency;
  const settings: MappingSettings = {
    batchSize: input.BatchSize ?? previous.batchSize,
    windowSeconds: input.MaximumBatchingWindowInSeconds ?? previous.windowSeconds,
    ...(maximumConcurrency === undefined ? {} : { maximumConcurrency }),
    filters: input.FilterCriteria === undefined ? previous.filters : patternsOf(input, kind),
    reportBatchItemFailures:
      input.FunctionResponseTypes === undefined
        ? previous.reportBatchItemFailures
        : input.FunctionResponseTypes.includes("ReportBatchItemFailures"),
    ...(previous.stream && { stream: mergedStream(input, previous.stream) }),
  };
  checkTogether(settings, kind);
  return settings;
}

function mergedStream(input: Settings, { onFailure: before, ...previous }: StreamSettings): StreamSettings {
  const onFailure = input.DestinationConfig === undefined ? before : input.DestinationConfig.OnFailure?.Destination;
  return {
    ...previous,
    parallelizationFactor: input.ParallelizationFactor ?? previous.parallelizationFactor,
    bisectBatchOnFunctionError: input.BisectBatchOnFunctionError ?? previous.bisectBatchOnFunctionError,
    maximumRecordAgeSeconds: input.MaximumRecordAgeInSeconds ?? previous.maximumRecordAgeSeconds,
    maximumRetryAttempts: input.MaximumRetryAttempts ?? previous.maximumRetryAttempts,
    tumblingWindowSeconds: input.TumblingWindowInSeconds ?? previous.tumblingWindowSeconds,
    ...(onFailure && { onFailure }),
  };
}

function patternsOf(input: Settings, kind: SourceKind): readonly string[] {
  const patterns = (input.FilterCriteria?.Filters ?? []).map(({ Pattern }) => Pattern ?? "{}");
  try {
    if (kind === "stream") streamFilter(patterns);
    else recordFilter(patterns);
  } catch (error) {
    if (!(error instanceof InvalidPattern) && !(error instanceof SyntaxError)) throw error;
    throw invalidParameterValue("Invalid filter pattern definition.");
  }
  return patterns;
}

function checkTogether({ batchSize, windowSeconds }: MappingSettings, kind: SourceKind): void {
  if (kind === "stream") return;
  if (kind === "fifo-queue" && windowSeconds > 0) {
    throw invalidParameterValue("Batching window is not supported for FIFO queues");
  }
  if (kind === "fifo-queue" && batchSize > FIFO_BATCH_MAX) {
    throw invalidParameterValue(`The maximum batch size for FIFO queues is ${FIFO_BATCH_MAX}.`);
  }
  if (batchSize > 10 && windowSeconds === 0) {
    throw invalidParameterValue(
      "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10",
    );
  }
}

/** Of a stream's mapping, as Get answers. */
export function shownStream(stream: StreamSettings) {
  return {
    StartingPosition: stream.startingPosition,
    ParallelizationFactor: stream.parallelizationFactor,
    BisectBatchOnFunctionError: stream.bisectBatchOnFunctionError,
    MaximumRecordAgeInSeconds: stream.maximumRecordAgeSeconds,
    MaximumRetryAttempts: stream.maximumRetryAttempts,
    TumblingWindowInSeconds: stream.tumblingWindowSeconds,
    DestinationConfig: { OnFailure: stream.onFailure === undefined ? {} : { Destination: stream.onFailure } },
  };
}
