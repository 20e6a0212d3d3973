/** Event source mappings: which queue or stream feeds which function. How is in `mapping-settings.ts`; what polls in `pollers.ts`. */
import { AwsError } from "../../kernel/errors.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { Flow, InputOf, Operation, OperationContext, OutputOf } from "../service.ts";
import { keep } from "./checkpoints.ts";
import { invalidParameterValue, resourceConflict, resourceDoesNotExist } from "./errors.ts";
import {
  checkForSource,
  checkSettings,
  defaultSettings,
  mergedSettings,
  shownStream,
  startingPosition,
} from "./mapping-settings.ts";
import { checkQueue, type Start, sourceKind, streamEnds } from "./mapping-sources.ts";
import { type FunctionLocator, functionArn, locate, mappingArn } from "./names.ts";
import { constraints } from "./rules.ts";
import { type MappingRecord, mappingKey, mappingRange, mappings, type Place, type VersionRecord } from "./state.ts";
import type { Functions } from "./stored.ts";
import { requireVersion } from "./stored.ts";

export const MAPPING_CHANGED = "lambda.EventSourceMappingChanged";

export interface MappingChange extends Place {
  readonly uuid: string;
}

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
    StateTransitionReason: record.stream ? "User action" : "USER_INITIATED",
    FunctionResponseTypes: record.reportBatchItemFailures ? ["ReportBatchItemFailures"] : [],
    ...(record.maximumConcurrency === undefined
      ? {}
      : { ScalingConfig: { MaximumConcurrency: record.maximumConcurrency } }),
    ...(record.stream && shownStream(record.stream)),
    EventSourceMappingArn: mappingArn(at, record.uuid),
  };
}

/** Writes a mapping on its way to another state; the pollers hear of it. */
function change(tx: Transaction, at: Place, record: MappingRecord): void {
  mappings.put(tx, mappingKey(at, record.uuid), record);
  const detail: MappingChange = { accountId: at.accountId, region: at.region, uuid: record.uuid };
  tx.emit({ type: MAPPING_CHANGED, detail });
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

/** @see https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html */
export function createEventSourceMapping(
  functions: Functions,
): Flow<InputOf<"lambda", "CreateEventSourceMapping">, OutputOf<"lambda", "CreateEventSourceMapping">> {
  return async (flow, input) => {
    const found = constraints();
    found.required("functionName", input.FunctionName);
    found.check();
    checkSettings(input);
    const kind = sourceKind(input.EventSourceArn);
    const eventSourceArn = input.EventSourceArn!;
    const position = startingPosition(input, kind, eventSourceArn);
    checkForSource(input, kind);
    const settings = mergedSettings(input, defaultSettings(position), kind);
    const target = await flow.write((tx, context) => targetOf(tx, input.FunctionName, context));
    let ends: readonly Start[] = [];
    if (kind === "stream") ends = await streamEnds(functions, flow, eventSourceArn, target);
    else await checkQueue(functions, flow, eventSourceArn, target);
    return flow.write((tx, context) => {
      targetOf(tx, input.FunctionName, context);
      const arn = functionArn(target.at, target.at.qualifier);
      refuseDuplicate(tx, context, eventSourceArn, arn, target.at.name, kind === "stream");
      const record: MappingRecord = {
        ...settings,
        uuid: context.random.uuid(),
        eventSourceArn,
        functionArn: arn,
        fifo: kind === "fifo-queue",
        state: "Creating",
        enabled: input.Enabled ?? true,
        lastModifiedMs: context.nowMs,
        lastProcessingResult: "No records processed",
        tags: input.Tags ?? {},
      };
      change(tx, context, record);
      // Kept with the mapping: nothing that is written after the answer is missed.
      if (position === "LATEST") for (const end of ends) begin(tx, context, record, end);
      return shown(context, record);
    });
  };
}

function begin(tx: Transaction, at: Place, { uuid, stream }: MappingRecord, { shardId, sequence, done }: Start): void {
  const of = stream!.parallelizationFactor;
  for (let consumer = 0; consumer < of; consumer++) keep(tx, at, uuid, shardId, { consumer, of, sequence, done });
}

function refuseDuplicate(
  tx: Transaction,
  at: Place,
  source: string,
  arn: string,
  name: string,
  isStream: boolean,
): void {
  const { start, end } = mappingRange(at);
  for (const [, other] of mappings.range(tx, start, end)) {
    if (other.eventSourceArn !== source || other.functionArn !== arn || other.state === "Deleting") continue;
    throw resourceConflict(
      isStream
        ? `The event source arn (" ${source} ") and function (" ${name} ") provided mapping already exists. Please update or delete the existing mapping with UUID ${other.uuid}`
        : `An event source mapping with SQS arn (" ${source} ") and function (" ${name} ") already exists. Please update or delete the existing mapping with UUID ${other.uuid}`,
    );
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
      const kind = sourceKind(previous.eventSourceArn);
      checkForSource(input, kind);
      const { maximumConcurrency: _merged, ...kept } = previous;
      const record: MappingRecord = {
        ...kept,
        ...mergedSettings(input, previous, kind),
        functionArn: functionArn(target.at, target.at.qualifier),
        enabled: input.Enabled ?? previous.enabled,
        state: transition(previous.enabled, input.Enabled ?? previous.enabled),
        lastModifiedMs: context.nowMs,
      };
      return { record, target };
    };
    const { record, target } = await flow.write(apply);
    if (record.stream) await streamEnds(functions, flow, record.eventSourceArn, target);
    else await checkQueue(functions, flow, record.eventSourceArn, target);
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
