/**
 * What moves messages from queues to functions: one poller for every enabled event source mapping. An idle one is a single long poll, which
 * costs nothing while it waits. A busy one receives while up to its limit of batches are under way. Streams have pollers of their own
 * (`stream-poller.ts`).
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
 */
import { sleep } from "../../kernel/clock.ts";
import { AwsError } from "../../kernel/errors.ts";
import type { Trace } from "../../kernel/trace.ts";
import type { FlowContext, Principal } from "../service.ts";
import {
  BATCH_BYTES_MAX,
  CAUSE_ATTRIBUTE,
  causeOf,
  failedMessageIds,
  type Lane,
  lanesOf,
  type RecordFilter,
  recordFilter,
  recordOf,
  type SqsRecord,
} from "./batches.ts";
import { forget } from "./checkpoints.ts";
import { execute, type Target } from "./execution.ts";
import { queueUrl } from "./mapping-sources.ts";
import { lookUp, note } from "./mapping-work.ts";
import type { MappingChange } from "./mappings.ts";
import { GROW_EVERY_MS, initialScale, rescale } from "./poller-scale.ts";
import { type MappingRecord, mappingKey, mappingRange, mappings, type Place, places } from "./state.ts";
import type { Functions } from "./stored.ts";
import { pollStream } from "./stream-poller.ts";

const LONG_POLL_SECONDS = 20;
const RECEIVE_MAX = 10;
/** After an error a poller waits this long, and twice as long after each further one. */
const TROUBLE_MS = 1000;
const TROUBLE_MS_MAX = 60_000;
/** A throttled batch is tried again this soon, and half as soon after each further refusal. */
const THROTTLED_MS = 100;
const THROTTLED_MS_MAX = 5000;

export interface Pollers {
  /** Starts a poller for every enabled mapping there is. */
  open(flow: FlowContext): Promise<void>;
  /** Brings a changed mapping to its new state. */
  follow(flow: FlowContext, change: MappingChange): Promise<void>;
  /** No more polling; batches under way go on. */
  stop(): void;
  /** Resolves when no batch is under way any more. */
  settled(): Promise<void>;
}

interface Poller {
  readonly stop: AbortController;
  readonly done: Promise<void>;
}

export function createPollers(functions: Functions): Pollers {
  const running = new Map<string, Poller>();
  const ending = new Set<Promise<void>>();
  let platform: FlowContext | undefined;

  const end = (uuid: string) => {
    running.get(uuid)?.stop.abort();
    running.delete(uuid);
  };
  const begin = (at: Place, record: MappingRecord) => {
    if (!platform || platform.signal.aborted) return;
    const before = running.get(record.uuid)?.done;
    end(record.uuid);
    const stop = new AbortController();
    const flow = platform.as({ accountId: at.accountId, region: at.region });
    const signal = AbortSignal.any([platform.signal, stop.signal]);
    // A stream's order holds across a change of the mapping as well: its last batch comes to an end first.
    const work = record.stream
      ? Promise.resolve(before).then(() => pollStream(functions, flow, record, signal))
      : poll(functions, flow, record, signal);
    const done = work.catch((error: unknown) => {
      flow.log.error("An event source poller ended", { mapping: record.uuid, error });
    });
    running.set(record.uuid, { stop, done });
    ending.add(done);
    void done.finally(() => ending.delete(done));
  };

  return {
    async open(flow) {
      platform = flow;
      const enabled = await flow.write((tx) => {
        const found: { at: Place; record: MappingRecord }[] = [];
        for (const at of places(tx)) {
          const { start, end: until } = mappingRange(at);
          for (const [, record] of mappings.range(tx, start, until)) {
            if (record.enabled && !running.has(record.uuid)) found.push({ at, record });
          }
        }
        return found;
      });
      for (const { at, record } of enabled) begin(at, record);
    },
    async follow(flow, { accountId, region, uuid }) {
      const at = { accountId, region };
      const record = await flow.write((tx) => {
        const stored = mappings.get(tx, mappingKey(at, uuid));
        if (!stored) return undefined;
        if (stored.state === "Deleting") {
          tx.delete(mappingKey(at, uuid));
          forget(tx, at, uuid);
          return undefined;
        }
        const settled: MappingRecord = { ...stored, state: stored.enabled ? "Enabled" : "Disabled" };
        mappings.put(tx, mappingKey(at, uuid), settled);
        return settled;
      });
      if (record?.enabled) begin(at, record);
      else end(uuid);
    },
    stop() {
      for (const uuid of [...running.keys()]) end(uuid);
    },
    async settled() {
      await Promise.all(ending);
    },
  };
}

/** A mapping at work. */
interface Work {
  readonly functions: Functions;
  readonly flow: FlowContext;
  readonly mapping: MappingRecord;
  readonly url: string;
  readonly passes: RecordFilter;
  readonly signal: AbortSignal;
}

async function poll(
  functions: Functions,
  flow: FlowContext,
  mapping: MappingRecord,
  signal: AbortSignal,
): Promise<void> {
  const url = queueUrl(flow, mapping.eventSourceArn);
  const work: Work = { functions, flow, mapping, url, passes: recordFilter(mapping.filters), signal };
  const underWay = new Set<Promise<void>>();
  let scale = initialScale(mapping.maximumConcurrency, flow.clock.nowMs());
  let onRoom = () => {};
  const room = async () => {
    for (;;) {
      scale = rescale(scale, underWay.size, mapping.maximumConcurrency, flow.clock.nowMs());
      if (underWay.size < scale.limit) return;
      const growth = new AbortController();
      const freed = new Promise<void>((resolve) => {
        onRoom = resolve;
      });
      await Promise.race([freed, sleep(flow.clock, GROW_EVERY_MS, growth.signal)]);
      growth.abort();
    }
  };

  let troubles = 0;
  while (!signal.aborted) {
    await room();
    let records: readonly SqsRecord[];
    try {
      records = await gather(work);
      troubles = 0;
    } catch (error) {
      if (signal.aborted) break;
      await note(work, `PROBLEM: ${error instanceof AwsError ? error.message : "Internal error"}`);
      if (troubles++ === 0) flow.log.warn("An event source mapping cannot poll", { mapping: mapping.uuid, error });
      await sleep(flow.clock, Math.min(TROUBLE_MS * 2 ** (troubles - 1), TROUBLE_MS_MAX), signal);
      continue;
    }
    for (const lane of lanesOf(records, mapping)) {
      await room();
      const run = runLane(work, lane).catch((error: unknown) => {
        flow.log.warn("A batch of an event source mapping failed", { mapping: mapping.uuid, error });
      });
      underWay.add(run);
      void run.finally(() => {
        underWay.delete(run);
        onRoom();
      });
    }
  }
  await Promise.all(underWay);
}

/** Messages for one batch or, from a FIFO queue, for some: as many as come at once, or within the batching window. */
async function gather(work: Work): Promise<readonly SqsRecord[]> {
  const { flow, mapping, signal } = work;
  const { batchSize, windowSeconds } = mapping;
  const records = await receive(work, Math.min(RECEIVE_MAX, batchSize), LONG_POLL_SECONDS);
  if (records.length === 0 || windowSeconds === 0) return records;
  const deadlineMs = flow.clock.nowMs() + windowSeconds * 1000;
  let bytes = sizeOf(records);
  while (records.length < batchSize && bytes < BATCH_BYTES_MAX && !signal.aborted) {
    const leftMs = deadlineMs - flow.clock.nowMs();
    if (leftMs <= 0) break;
    // Long polls take whole seconds; the rest of the window is waited out, and what came meanwhile is taken.
    const waitSeconds = Math.min(LONG_POLL_SECONDS, Math.floor(leftMs / 1000));
    if (waitSeconds < 1) await sleep(flow.clock, leftMs, signal);
    const more = await receive(work, Math.min(RECEIVE_MAX, batchSize - records.length), waitSeconds);
    records.push(...more);
    bytes += sizeOf(more);
  }
  return records;
}

const sizeOf = (records: readonly SqsRecord[]): number =>
  records.reduce((sum, record) => sum + Buffer.byteLength(record.body), 0);

/** Receives once. What no filter passes is deleted, as if it had been processed. */
async function receive(work: Work, count: number, waitSeconds: number): Promise<SqsRecord[]> {
  const { flow, mapping, url, passes, signal } = work;
  const { principal } = await lookUp(work);
  const { Messages = [] } = await flow.call(
    "sqs",
    "ReceiveMessage",
    {
      QueueUrl: url,
      MaxNumberOfMessages: count,
      WaitTimeSeconds: waitSeconds,
      MessageSystemAttributeNames: ["All", CAUSE_ATTRIBUTE as "All"],
      MessageAttributeNames: ["All"],
    },
    { principal, signal },
  );
  const records = Messages.map((message) => recordOf(message, mapping.eventSourceArn));
  const passed = records.filter(passes);
  if (passed.length < records.length) {
    await remove(
      work,
      principal,
      records.filter((record) => !passed.includes(record)),
    );
  }
  return passed;
}

/** Runs a lane's batches in turn; where one fails, what stands behind it must not overtake it. */
async function runLane(work: Work, lane: Lane): Promise<void> {
  for (const batch of lane) if (!(await handle(work, batch))) return;
}

/**
 * Runs one batch. What succeeded is deleted; what failed stays invisible until its visibility timeout has passed, and then comes again.
 * @returns whether all of it succeeded
 */
async function handle(work: Work, batch: readonly SqsRecord[]): Promise<boolean> {
  const { mapping } = work;
  const { target, principal } = await lookUp(work);
  const execution = await run(work, target, principal, batch).catch((error: unknown) => {
    work.flow.log.warn("A batch of an event source mapping could not run", { mapping: mapping.uuid, error });
    return undefined;
  });
  if (!execution || execution.functionError !== undefined) {
    await note(work, "PROBLEM: Function call failed");
    return false;
  }
  if (!mapping.reportBatchItemFailures) {
    await remove(work, principal, batch);
    await note(work, "OK");
    return true;
  }
  const failed = failedMessageIds(execution.payload, batch);
  if (failed) {
    await remove(
      work,
      principal,
      batch.filter(({ messageId }) => !failed.has(messageId)),
    );
  }
  const isComplete = failed?.size === 0;
  await note(work, isComplete ? "OK" : "PROBLEM: Function call failed");
  return isComplete;
}

/** Throttled batches are tried again while their messages are invisible. Undefined when there is no more time for that. */
async function run(
  { functions, flow, url, signal }: Work,
  target: Target,
  principal: Principal,
  batch: readonly SqsRecord[],
) {
  const payload = Buffer.from(JSON.stringify({ Records: batch }));
  const startMs = flow.clock.nowMs();
  const caused = flow.as({ trace: writeWaits(flow, batch) ?? flow.trace });
  let untilMs: number | undefined;
  for (let refusals = 0; ; refusals++) {
    try {
      return await execute(functions, caused, target, { payload, requestId: flow.random.uuid() });
    } catch (error) {
      if (!(error instanceof AwsError) || error.status !== 429) throw error;
      untilMs ??= startMs + patienceMs(await visibilityMs(flow, url, principal), target.record.timeoutSeconds * 1000);
      const waitMs = Math.min(THROTTLED_MS * 2 ** refusals, THROTTLED_MS_MAX);
      if (flow.clock.nowMs() + waitMs > untilMs || signal.aborted) return undefined;
      await sleep(flow.clock, waitMs, signal);
    }
  }
}

/**
 * Writes down how long each traced message waited in its queue. A batch runs in the trace of its first one; the others' waits name it.
 * @returns under what the function runs
 */
function writeWaits(flow: FlowContext, batch: readonly SqsRecord[]): Trace | undefined {
  let first: Trace | undefined;
  const nowMs = flow.clock.nowMs();
  for (const record of batch) {
    const cause = causeOf(record);
    if (!cause?.sampled) continue;
    const wait = flow.tracer.under(cause);
    const sentMs = Number(record.attributes["SentTimestamp"]);
    const receives = Number(record.attributes["ApproximateReceiveCount"]);
    flow.spans.record({
      traceId: wait.traceId,
      id: wait.spanId,
      parentId: cause.spanId,
      accountId: flow.accountId,
      region: flow.region,
      service: "sqs",
      name: "in the queue",
      resource: record.eventSourceARN,
      startMs: sentMs,
      durationMs: Math.max(0, nowMs - sentMs),
      attributes: { messageId: record.messageId, receives, ...(first ? { batchTrace: first.traceId } : {}) },
    });
    first ??= wait;
  }
  return first;
}

/** As long as the function could still end before its messages are visible again; where that leaves too little, half of their time. */
const patienceMs = (invisibleMs: number, timeoutMs: number): number =>
  Math.max(invisibleMs - timeoutMs, invisibleMs / 2);

async function visibilityMs(flow: FlowContext, url: string, principal: Principal): Promise<number> {
  const { Attributes } = await flow.call(
    "sqs",
    "GetQueueAttributes",
    { QueueUrl: url, AttributeNames: ["VisibilityTimeout"] },
    { principal },
  );
  return Number(Attributes!.VisibilityTimeout) * 1000;
}

async function remove({ flow, url }: Work, principal: Principal, records: readonly SqsRecord[]): Promise<void> {
  for (let start = 0; start < records.length; start += RECEIVE_MAX) {
    await flow.call(
      "sqs",
      "DeleteMessageBatch",
      {
        QueueUrl: url,
        Entries: records
          .slice(start, start + RECEIVE_MAX)
          .map(({ receiptHandle }, index) => ({ Id: String(index), ReceiptHandle: receiptHandle })),
      },
      { principal },
    );
  }
}
