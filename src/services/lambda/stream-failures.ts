/** Records of a stream that were given up: what a mapping's on-failure destination hears of them. */
import { datedKey, deliver } from "./destinations.ts";
import type { Execution } from "./execution.ts";
import { lookUp } from "./mapping-work.ts";
import { functionArn } from "./names.ts";
import type { Consumer } from "./stream-consumer.ts";
import { createdMs, type StreamEventRecord } from "./stream-events.ts";

/** Why records were given up. */
export interface Reason {
  readonly condition: "RetryAttemptsExhausted" | "RecordAgeExceeded";
  /** Invocations that had them. */
  readonly invocations: number;
  /** The last of those. */
  readonly execution?: Execution;
}

/** A queue or a topic gets where the records are to be found; a bucket the records themselves as well. */
export async function discard(
  { work, shardId }: Pick<Consumer, "work" | "shardId">,
  records: readonly StreamEventRecord[],
  { condition, invocations, execution }: Reason,
): Promise<void> {
  const { mapping, settings, flow } = work;
  flow.log.warn("Records of a stream were given up", {
    mapping: mapping.uuid,
    shardId,
    count: records.length,
    condition,
  });
  if (settings.onFailure === undefined) return;
  const { target, principal } = await lookUp(work);
  const [first, last] = [records[0]!, records.at(-1)!];
  const second = (record: StreamEventRecord) => new Date(createdMs(record)).toISOString().replace(".000Z", "Z");
  const described = {
    requestContext: {
      requestId: flow.random.uuid(),
      functionArn: functionArn(target.at, target.at.qualifier),
      condition,
      approximateInvokeCount: invocations,
    },
    ...(execution && {
      responseContext: {
        statusCode: 200,
        executedVersion: execution.version,
        ...(execution.functionError !== undefined && { functionError: execution.functionError }),
      },
    }),
    version: "1.0",
    timestamp: new Date(flow.clock.nowMs()).toISOString(),
    DDBStreamBatchInfo: {
      shardId,
      startSequenceNumber: first.dynamodb.SequenceNumber,
      endSequenceNumber: last.dynamodb.SequenceNumber,
      approximateArrivalOfFirstRecord: second(first),
      approximateArrivalOfLastRecord: second(last),
      batchSize: records.length,
      streamArn: mapping.eventSourceArn,
    },
  };
  const payload = JSON.stringify({ Records: records });
  await deliver(
    flow,
    settings.onFailure,
    {
      body: JSON.stringify(described),
      key: `aws/lambda/${mapping.uuid}/${shardId}/${datedKey(flow)}`,
      document: JSON.stringify({ ...described, payload }),
    },
    principal,
  );
}
