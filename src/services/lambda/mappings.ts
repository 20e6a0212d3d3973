/** Event source mappings: which queue feeds which function, and how. What polls is in `pollers.ts`. */
import { parseArn } from "../../kernel/arn.ts";
import { AwsError, notImplemented } from "../../kernel/errors.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { Flow, FlowContext, InputOf, Operation, OperationContext, OutputOf } from "../service.ts";
import { recordFilter } from "./batches.ts";
import { invalidParameterValue, resourceConflict, resourceDoesNotExist } from "./errors.ts";
import { InvalidPattern } from "./event-pattern.ts";
import { type FunctionLocator, functionArn, locate, mappingArn } from "./names.ts";
import { constraints } from "./rules.ts";
import { type MappingRecord, mappingKey, mappingRange, mappings, type Place, type VersionRecord } from "./state.ts";
import type { Functions } from "./stored.ts";
import { requireVersion } from "./stored.ts";

export const MAPPING_CHANGED = "lambda.EventSourceMappingChanged";

export interface MappingChange extends Place {
  readonly uuid: string;
}

const FILTERS_MAX = 10;
const FILTER_LENGTH_MAX = 4096;

type Shown = OutputOf<"lambda", "GetEventSourceMapping">;

function shown(at: Place, record: MappingRecord): Shown {
  return {
    UUID: record.uuid,
    BatchSize: record.batchSize,
    MaximumBatchingWindowInSeconds: record.windowSeconds,
    EventSourceArn: record.eventSourceArn,
    ...(record.filters.length === 0
      ? {}
      : { FilterCriteria: { Filters: record.filters.map((Pattern) => ({ Pattern })) } }),
    FunctionArn: record.functionArn,
    LastModified: new Date(record.lastModifiedMs),
    LastProcessingResult: record.lastProcessingResult,
    State: record.state,
    StateTransitionReason: "USER_INITIATED",
    FunctionResponseTypes: record.reportBatchItemFailures ? ["ReportBatchItemFailures"] : [],
    ...(record.maximumConcurrency === undefined
      ? {}
      : { ScalingConfig: { MaximumConcurrency: record.maximumConcurrency } }),
    EventSourceMappingArn: mappingArn(at, record.uuid),
  };
}

/** Writes a mapping on its way to another state; the pollers hear of it. */
function change(tx: Transaction, at: Place, record: MappingRecord): void {
  mappings.put(tx, mappingKey(at, record.uuid), record);
  const detail: MappingChange = { accountId: at.accountId, region: at.region, uuid: record.uuid };
  tx.emit({ type: MAPPING_CHANGED, detail });
}

/** What Create and Update share. */
interface Settings {
  readonly BatchSize?: number | undefined;
  readonly MaximumBatchingWindowInSeconds?: number | undefined;
  readonly ScalingConfig?: { readonly MaximumConcurrency?: number | undefined } | undefined;
  readonly FilterCriteria?: { readonly Filters?: { readonly Pattern?: string | undefined }[] | undefined } | undefined;
  readonly FunctionResponseTypes?: string[] | undefined;
}

function checkSettings(input: Settings): void {
  const found = constraints();
  found.range("batchSize", input.BatchSize, 1, 10_000);
  found.range("maximumBatchingWindowInSeconds", input.MaximumBatchingWindowInSeconds, 0, 300);
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

/** The settings over what was there, or over the defaults. */
function merged(input: Settings, previous: Pick<MappingRecord, keyof typeof DEFAULTS> & Partial<MappingRecord>) {
  const { maximumConcurrency: before, ...rest } = previous;
  const maximumConcurrency = input.ScalingConfig === undefined ? before : input.ScalingConfig.MaximumConcurrency;
  return {
    ...rest,
    batchSize: input.BatchSize ?? previous.batchSize,
    windowSeconds: input.MaximumBatchingWindowInSeconds ?? previous.windowSeconds,
    ...(maximumConcurrency === undefined ? {} : { maximumConcurrency }),
    filters: input.FilterCriteria === undefined ? previous.filters : patternsOf(input),
    reportBatchItemFailures:
      input.FunctionResponseTypes === undefined
        ? previous.reportBatchItemFailures
        : input.FunctionResponseTypes.includes("ReportBatchItemFailures"),
  };
}

const DEFAULTS = { batchSize: 10, windowSeconds: 0, filters: [] as readonly string[], reportBatchItemFailures: false };

function patternsOf(input: Settings): readonly string[] {
  const patterns = (input.FilterCriteria?.Filters ?? []).map(({ Pattern }) => Pattern ?? "{}");
  try {
    recordFilter(patterns);
  } catch (error) {
    if (!(error instanceof InvalidPattern) && !(error instanceof SyntaxError)) throw error;
    throw invalidParameterValue("Invalid filter pattern definition.");
  }
  return patterns;
}

/** Rules that need to know the queue. */
function checkTogether(record: Pick<MappingRecord, "batchSize" | "windowSeconds" | "fifo">): void {
  const { batchSize, windowSeconds, fifo } = record;
  if (fifo && windowSeconds > 0) {
    throw invalidParameterValue("Batching window is not supported for FIFO queues");
  }
  if (fifo && batchSize > 10) {
    throw invalidParameterValue("The maximum batch size for FIFO queues is 10.");
  }
  if (batchSize > 10 && windowSeconds === 0) {
    throw invalidParameterValue(
      "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10",
    );
  }
}

/** The function that a mapping is for, with its configuration. */
function targetOf(
  tx: Transaction,
  name: string | undefined,
  context: Place,
): { at: FunctionLocator; record: VersionRecord } {
  const at = locate(name, context);
  try {
    return { at, record: requireVersion(tx, at) };
  } catch (error) {
    if (error instanceof AwsError && error.code === "ResourceNotFoundException") {
      throw invalidParameterValue("Function does not exist");
    }
    throw error;
  }
}

/** The queue behind an event source ARN, asked with the function's own role, as the pollers will. */
async function checkQueue(
  functions: Functions,
  flow: FlowContext,
  queueArn: string,
  target: { readonly at: FunctionLocator; readonly record: VersionRecord },
): Promise<void> {
  const { principal } = await functions.roles.assume(flow, target.record.role, target.at.name);
  let visibilitySeconds: number;
  try {
    const { Attributes } = await flow.call(
      "sqs",
      "GetQueueAttributes",
      { QueueUrl: queueUrl(flow, queueArn), AttributeNames: ["VisibilityTimeout"] },
      { principal },
    );
    visibilitySeconds = Number(Attributes!.VisibilityTimeout);
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    if (error.status === 403 || error.code.startsWith("AccessDenied")) {
      throw invalidParameterValue(
        "The provided execution role does not have permissions to call ReceiveMessage on SQS",
      );
    }
    throw invalidParameterValue(
      `Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. SQS Error Message: ${error.message}`,
    );
  }
  const { timeoutSeconds } = target.record;
  if (visibilitySeconds < timeoutSeconds) {
    throw invalidParameterValue(
      `Queue visibility timeout: ${visibilitySeconds} seconds is less than Function timeout: ${timeoutSeconds} seconds`,
    );
  }
}

/** The address of a queue by its ARN. */
export function queueUrl(flow: Pick<FlowContext, "endpoint">, queueArn: string): string {
  const { accountId, resource } = parseArn(queueArn)!;
  return `${flow.endpoint}/${accountId}/${resource}`;
}

function checkSource(eventSourceArn: string | undefined): string {
  const source = eventSourceArn === undefined ? undefined : parseArn(eventSourceArn);
  if (!source) throw invalidParameterValue("Unrecognized event source.");
  if (source.service !== "sqs") throw notImplemented(`event source mappings from ${source.service}`);
  return eventSourceArn!;
}

/** @see https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html */
export function createEventSourceMapping(
  functions: Functions,
): Flow<InputOf<"lambda", "CreateEventSourceMapping">, OutputOf<"lambda", "CreateEventSourceMapping">> {
  return async (flow, input) => {
    const found = constraints();
    found.required("functionName", input.FunctionName);
    found.check();
    checkSettings(input);
    const eventSourceArn = checkSource(input.EventSourceArn);
    const settings = merged(input, DEFAULTS);
    const fifo = eventSourceArn.endsWith(".fifo");
    checkTogether({ ...settings, fifo });
    const target = await flow.write((tx, context) => targetOf(tx, input.FunctionName, context));
    await checkQueue(functions, flow, eventSourceArn, target);
    return flow.write((tx, context) => {
      targetOf(tx, input.FunctionName, context);
      const arn = functionArn(target.at, target.at.qualifier);
      refuseDuplicate(tx, context, eventSourceArn, arn, target.at.name);
      const record: MappingRecord = {
        ...settings,
        uuid: context.random.uuid(),
        eventSourceArn,
        functionArn: arn,
        fifo,
        state: "Creating",
        enabled: input.Enabled ?? true,
        lastModifiedMs: context.nowMs,
        lastProcessingResult: "No records processed",
        tags: input.Tags ?? {},
      };
      change(tx, context, record);
      return shown(context, record);
    });
  };
}

function refuseDuplicate(tx: Transaction, at: Place, queue: string, arn: string, name: string): void {
  const { start, end } = mappingRange(at);
  for (const [, other] of mappings.range(tx, start, end)) {
    if (other.eventSourceArn === queue && other.functionArn === arn && other.state !== "Deleting") {
      throw resourceConflict(
        `An event source mapping with SQS arn (" ${queue} ") and function (" ${name} ") already exists. Please update or delete the existing mapping with UUID ${other.uuid}`,
      );
    }
  }
}

function requireMapping(tx: Transaction, at: Place, uuid: string | undefined): MappingRecord {
  const record = uuid === undefined ? undefined : mappings.get(tx, mappingKey(at, uuid));
  if (!record) throw resourceDoesNotExist();
  return record;
}

/** @see https://docs.aws.amazon.com/lambda/latest/api/API_GetEventSourceMapping.html */
export const getEventSourceMapping: Operation<InputOf<"lambda", "GetEventSourceMapping">, Shown> = (
  tx,
  input,
  context,
) => shown(context, requireMapping(tx, context, input.UUID));

/** @see https://docs.aws.amazon.com/lambda/latest/api/API_ListEventSourceMappings.html */
export const listEventSourceMappings: Operation<
  InputOf<"lambda", "ListEventSourceMappings">,
  OutputOf<"lambda", "ListEventSourceMappings">
> = (tx, input, context) => {
  const found = constraints();
  found.range("maxItems", input.MaxItems, 1, 10_000);
  found.check();
  const limit = Math.min(input.MaxItems ?? 100, 100);
  const wanted = input.FunctionName === undefined ? undefined : locate(input.FunctionName, context);
  const belongs = (record: MappingRecord): boolean => {
    if (input.EventSourceArn !== undefined && record.eventSourceArn !== input.EventSourceArn) return false;
    if (!wanted) return true;
    return record.functionArn === functionArn(wanted, wanted.qualifier);
  };
  const { start, end } = mappingRange(context);
  const from = input.Marker === undefined ? start : mappingKey(context, input.Marker);
  const page: Shown[] = [];
  for (const [, record] of mappings.range(tx, from, end)) {
    if (!belongs(record)) continue;
    if (page.length === limit) return { EventSourceMappings: page, NextMarker: record.uuid };
    page.push(shown(context, record));
  }
  return { EventSourceMappings: page };
};

/** @see https://docs.aws.amazon.com/lambda/latest/api/API_UpdateEventSourceMapping.html */
export function updateEventSourceMapping(
  functions: Functions,
): Flow<InputOf<"lambda", "UpdateEventSourceMapping">, OutputOf<"lambda", "UpdateEventSourceMapping">> {
  return async (flow, input) => {
    checkSettings(input);
    const apply = (tx: Transaction, context: OperationContext) => {
      const previous = requireMapping(tx, context, input.UUID);
      if (previous.state === "Deleting") throw resourceDoesNotExist();
      const target = targetOf(tx, input.FunctionName ?? previous.functionArn, context);
      const { maximumConcurrency: _merged, ...kept } = previous;
      const record: MappingRecord = {
        ...kept,
        ...merged(input, previous),
        functionArn: functionArn(target.at, target.at.qualifier),
        enabled: input.Enabled ?? previous.enabled,
        state: transition(previous.enabled, input.Enabled ?? previous.enabled),
        lastModifiedMs: context.nowMs,
      };
      checkTogether(record);
      return { record, target };
    };
    const { record, target } = await flow.write(apply);
    await checkQueue(functions, flow, record.eventSourceArn, target);
    return flow.write((tx, context) => {
      const next = apply(tx, context).record;
      change(tx, context, next);
      return shown(context, next);
    });
  };
}

function transition(before: boolean, now: boolean): MappingRecord["state"] {
  if (before === now) return "Updating";
  return now ? "Enabling" : "Disabling";
}

/** @see https://docs.aws.amazon.com/lambda/latest/api/API_DeleteEventSourceMapping.html */
export const deleteEventSourceMapping: Operation<InputOf<"lambda", "DeleteEventSourceMapping">, Shown> = (
  tx,
  input,
  context,
) => {
  const record: MappingRecord = { ...requireMapping(tx, context, input.UUID), enabled: false, state: "Deleting" };
  change(tx, context, record);
  return shown(context, record);
};
