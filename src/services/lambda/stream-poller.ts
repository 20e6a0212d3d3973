/**
 * What moves records from a stream to a function: finds the stream's shards, serves each after its parent, and looks for children when one has
 * ended. Between records it waits to be woken.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
 */
import { sleep } from "../../kernel/clock.ts";
import { AwsError } from "../../kernel/errors.ts";
import type { FlowContext, OutputOf, Principal } from "../service.ts";
import { forget, isDone, resume } from "./checkpoints.ts";
import { lookUp, note, type StreamWork } from "./mapping-work.ts";
import type { MappingRecord } from "./state.ts";
import type { Functions } from "./stored.ts";
import { consume } from "./stream-consumer.ts";
import { consumerOf, streamFilter } from "./stream-events.ts";
import { openShard } from "./stream-reader.ts";

/** After an error a poller waits this long, and twice as long after each further one. */
const TROUBLE_MS = 1000;
const TROUBLE_MS_MAX = 60_000;
/** How DynamoDB Streams begins when a stream or shard is not there. */
const SHARD_GONE = "Requested resource not found";

type Description = NonNullable<OutputOf<"dynamodbstreams", "DescribeStream">["StreamDescription"]>;
type Shard = NonNullable<Description["Shards"]>[number];

/** A stream with all its shards. @throws AwsError of DynamoDB Streams */
export async function describeStream(
  flow: FlowContext,
  streamArn: string,
  principal: Principal,
): Promise<{ readonly hash: string; readonly shards: readonly Shard[] }> {
  const shards: Shard[] = [];
  let after: string | undefined;
  let hash = "";
  do {
    const { StreamDescription: page } = await flow.call(
      "dynamodbstreams",
      "DescribeStream",
      { StreamArn: streamArn, ...(after !== undefined && { ExclusiveStartShardId: after }) },
      { principal },
    );
    hash = page!.KeySchema![0]!.AttributeName!;
    shards.push(...page!.Shards!);
    after = page!.LastEvaluatedShardId;
  } while (after !== undefined);
  return { hash, shards };
}

/** Serves a mapping until it is stopped. */
export async function pollStream(
  functions: Functions,
  flow: FlowContext,
  mapping: MappingRecord,
  signal: AbortSignal,
): Promise<void> {
  const work: StreamWork = { functions, flow, mapping, settings: mapping.stream!, signal };
  const underWay = new Map<string, Promise<void>>();
  /** Shards read to their end; kept beside what is durable, so that none is read twice while its mapping is being deleted. */
  const over = new Set<string>();
  let troubles = 0;
  while (!signal.aborted) {
    try {
      await begin(work, underWay, over);
      troubles = 0;
    } catch (error) {
      if (signal.aborted) break;
      await complain(work, error, troubles++);
      continue;
    }
    // A shard that ends has a child, or is the last one of a stream that was disabled.
    if (underWay.size > 0) await Promise.race(underWay.values());
    else await flow.wait(`event-source-mapping ${mapping.uuid}`, Number.POSITIVE_INFINITY, signal);
  }
  await Promise.all(underWay.values());
}

async function complain({ flow, mapping, ...work }: StreamWork, error: unknown, troubles: number): Promise<void> {
  await note({ flow, mapping, ...work }, `PROBLEM: ${error instanceof AwsError ? error.message : "Internal error"}`);
  if (troubles === 0) flow.log.warn("An event source mapping cannot poll", { mapping: mapping.uuid, error });
  await sleep(flow.clock, Math.min(TROUBLE_MS * 2 ** troubles, TROUBLE_MS_MAX), work.signal);
}

/** Starts the consumers of every shard whose turn it is. */
async function begin(work: StreamWork, underWay: Map<string, Promise<void>>, over: Set<string>): Promise<void> {
  const { flow, mapping, settings } = work;
  const { principal } = await lookUp(work);
  const { hash, shards } = await describeStream(flow, mapping.eventSourceArn, principal);
  const present = new Set(shards.map(({ ShardId }) => ShardId!));
  const done = await flow.write((tx, context) => {
    forget(tx, context, mapping.uuid, present);
    const isOver = (id: string) => isDone(tx, context, mapping.uuid, id, settings.parallelizationFactor);
    return new Set([...present].filter((id) => over.has(id) || isOver(id)));
  });
  for (const { ShardId: id, ParentShardId: parent } of shards) {
    if (done.has(id!) || underWay.has(id!)) continue;
    if (parent !== undefined && present.has(parent) && !done.has(parent)) continue;
    underWay.set(
      id!,
      serve(work, id!, hash)
        .then((isRead) => void (isRead && over.add(id!)))
        .finally(() => underWay.delete(id!)),
    );
  }
}

/** Runs the consumers of a shard. @returns whether they came to its end */
async function serve(work: StreamWork, shardId: string, hash: string): Promise<boolean> {
  const consumers = Array.from({ length: work.settings.parallelizationFactor }, (_, consumer) =>
    persist(work, shardId, hash, consumer),
  );
  return (await Promise.all(consumers)).every((isRead) => isRead);
}

/** One consumer; after an error it goes on from the place that it kept. */
async function persist(work: StreamWork, shardId: string, hash: string, consumer: number): Promise<boolean> {
  const { flow, mapping, settings, signal } = work;
  const { parallelizationFactor } = settings;
  const filter = streamFilter(mapping.filters);
  for (let troubles = 0; !signal.aborted; troubles++) {
    try {
      const place = await flow.write(
        (tx, context) => resume(tx, context, mapping.uuid, shardId, parallelizationFactor)[consumer]!,
      );
      if (place.done) return true;
      const reader = openShard(
        {
          flow,
          streamArn: mapping.eventSourceArn,
          shardId,
          signal,
          principal: async () => (await lookUp(work)).principal,
          passes: (record) => consumerOf(record, hash, parallelizationFactor) === consumer && filter(record),
        },
        place.sequence,
      );
      await consume({
        work,
        shardId,
        consumer,
        reader,
        window: place.window,
        ...(place.failures !== undefined &&
          place.sequence !== undefined && { failedBefore: { sequence: place.sequence, count: place.failures } }),
      });
      return reader.ended;
    } catch (error) {
      // A shard that was trimmed away has nothing more to say.
      if (error instanceof AwsError && error.message.startsWith(SHARD_GONE)) return true;
      if (signal.aborted) break;
      await complain(work, error, troubles);
    }
  }
  return false;
}
