/**
 * One consumer of one shard: gathers batches, runs them one after the other, and keeps its place. What fails is tried again, cut in two where the
 * mapping says so, and given up when its retries or its age have run out; nothing behind it in the shard overtakes it.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
 */
import { sleep } from "../../kernel/clock.ts";
import { AwsError } from "../../kernel/errors.ts";
import { BATCH_BYTES_MAX } from "./batches.ts";
import { keep } from "./checkpoints.ts";
import { type Execution, execute } from "./execution.ts";
import { lookUp, note, type StreamWork } from "./mapping-work.ts";
import { locate } from "./names.ts";
import type { CheckpointRecord } from "./state.ts";
import {
  createdMs,
  firstFailure,
  type StreamEventRecord,
  sequenceIn,
  stateIn,
  type TumblingWindow,
  windowMembers,
  windowStartMs,
} from "./stream-events.ts";
import { discard } from "./stream-failures.ts";
import type { ShardReader } from "./stream-reader.ts";

/** Waited before a failed batch is tried again; twice as long after each further failure. */
const RETRY_MS = 1000;
const RETRY_MS_MAX = 60_000;
/** The same for a throttled one, which counts as no attempt. */
const THROTTLED_MS = 100;
const THROTTLED_MS_MAX = 5000;
/** A window with more state than this ends early. */
const STATE_BYTES_MAX = 1024 * 1024;

export interface Consumer {
  readonly work: StreamWork;
  readonly shardId: string;
  readonly consumer: number;
  readonly reader: ShardReader;
  window: TumblingWindow | undefined;
  /** Invocations that failed, before this platform was started, with the batch that begins at this sequence. */
  readonly failedBefore?: { readonly sequence: number; readonly count: number };
}

/** Works until the shard ends or the mapping is stopped. @throws whatever reading throws */
export async function consume(consumer: Consumer): Promise<void> {
  const { work, reader } = consumer;
  const { signal } = work;
  const windowSeconds = work.settings.tumblingWindowSeconds;
  while (!signal.aborted) {
    const { window } = consumer;
    const windowEndMs = window && windowSeconds > 0 ? window.startMs + windowSeconds * 1000 : Number.POSITIVE_INFINITY;
    const next = await reader.peek(windowEndMs);
    if (signal.aborted) {
      // What no filter passed need not be looked at again.
      if (reader.sequence !== undefined) await checkpoint(consumer, reader.sequence);
      return;
    }
    if (window && (!next || windowStartMs(next, windowSeconds) !== window.startMs)) {
      if (!(await endWindow(consumer, window, false))) return;
      continue;
    }
    if (!next) break;
    const batch = await gather(consumer);
    if (batch.length === 0 || signal.aborted) return;
    if (windowSeconds > 0) consumer.window ??= { startMs: windowStartMs(batch[0]!, windowSeconds), state: "{}" };
    if (!(await handle(consumer, batch))) return;
    if (reader.sequence !== sequenceIn(batch.at(-1)!) + 1) await checkpoint(consumer, reader.sequence!);
  }
  if (reader.ended) await checkpoint(consumer, reader.sequence ?? 1, true);
}

/** Records for one batch: as many as come at once, or within the batching window, and of one tumbling window. */
async function gather({ work, reader }: Consumer): Promise<StreamEventRecord[]> {
  const { mapping, flow, signal } = work;
  const { batchSize, windowSeconds } = mapping;
  const tumblingSeconds = work.settings.tumblingWindowSeconds;
  const deadlineMs = flow.clock.nowMs() + windowSeconds * 1000;
  const batch: StreamEventRecord[] = [];
  let bytes = 0;
  while (batch.length < batchSize && !signal.aborted) {
    const first = batch[0];
    const tumbleMs =
      first && tumblingSeconds > 0
        ? windowStartMs(first, tumblingSeconds) + tumblingSeconds * 1000
        : Number.POSITIVE_INFINITY;
    const next = await reader.peek(Math.min(deadlineMs, tumbleMs));
    if (!next) break;
    if (first && tumblingSeconds > 0 && windowStartMs(next, tumblingSeconds) !== windowStartMs(first, tumblingSeconds))
      break;
    bytes += Buffer.byteLength(JSON.stringify(next)) + 1;
    if (first && bytes > BATCH_BYTES_MAX) break;
    batch.push(reader.take());
  }
  return batch;
}

/** Runs a batch until all of it is done with. @returns false when the mapping was stopped before that */
async function handle(consumer: Consumer, batch: readonly StreamEventRecord[]): Promise<boolean> {
  const { work, failedBefore } = consumer;
  const { settings, signal, flow } = work;
  const { maximumRetryAttempts, maximumRecordAgeSeconds, bisectBatchOnFunctionError } = settings;
  /** Parts of the batch, in order. */
  const parts: (readonly StreamEventRecord[])[] = [batch];
  let failures = failedBefore?.sequence === sequenceIn(batch[0]!) ? failedBefore.count : 0;
  for (let part = parts[0]; part; part = parts[0]) {
    if (signal.aborted) return false;
    const old = maximumRecordAgeSeconds < 0 ? 0 : countOlder(part, flow.clock.nowMs() - maximumRecordAgeSeconds * 1000);
    if (old > 0) {
      await discard(consumer, part.slice(0, old), { condition: "RecordAgeExceeded", invocations: failures });
      await advance(consumer, parts, old);
      failures = 0;
      continue;
    }
    const outcome = await invoke(consumer, part);
    if (!outcome) return false;
    if (outcome.done > 0) {
      await advance(consumer, parts, outcome.done);
      failures = 0;
    }
    if (outcome.done === part.length) {
      await note(work, "OK");
      continue;
    }
    await note(work, "PROBLEM: Function call failed");
    failures++;
    const failed = parts[0]!;
    if (bisectBatchOnFunctionError && failed.length > 1) {
      // A cut takes nothing from the retries.
      if (outcome.done === 0) {
        const middle = Math.ceil(failed.length / 2);
        parts.splice(0, 1, failed.slice(0, middle), failed.slice(middle));
      }
      failures = 0;
      continue;
    }
    if (maximumRetryAttempts >= 0 && failures > maximumRetryAttempts) {
      await discard(consumer, failed, {
        condition: "RetryAttemptsExhausted",
        invocations: failures,
        execution: outcome.execution,
      });
      await advance(consumer, parts, failed.length);
      failures = 0;
      continue;
    }
    // The count outlives the platform: no restart gives a batch more attempts than it may have.
    await checkpoint(consumer, sequenceIn(failed[0]!), false, failures);
    await sleep(flow.clock, Math.min(RETRY_MS * 2 ** (failures - 1), RETRY_MS_MAX), signal);
  }
  return true;
}

const countOlder = (part: readonly StreamEventRecord[], thanMs: number): number => {
  const young = part.findIndex((record) => createdMs(record) >= thanMs);
  return young < 0 ? part.length : young;
};

/** The first `count` records of the first part are done with. */
async function advance(consumer: Consumer, parts: (readonly StreamEventRecord[])[], count: number): Promise<void> {
  const [first] = parts as [readonly StreamEventRecord[]];
  if (count === first.length) parts.shift();
  else parts[0] = first.slice(count);
  await checkpoint(consumer, sequenceIn(first[count - 1]!) + 1);
}

interface Outcome {
  /** How many records from the front are done. */
  readonly done: number;
  readonly execution: Execution;
}

/** One invocation, however long it takes to get one. Undefined when the mapping was stopped. */
async function invoke(consumer: Consumer, records: readonly StreamEventRecord[]): Promise<Outcome | undefined> {
  const { work, shardId, window } = consumer;
  const { settings, mapping, signal } = work;
  const event = {
    Records: records,
    ...(window &&
      windowMembers(
        window,
        settings.tumblingWindowSeconds,
        { shardId, streamArn: mapping.eventSourceArn },
        { isFinal: false, isEarly: false },
      )),
  };
  const execution = await run(work, event);
  if (!execution) return undefined;
  measureAge(work, records.at(-1)!);
  // Cut off by the end of the mapping, or of the platform: no failure of the function's.
  if (execution.functionError !== undefined) return signal.aborted ? undefined : { done: 0, execution };
  const state = window && stateIn(execution.payload);
  if (window && state === undefined) return { done: 0, execution };
  const done = mapping.reportBatchItemFailures ? firstFailure(execution.payload, records) : records.length;
  if (window && state !== undefined && done > 0) {
    consumer.window = { ...window, state };
    if (Buffer.byteLength(state) > STATE_BYTES_MAX && !(await endWindow(consumer, consumer.window, true))) {
      return undefined;
    }
  }
  return { done, execution };
}

/** @see https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html */
function measureAge({ flow, mapping }: StreamWork, last: StreamEventRecord): void {
  flow.measure({
    namespace: "AWS/Lambda",
    name: "IteratorAge",
    dimensions: { FunctionName: locate(mapping.functionArn, flow).name },
    unit: "Milliseconds",
    value: Math.max(0, flow.clock.nowMs() - createdMs(last)),
  });
}

/** Hands a window's state over for the last time, until that succeeds. @returns false when the mapping was stopped before */
async function endWindow(consumer: Consumer, window: TumblingWindow, isEarly: boolean): Promise<boolean> {
  const { work, shardId, reader } = consumer;
  const shard = { shardId, streamArn: work.mapping.eventSourceArn };
  const members = windowMembers(window, work.settings.tumblingWindowSeconds, shard, { isFinal: true, isEarly });
  for (let failures = 0; !work.signal.aborted; failures++) {
    const execution = await run(work, { Records: [], ...members });
    if (!execution) return false;
    if (execution.functionError === undefined) {
      consumer.window = isEarly ? { startMs: window.startMs, state: "{}" } : undefined;
      await note(work, "OK");
      if (!isEarly) await checkpoint(consumer, reader.sequence ?? 1);
      return true;
    }
    await note(work, "PROBLEM: Function call failed");
    await sleep(work.flow.clock, Math.min(RETRY_MS * 2 ** failures, RETRY_MS_MAX), work.signal);
  }
  return false;
}

/** Runs the function; one that is throttled or cannot run is tried again until it does. */
async function run(work: StreamWork, event: unknown): Promise<Execution | undefined> {
  const { functions, flow, signal } = work;
  const payload = Buffer.from(JSON.stringify(event));
  for (let refusals = 0; !signal.aborted; refusals++) {
    try {
      const { target } = await lookUp(work);
      return await execute(functions, flow, target, { payload, requestId: flow.random.uuid() });
    } catch (error) {
      if (signal.aborted) break;
      const isThrottled = error instanceof AwsError && error.status === 429;
      if (!isThrottled) {
        await note(work, "PROBLEM: Function call failed");
        flow.log.warn("A batch of a stream could not run", { mapping: work.mapping.uuid, error });
      }
      await sleep(flow.clock, Math.min(THROTTLED_MS * 2 ** refusals, THROTTLED_MS_MAX), signal);
    }
  }
  return undefined;
}

async function checkpoint(
  { work, shardId, consumer, window }: Consumer,
  sequence: number,
  done = false,
  failures = 0,
): Promise<void> {
  const { mapping, settings, flow } = work;
  const row: CheckpointRecord = {
    consumer,
    of: settings.parallelizationFactor,
    sequence,
    done,
    ...(window && { window }),
    ...(failures > 0 && { failures }),
  };
  await flow.write((tx, context) => keep(tx, context, mapping.uuid, shardId, row));
}
